using Credence.MedicalIO;

namespace Credence.Trainer.Sampling;

/// <summary>A map from voxels of a patch to voxels of a case, and the resampling along it.</summary>
/// <param name="ToCase">Patch index to (fractional) case index.</param>
/// <param name="Displacement">What is added to that; null for nothing.</param>
internal readonly record struct SpatialTransform(Affine ToCase, Displacement? Displacement)
{
    /// <summary>Draws rotation, scale and flips about the centre of the patch, and an elastic deformation.</summary>
    /// <param name="origin">Case index of the patch's voxel (0, 0, 0) before the variation.</param>
    /// <param name="patch">Size of the patch.</param>
    /// <param name="size">Of the case. Where it is thin, a rotation that would turn the patch out of it is held back: of a single slice none but that within it is left.</param>
    /// <param name="spacing">mm: rotations are rotations in space, not in the index.</param>
    /// <param name="options">Ranges.</param>
    /// <param name="random">Source of the draw.</param>
    /// <param name="ofFields">Source of the deformation, so that it changes no other draw.</param>
    public static SpatialTransform Draw(Vector3D origin, Size3 patch, Size3 size, Vector3D spacing, AugmentationOptions options, Random random, Random ofFields)
    {
        Vector3D Extent(Size3 of) => new((of.Width - 1) * spacing.X, (of.Height - 1) * spacing.Y, (of.Depth - 1) * spacing.Z); // mm between outermost voxels
        var (whole, part) = (Extent(size), Extent(new(Math.Min(size.Width, patch.Width), Math.Min(size.Height, patch.Height), Math.Min(size.Depth, patch.Depth))));
        var (ax, ay, az) = random.NextDouble() < options.RotationProbability
            ? (Angle(whole.Y, whole.Z, part.Y, part.Z), Angle(whole.X, whole.Z, part.X, part.Z), Angle(whole.X, whole.Y, part.X, part.Y))
            : (0, 0, 0);
        double Angle(double a, double b, double partA, double partB)
        {
            var largest = Math.Min(options.MaximumRotation * Math.PI / 180, Math.Min(Limit(b, partA), Limit(a, partB)));
            return (2 * random.NextDouble() - 1) * largest;
        }

        static double Limit(double room, double length) => length > room ? Math.Asin(room / length) : Math.PI;
        var scale = random.NextDouble() < options.ScaleProbability
            ? options.MinimumScale * Math.Pow(options.MaximumScale / options.MinimumScale, random.NextDouble())
            : 1;
        double Sign(char axis) => options.FlipAxes.Contains(axis) && random.Next(2) == 0 ? -1 : 1;
        var flip = new Vector3D(Sign('i'), Sign('j'), Sign('k'));

        // index -> mm about the centre -> flip, scale, rotate -> index of the case
        var centre = new Vector3D((patch.Width - 1) / 2.0, (patch.Height - 1) / 2.0, (patch.Depth - 1) / 2.0);
        var toMillimetres = Affine.Scaling(spacing) with { Origin = new(-centre.X * spacing.X, -centre.Y * spacing.Y, -centre.Z * spacing.Z) };
        var flipAndScale = Affine.Scaling(1 / scale * flip);
        var toIndex = Affine.Scaling(new(1 / spacing.X, 1 / spacing.Y, 1 / spacing.Z)) with { Origin = origin + centre };
        var displacement = options.MaximumDeformation > 0 && ofFields.NextDouble() < options.DeformationProbability
            ? Displacement.Draw(patch, spacing, ofFields.NextDouble() * options.MaximumDeformation, ofFields)
            : null;
        return new(toIndex.Compose(Rotation(ax, ay, az)).Compose(flipAndScale).Compose(toMillimetres), displacement);
    }

    /// <summary>Samples one channel trilinearly; outside the case the value is 0: the mean after a z-score, the middle of a window.</summary>
    public void SampleLinear(ReadOnlySpan<float> source, Size3 size, Span<float> target, Size3 patch)
    {
        var (w, h, d) = (size.Width, size.Height, size.Depth);
        var offset = 0;
        for (var k = 0; k < patch.Depth; k++)
        {
            for (var j = 0; j < patch.Height; j++)
            {
                var row = ToCase.Apply(new(0, j, k));
                for (var i = 0; i < patch.Width; i++, offset++)
                {
                    var (x, y, z) = (row.X + i * ToCase.ColumnI.X, row.Y + i * ToCase.ColumnI.Y, row.Z + i * ToCase.ColumnI.Z);
                    if (Displacement is not null)
                    {
                        (x, y, z) = (x + Displacement.I[offset], y + Displacement.J[offset], z + Displacement.K[offset]);
                    }

                    var (x0, y0, z0) = ((int)Math.Floor(x), (int)Math.Floor(y), (int)Math.Floor(z));
                    if (x0 < -1 || y0 < -1 || z0 < -1 || x0 >= w || y0 >= h || z0 >= d)
                    {
                        target[offset] = 0;
                        continue;
                    }

                    var (fx, fy, fz) = ((float)(x - x0), (float)(y - y0), (float)(z - z0));
                    float value;
                    if (x0 >= 0 && y0 >= 0 && z0 >= 0 && x0 + 1 < w && y0 + 1 < h && z0 + 1 < d)
                    {
                        var at = x0 + w * (y0 + h * z0);
                        var (up, deep) = (w, w * h);
                        var front = (source[at] * (1 - fx) + source[at + 1] * fx) * (1 - fy) + (source[at + up] * (1 - fx) + source[at + up + 1] * fx) * fy;
                        at += deep;
                        var back = (source[at] * (1 - fx) + source[at + 1] * fx) * (1 - fy) + (source[at + up] * (1 - fx) + source[at + up + 1] * fx) * fy;
                        value = front * (1 - fz) + back * fz;
                    }
                    else
                    {
                        value = 0;
                        for (var corner = 0; corner < 8; corner++)
                        {
                            var (cx, cy, cz) = (x0 + (corner & 1), y0 + (corner >> 1 & 1), z0 + (corner >> 2));
                            if (cx >= 0 && cy >= 0 && cz >= 0 && cx < w && cy < h && cz < d)
                            {
                                var weight = ((corner & 1) == 1 ? fx : 1 - fx) * ((corner >> 1 & 1) == 1 ? fy : 1 - fy) * (corner >> 2 == 1 ? fz : 1 - fz);
                                value += weight * source[cx + w * (cy + h * cz)];
                            }
                        }
                    }

                    target[offset] = value;
                }
            }
        }
    }

    /// <summary>Samples class indices at the nearest voxel; outside the case the class is 0. Also says which voxels have their nearest inside.</summary>
    public void SampleNearest(ReadOnlySpan<byte> source, Size3 size, Span<long> target, Span<bool> inside, Size3 patch)
    {
        var offset = 0;
        for (var k = 0; k < patch.Depth; k++)
        {
            for (var j = 0; j < patch.Height; j++)
            {
                var row = ToCase.Apply(new(0, j, k));
                for (var i = 0; i < patch.Width; i++, offset++)
                {
                    var (x, y, z) = (row.X + i * ToCase.ColumnI.X, row.Y + i * ToCase.ColumnI.Y, row.Z + i * ToCase.ColumnI.Z);
                    if (Displacement is not null)
                    {
                        (x, y, z) = (x + Displacement.I[offset], y + Displacement.J[offset], z + Displacement.K[offset]);
                    }

                    var (x0, y0, z0) = ((int)Math.Floor(x + 0.5), (int)Math.Floor(y + 0.5), (int)Math.Floor(z + 0.5));
                    inside[offset] = (uint)x0 < (uint)size.Width && (uint)y0 < (uint)size.Height && (uint)z0 < (uint)size.Depth;
                    target[offset] = inside[offset] ? source[x0 + size.Width * (y0 + size.Height * z0)] : 0;
                }
            }
        }
    }

    private static Affine Rotation(double x, double y, double z)
    {
        var (sx, cx, sy, cy, sz, cz) = (Math.Sin(x), Math.Cos(x), Math.Sin(y), Math.Cos(y), Math.Sin(z), Math.Cos(z));
        var aboutX = Affine.Identity with { ColumnJ = new(0, cx, sx), ColumnK = new(0, -sx, cx) };
        var aboutY = Affine.Identity with { ColumnI = new(cy, 0, -sy), ColumnK = new(sy, 0, cy) };
        var aboutZ = Affine.Identity with { ColumnI = new(cz, sz, 0), ColumnJ = new(-sz, cz, 0) };
        return aboutZ.Compose(aboutY).Compose(aboutX);
    }
}
