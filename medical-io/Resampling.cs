using System.Text.Json.Serialization;

namespace Credence.MedicalIO;

/// <summary>How a value between voxels is found.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Interpolation>))]
public enum Interpolation
{
    /// <summary>The nearest voxel; exact halves go to the higher index.</summary>
    [JsonStringEnumMemberName("nearest")]
    Nearest,

    /// <summary>Trilinear.</summary>
    [JsonStringEnumMemberName("linear")]
    Linear,

    /// <summary>
    /// Cubic B-spline through the voxels, mirrored at the border. Along an axis whose spacing is more than <see cref="Resampling.AnisotropyThreshold"/>
    /// times the smallest it is linear: a spline through thick slices rings.
    /// </summary>
    [JsonStringEnumMemberName("cubic-b-spline")]
    CubicSpline,
}

/// <summary>Resamples volumes from one grid onto another, through world coordinates.</summary>
/// <remarks>
/// Positions beyond the outermost voxel centres take the value of the nearest voxel on the border for up to one source voxel, so that grids with the
/// same field of view never lose their rim; positions further out take the outside value.
/// </remarks>
public static class Resampling
{
    /// <summary>Ratio of spacings above which slices are thick. Source: Isensee et al. 2021 (nnU-Net), doi:10.1038/s41592-020-01008-z, supplementary note 2.</summary>
    public const double AnisotropyThreshold = 3;

    private const double RimVoxels = 1;
    private const int MostSlabs = 8;

    /// <summary>Samples a volume at the voxel centres of another grid.</summary>
    /// <param name="source">The volume.</param>
    /// <param name="target">The grid to sample on.</param>
    /// <param name="interpolation">Between voxels.</param>
    /// <param name="outside">Value more than one voxel outside of <paramref name="source"/>.</param>
    public static Volume Resample(Volume source, VolumeGeometry target, Interpolation interpolation, float outside = 0)
    {
        if (source.Geometry == target)
        {
            return source;
        }

        var voxels = new float[target.Size.Count];
        var sampler = new Sampler(source.Geometry, target);
        if (interpolation == Interpolation.CubicSpline)
        {
            var slabs = sampler.Slabs(CubicSpline.Reach);
            var spline = new CubicSpline(source, slabs.Max(s => s.Box.Size.Count), AnisotropyThreshold);
            foreach (var (first, end, box) in slabs)
            {
                spline.Prepare(box);
                sampler.ForEachRow(first, end, (offset, row, step) =>
                {
                    for (var i = 0; i < target.Size.Width; i++)
                    {
                        var index = row + i * step;
                        voxels[offset + i] = Sampler.Clamp(ref index, source.Geometry.Size) ? spline.At(index) : outside;
                    }
                });
            }

            return new(target, voxels);
        }

        sampler.ForEachRow(0, target.Size.Depth, (offset, row, step) =>
        {
            var (size, values) = (source.Geometry.Size, source.Voxels);
            for (var i = 0; i < target.Size.Width; i++)
            {
                var index = row + i * step;
                voxels[offset + i] = Sampler.Clamp(ref index, size)
                    ? interpolation == Interpolation.Linear ? Linear(values, size, index) : values[Nearest(size, index)]
                    : outside;
            }
        });
        return new(target, voxels);
    }

    /// <summary>Samples a label map at the nearest voxel; 0 more than one voxel outside.</summary>
    public static LabelMap Resample(LabelMap source, VolumeGeometry target)
    {
        if (source.Geometry == target)
        {
            return source;
        }

        var labels = new byte[target.Size.Count];
        new Sampler(source.Geometry, target).ForEachRow(0, target.Size.Depth, (offset, row, step) =>
        {
            for (var i = 0; i < target.Size.Width; i++)
            {
                var index = row + i * step;
                labels[offset + i] = Sampler.Clamp(ref index, source.Geometry.Size) ? source.Labels[Nearest(source.Geometry.Size, index)] : (byte)0;
            }
        });
        return new(target, labels);
    }

    /// <summary>A grid with another spacing over the same box: the outer faces of the outermost voxels stay within half a new voxel of where they are, the centre exactly.</summary>
    /// <param name="geometry">The grid.</param>
    /// <param name="spacing">mm along i, j, k; above 0.</param>
    public static VolumeGeometry WithSpacing(this VolumeGeometry geometry, Vector3D spacing)
    {
        var (size, old) = (geometry.Size, geometry.Spacing);
        var newSize = new Size3(Edge(size.Width, old.X, spacing.X), Edge(size.Height, old.Y, spacing.Y), Edge(size.Depth, old.Z, spacing.Z));
        var affine = geometry.Affine;
        var (i, j, k) = (spacing.X / old.X * affine.ColumnI, spacing.Y / old.Y * affine.ColumnJ, spacing.Z / old.Z * affine.ColumnK);
        var centre = affine.Apply(new((size.Width - 1) / 2.0, (size.Height - 1) / 2.0, (size.Depth - 1) / 2.0));
        var origin = centre - ((newSize.Width - 1) / 2.0 * i + (newSize.Height - 1) / 2.0 * j + (newSize.Depth - 1) / 2.0 * k);
        return new(newSize, new(i, j, k, origin));

        static int Edge(int edge, double from, double to) => Math.Max(1, (int)Math.Round(edge * from / to));
    }

    private static int Nearest(Size3 size, Vector3D index) =>
        (int)Math.Floor(index.X + 0.5) + size.Width * ((int)Math.Floor(index.Y + 0.5) + size.Height * (int)Math.Floor(index.Z + 0.5));

    private static float Linear(float[] values, Size3 size, Vector3D index)
    {
        var (x, y, z) = ((int)index.X, (int)index.Y, (int)index.Z); // not negative: clamped
        var (fx, fy, fz) = (index.X - x, index.Y - y, index.Z - z);
        var right = x + 1 < size.Width ? 1 : 0;
        var up = y + 1 < size.Height ? size.Width : 0;
        var deep = z + 1 < size.Depth ? size.Width * size.Height : 0;
        var at = x + size.Width * (y + size.Height * z);
        var front = Mix(Mix(values[at], values[at + right], fx), Mix(values[at + up], values[at + up + right], fx), fy);
        at += deep;
        var back = Mix(Mix(values[at], values[at + right], fx), Mix(values[at + up], values[at + up + right], fx), fy);
        return (float)Mix(front, back, fz);
    }

    private static double Mix(double a, double b, double share) => a + (b - a) * share;

    private readonly struct Sampler(VolumeGeometry source, VolumeGeometry target)
    {
        private readonly Affine toSource = source.Affine.Inverse().Compose(target.Affine);

        /// <summary>Calls with the offset of a row of the target, its first position in the source and the step to the next.</summary>
        public void ForEachRow(int firstSlice, int end, Action<int, Vector3D, Vector3D> row)
        {
            var (map, size) = (toSource, target.Size);
            Parallel.For(firstSlice, end, k =>
            {
                for (var j = 0; j < size.Height; j++)
                {
                    row(size.Width * (j + size.Height * k), map.Apply(new(0, j, k)), map.ColumnI);
                }
            });
        }

        /// <summary>The target in slabs, each with the box of the source that it is computed from, so that what is kept of the source is small.</summary>
        /// <param name="reach">Voxels around a position that are needed.</param>
        /// <returns>As many slabs as cost less than two sources in all; between oblique grids that is one.</returns>
        public (int First, int End, VoxelBox Box)[] Slabs(int reach)
        {
            for (var count = Math.Min(MostSlabs, target.Size.Depth); ; count /= 2)
            {
                var slabs = new (int First, int End, VoxelBox Box)[count];
                for (var n = 0; n < count; n++)
                {
                    var (first, end) = (target.Size.Depth * n / count, target.Size.Depth * (n + 1) / count);
                    slabs[n] = (first, end, SourceBox(first, end).Grow(reach, source.Size));
                }

                if (count == 1 || slabs.Sum(s => s.Box.Size.Count) < 2 * source.Size.Count)
                {
                    return slabs;
                }
            }
        }

        private VoxelBox SourceBox(int firstSlice, int end)
        {
            VoxelBox? box = null;
            for (var corner = 0; corner < 8; corner++)
            {
                var at = toSource.Apply(new((corner & 1) * (target.Size.Width - 1), (corner >> 1 & 1) * (target.Size.Height - 1), corner >> 2 == 0 ? firstSlice : end - 1));
                var voxel = new VoxelBox(Inside(at.X, source.Size.Width), Inside(at.Y, source.Size.Height), Inside(at.Z, source.Size.Depth), new(1, 1, 1));
                box = box?.Union(voxel) ?? voxel;
            }

            return box!.Value;

            static int Inside(double position, int edge) => (int)Math.Clamp(position, 0, edge - 1);
        }

        /// <summary>Moves a position in the rim onto the border; false further out.</summary>
        public static bool Clamp(ref Vector3D index, Size3 size)
        {
            if (!(index.X >= -RimVoxels && index.Y >= -RimVoxels && index.Z >= -RimVoxels
                && index.X <= size.Width - 1 + RimVoxels && index.Y <= size.Height - 1 + RimVoxels && index.Z <= size.Depth - 1 + RimVoxels))
            {
                return false;
            }

            index = new(Math.Clamp(index.X, 0, size.Width - 1), Math.Clamp(index.Y, 0, size.Height - 1), Math.Clamp(index.Z, 0, size.Depth - 1));
            return true;
        }
    }
}
