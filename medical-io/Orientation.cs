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

        public T[] Forward<T>(T[] source)
        {
            if (steps[0] == 1 && steps[1] == Target.Size.Width && steps[2] == (long)Target.Size.Width * Target.Size.Height)
            {
                return source;
            }

            var target = new T[source.Length];
            var offset = 0;
            for (var k = 0; k < Target.Size.Depth; k++)
            {
                for (var j = 0; j < Target.Size.Height; j++)
                {
                    var at = start + j * steps[1] + k * steps[2];
                    for (var i = 0; i < Target.Size.Width; i++, at += steps[0])
                    {
                        target[offset++] = source[at];
                    }
                }
            }

            return target;
        }
    }
}
