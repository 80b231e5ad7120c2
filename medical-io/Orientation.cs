namespace Credence.MedicalIO;

/// <summary>Anatomical directions of the axes of a volume, and the exact change between them: axes are permuted and mirrored, voxels are never interpolated.</summary>
public static class Orientation
{
    /// <summary>The orientation of all computation: i grows to the Right, j to Anterior, k to Superior.</summary>
    public const string Canonical = "RAS";

    private const string Positive = "RAS";
    private const string Negative = "LPI";

    /// <summary>Three letters that say in which direction i, j and k grow, such as <c>RAS</c> or <c>LPI</c>; for an oblique grid the closest.</summary>
    public static string Code(Affine affine)
    {
        var axes = ClosestAxes(affine);
        return string.Concat(axes.Select(a => a.IsNegative ? Negative[a.World] : Positive[a.World]));
    }

    /// <summary>The grid with its axes permuted and mirrored to <see cref="Canonical"/>.</summary>
    public static VolumeGeometry ToCanonical(VolumeGeometry geometry) => new AxisChange(geometry).Target;

    /// <summary>The same voxels in canonical order.</summary>
    public static Volume ToCanonical(Volume volume)
    {
        var change = new AxisChange(volume.Geometry);
        return new(change.Target, change.Forward(volume.Voxels));
    }

    /// <summary>The same labels in canonical order.</summary>
    public static LabelMap ToCanonical(LabelMap labels)
    {
        var change = new AxisChange(labels.Geometry);
        return new(change.Target, change.Forward(labels.Labels));
    }

    /// <summary>The same voxels in the order of another grid with the same places, such as canonical results in the order of the scan.</summary>
    /// <exception cref="ArgumentException">It has other places.</exception>
    public static Volume Reorder(Volume volume, VolumeGeometry target) => new(target, Reorder(volume.Voxels, volume.Geometry, target));

    /// <summary>The same labels in the order of another grid with the same places.</summary>
    /// <exception cref="ArgumentException">It has other places.</exception>
    public static LabelMap Reorder(LabelMap labels, VolumeGeometry target) => new(target, Reorder(labels.Labels, labels.Geometry, target));

    private static T[] Reorder<T>(T[] values, VolumeGeometry source, VolumeGeometry target)
    {
        // The index of the target's corners in the source tells which axis runs where.
        var toSource = source.Affine.Inverse().Compose(target.Affine);
        static bool IsWhole(Vector3D v) => Math.Abs(v.X - Math.Round(v.X)) + Math.Abs(v.Y - Math.Round(v.Y)) + Math.Abs(v.Z - Math.Round(v.Z)) < 0.02;
        var last = toSource.Apply(new(target.Size.Width - 1, target.Size.Height - 1, target.Size.Depth - 1));
        bool IsInside(Vector3D v) => v.X > -0.5 && v.Y > -0.5 && v.Z > -0.5 && v.X < source.Size.Width - 0.5 && v.Y < source.Size.Height - 0.5 && v.Z < source.Size.Depth - 0.5;
        if (target.Size.Count != source.Size.Count || !IsWhole(toSource.Origin) || !IsWhole(last) || !IsInside(toSource.Origin) || !IsInside(last))
        {
            throw new ArgumentException($"A grid of {source.Size} voxels does not lie on the one of {target.Size}.", nameof(source));
        }

        long Step(Vector3D v) => (long)Math.Round(v.X) + source.Size.Width * ((long)Math.Round(v.Y) + source.Size.Height * (long)Math.Round(v.Z));
        return Walk(values, Step(toSource.Origin), [Step(toSource.ColumnI), Step(toSource.ColumnJ), Step(toSource.ColumnK)], target.Size);
    }

    /// <summary>Takes values from a start in steps along each axis of the target; the array itself where that changes nothing.</summary>
    private static T[] Walk<T>(T[] source, long start, long[] steps, Size3 size)
    {
        if (steps[0] == 1 && steps[1] == size.Width && steps[2] == (long)size.Width * size.Height)
        {
            return source;
        }

        var target = new T[source.Length];
        Parallel.For(0, size.Depth, k =>
        {
            var offset = (long)k * size.Width * size.Height;
            for (var j = 0; j < size.Height; j++)
            {
                var at = start + j * steps[1] + k * steps[2];
                for (var i = 0; i < size.Width; i++, at += steps[0])
                {
                    target[offset++] = source[at];
                }
            }
        });
        return target;
    }

    /// <summary>For each voxel axis the world axis that it follows, each used once, and whether against it.</summary>
    private static (int World, bool IsNegative)[] ClosestAxes(Affine affine)
    {
        var spacing = affine.Spacing;
        double[][] cosines =
        [
            [affine.ColumnI.X / spacing.X, affine.ColumnI.Y / spacing.X, affine.ColumnI.Z / spacing.X],
            [affine.ColumnJ.X / spacing.Y, affine.ColumnJ.Y / spacing.Y, affine.ColumnJ.Z / spacing.Y],
            [affine.ColumnK.X / spacing.Z, affine.ColumnK.Y / spacing.Z, affine.ColumnK.Z / spacing.Z],
        ];

        // Of the six assignments the one that follows its axes best; at an oblique angle the greedy choice can leave a bad last one.
        int[][] assignments = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        var best = assignments.MaxBy(a => Math.Abs(cosines[0][a[0]]) + Math.Abs(cosines[1][a[1]]) + Math.Abs(cosines[2][a[2]]))!;
        return [.. best.Select((world, axis) => (world, cosines[axis][world] < 0))];
    }

    private sealed class AxisChange
    {
        private readonly long start;
        private readonly long[] steps = new long[3]; // step in the source for one step along each target axis

        public AxisChange(VolumeGeometry source)
        {
            var axes = ClosestAxes(source.Affine);
            int[] edges = [source.Size.Width, source.Size.Height, source.Size.Depth];
            long[] strides = [1, source.Size.Width, (long)source.Size.Width * source.Size.Height];
            Vector3D[] columns = [source.Affine.ColumnI, source.Affine.ColumnJ, source.Affine.ColumnK];
            var target = new (int Edge, Vector3D Column)[3];
            var origin = source.Affine.Origin;
            for (var axis = 0; axis < 3; axis++)
            {
                var (world, isNegative) = axes[axis];
                var sign = isNegative ? -1 : 1;
                target[world] = (edges[axis], sign * columns[axis]);
                steps[world] = sign * strides[axis];
                if (isNegative)
                {
                    start += (edges[axis] - 1) * strides[axis];
                    origin += (edges[axis] - 1) * columns[axis];
                }
            }

            Target = new(
                new(target[0].Edge, target[1].Edge, target[2].Edge),
                new(target[0].Column, target[1].Column, target[2].Column, origin));
        }

        public VolumeGeometry Target { get; }

        public T[] Forward<T>(T[] source) => Walk(source, start, steps, Target.Size);
    }
}
