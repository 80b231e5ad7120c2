using Credence.MedicalIO;

namespace Credence.Trainer.Phantoms;

/// <summary>A brain-like FLAIR volume with lesions, whose reference is known because it was drawn.</summary>
/// <param name="Scan">The volume.</param>
/// <param name="Lesions">1 where more than half of a voxel is lesion.</param>
/// <remarks>
/// Scalp and some vessels are as bright as lesions, grey matter is almost as bright as faint ones, and a receive field runs through everything: no
/// threshold separates lesions, a network has to learn where they can be.
/// </remarks>
internal sealed record Phantom(Volume Scan, LabelMap Lesions)
{
    private const double Scalp = 0.85, Skull = 0.08, Fluid = 0.15, Grey = 0.62, White = 0.5;
    private const double EdgeWidth = 0.8; // mm, of the soft edges between tissues
    private static readonly Vector3D HeadRadii = new(47, 58, 43);

    /// <summary>Draws a phantom; the same seed draws the same.</summary>
    public static Phantom Create(PhantomOptions options, int seed)
    {
        var random = new Random(seed);
        var head = new Head(options, random);
        var geometry = Geometry(options, random);
        var (size, voxelVector) = (options.Size, geometry.Affine.ColumnK);
        var voxels = new float[size.Count];
        var labels = new byte[size.Count];
        var slices = Enumerable.Range(0, size.Depth).Select(_ => random.Next()).ToArray(); // each slice its own noise: the result does not depend on threads
        Parallel.For(0, size.Depth, k =>
        {
            var noise = new Random(slices[k]);
            for (var j = 0; j < size.Height; j++)
            {
                for (var i = 0; i < size.Width; i++)
                {
                    // Two samples through the thick slice give its partial volume.
                    var centre = geometry.Affine.Apply(new(i, j, k));
                    var (above, below) = (head.At(centre + 0.25 * voxelVector), head.At(centre - 0.25 * voxelVector));
                    var signal = (above.Intensity + below.Intensity) / 2;
                    var offset = i + size.Width * (j + size.Height * k);
                    labels[offset] = (byte)(above.Lesion + below.Lesion > 1 ? 1 : 0);
                    var (real, imaginary) = ComplexNoise(noise, options.NoiseSigma);
                    voxels[offset] = (float)Math.Round(options.Scale * Math.Sqrt((signal + real) * (signal + real) + imaginary * imaginary));
                }
            }
        });
        return new(new(geometry, voxels), new(geometry, labels));
    }

    /// <summary>Axes as scanners write them (towards left, posterior, superior), turned a little against the head.</summary>
    private static VolumeGeometry Geometry(PhantomOptions options, Random random)
    {
        double Angle() => (2 * random.NextDouble() - 1) * options.MaximumObliqueAngle * Math.PI / 180;
        var ((sx, cx), (sy, cy)) = (Math.SinCos(Angle()), Math.SinCos(Angle()));
        var aboutX = Affine.Identity with { ColumnJ = new(0, cx, sx), ColumnK = new(0, -sx, cx) };
        var aboutY = Affine.Identity with { ColumnI = new(cy, 0, -sy), ColumnK = new(sy, 0, cy) };
        var grid = new Affine(new(-options.Spacing.X, 0, 0), new(0, -options.Spacing.Y, 0), new(0, 0, options.Spacing.Z), default);
        var affine = aboutY.Compose(aboutX).Compose(grid);
        var centre = affine.Apply(new((options.Size.Width - 1) / 2.0, (options.Size.Height - 1) / 2.0, (options.Size.Depth - 1) / 2.0));
        return new(options.Size, affine with { Origin = affine.Origin - centre });
    }

    private static (double Real, double Imaginary) ComplexNoise(Random random, double sigma)
    {
        var radius = sigma * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
        var (sine, cosine) = Math.SinCos(2 * Math.PI * random.NextDouble());
        return (radius * cosine, radius * sine);
    }

    /// <summary>Tissues as functions of a point in the head, mm.</summary>
    private sealed class Head
    {
        private readonly WaveField shape;
        private readonly WaveField folds;
        private readonly WaveField bias;
        private readonly double biasStrength;
        private readonly Vector3D radii;
        private readonly (Vector3D Centre, Vector3D Radii, double Brightness, WaveField Surface)[] lesions;
        private readonly (Vector3D Centre, double Radius)[] vessels;

        public Head(PhantomOptions options, Random random)
        {
            double Around(double value, double share) => value * (1 + share * (2 * random.NextDouble() - 1));
            radii = new(Around(HeadRadii.X, 0.06), Around(HeadRadii.Y, 0.06), Around(HeadRadii.Z, 0.06));
            shape = new(random, 60, 6);
            folds = new(random, 14, 14);
            bias = new(random, 150, 4);
            biasStrength = options.BiasStrength;

            var count = random.Next(options.MinimumLesions, options.MaximumLesions + 1);
            lesions = new (Vector3D, Vector3D, double, WaveField)[count];
            for (var n = 0; n < count; n++)
            {
                // Small lesions are more frequent than large ones.
                var radius = options.MinimumRadius * Math.Pow(options.MaximumRadius / options.MinimumRadius, Math.Pow(random.NextDouble(), 1.5));
                var centre = WhiteMatterPoint(random);
                lesions[n] = (centre, new(Around(radius, 0.25), Around(radius, 0.25), Around(radius, 0.25)),
                    0.74 + 0.2 * random.NextDouble(), new(random, 2.2 * radius, 6));
            }

            vessels = [.. Enumerable.Range(0, 6).Select(_ => (OnSurface(random, 0.8), 1.5 + 1.5 * random.NextDouble()))];
        }

        public (double Intensity, double Lesion) At(Vector3D p)
        {
            var distance = Depth(p) + 0.012 * shape.At(p);
            var scale = (radii.X + radii.Y + radii.Z) / 3; // mm a unit of distance
            double Inside(double limit) => 1 / (1 + Math.Exp(-4 * (limit - distance) * scale / EdgeWidth));

            var cortex = 0.7 + 0.045 * folds.At(p);
            var value = Scalp * Inside(1);
            value = Mix(value, Skull, Inside(0.93));
            value = Mix(value, Fluid, Inside(0.86));
            value = Mix(value, Grey, Inside(0.82 + 0.02 * folds.At(p)));
            value = Mix(value, White, Inside(cortex));
            value = Mix(value, Grey, DeepGrey(p));
            value = Mix(value, Fluid, Ventricle(p));
            foreach (var (centre, radius) in vessels)
            {
                value = Mix(value, 0.95, Soft(radius - (p - centre).Length));
            }

            var lesion = 0.0;
            foreach (var (centre, lesionRadii, brightness, surface) in lesions)
            {
                var d = p - centre;
                var relative = new Vector3D(d.X / lesionRadii.X, d.Y / lesionRadii.Y, d.Z / lesionRadii.Z).Length;
                if (relative < 2)
                {
                    var share = Soft((1 - relative + 0.18 * surface.At(p)) * lesionRadii.Length / Math.Sqrt(3));
                    value = Mix(value, brightness, share);
                    lesion = Math.Max(lesion, share);
                }
            }

            return (value * Math.Exp(biasStrength / 2 * bias.At(p)), lesion);
        }

        private double Depth(Vector3D p) => new Vector3D(p.X / radii.X, p.Y / radii.Y, p.Z / radii.Z).Length;

        private static double Ventricle(Vector3D p)
        {
            var d = new Vector3D(Math.Abs(p.X) - 6, p.Y - 2, p.Z - 4);
            return Soft((1 - new Vector3D(d.X / 4.5, d.Y / 18, d.Z / 7).Length) * 4.5);
        }

        private static double DeepGrey(Vector3D p)
        {
            var d = new Vector3D(Math.Abs(p.X) - 17, p.Y - 3, p.Z + 2);
            return Soft((1 - new Vector3D(d.X / 5, d.Y / 10, d.Z / 7).Length) * 5);
        }

        private static double Soft(double millimetresInside) => 1 / (1 + Math.Exp(-4 * millimetresInside / EdgeWidth));

        private static double Mix(double a, double b, double share) => a + (b - a) * share;

        private Vector3D WhiteMatterPoint(Random random)
        {
            while (true)
            {
                double Coordinate(double radius) => (2 * random.NextDouble() - 1) * 0.6 * radius;
                var p = new Vector3D(Coordinate(radii.X), Coordinate(radii.Y), Coordinate(radii.Z));
                if (Depth(p) < 0.58 && Ventricle(p) < 0.1 && DeepGrey(p) < 0.1)
                {
                    return p;
                }
            }
        }

        private Vector3D OnSurface(Random random, double depth)
        {
            var z = 1.2 * random.NextDouble() - 0.6;
            var (sine, cosine) = Math.SinCos(2 * Math.PI * random.NextDouble());
            var radius = Math.Sqrt(1 - z * z);
            return depth * new Vector3D(radii.X * radius * cosine, radii.Y * radius * sine, radii.Z * z);
        }
    }
}
