using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Page;

/// <summary>Volumes for looking at: 8 bits a voxel, and where they are large, one voxel for a block of them.</summary>
internal static class PagePicture
{
    private const long MostVoxels = 1 << 24;

    /// <summary>Edge of the block that becomes one voxel: 1 for volumes of up to 16.8 million voxels.</summary>
    public static int Shrink(Size3 size)
    {
        var edge = 1;
        while (Smaller(size, edge).Count > MostVoxels)
        {
            edge++;
        }

        return edge;
    }

    /// <summary>Writes a scan between two grey values; the mean of a block.</summary>
    public static void WriteScan(Stream stream, Volume scan, float low, float high, int edge) =>
        NiftiFile.Write(stream, Blocks(scan, edge, 0, (sum, voxel) => sum + Math.Clamp(voxel, low, high), (sum, count) => sum / count), NiftiDataType.UInt8);

    /// <summary>Writes a map of values from 0; the largest of a block, so that nothing small is lost.</summary>
    public static void WriteMap(Stream stream, Volume map, int edge) =>
        NiftiFile.Write(stream, Blocks(map, edge, 0, Math.Max, (most, _) => most), NiftiDataType.UInt8);

    /// <summary>Writes labels; the highest of a block.</summary>
    public static void WriteLabels(Stream stream, LabelMap labels, int edge)
    {
        var geometry = Grid(labels.Geometry, edge);
        var target = edge == 1 ? labels.Labels : new byte[geometry.Size.Count];
        if (edge > 1)
        {
            ForEachVoxel(labels.Geometry.Size, edge, (from, to) => target[to] = Math.Max(target[to], labels.Labels[from]));
        }

        NiftiFile.Write(stream, new LabelMap(geometry, target));
    }

    private static Volume Blocks(Volume volume, int edge, float start, Func<float, float, float> add, Func<float, int, float> finish)
    {
        var geometry = Grid(volume.Geometry, edge);
        var (target, counts) = (new float[geometry.Size.Count], new int[geometry.Size.Count]);
        Array.Fill(target, start);
        ForEachVoxel(volume.Geometry.Size, edge, (from, to) =>
        {
            target[to] = add(target[to], volume.Voxels[from]);
            counts[to]++;
        });
        for (var n = 0; n < target.Length; n++)
        {
            target[n] = finish(target[n], counts[n]);
        }

        return new(geometry, target);
    }

    private static void ForEachVoxel(Size3 size, int edge, Action<int, int> use)
    {
        var smaller = Smaller(size, edge);
        for (int k = 0, from = 0; k < size.Depth; k++)
        {
            for (var j = 0; j < size.Height; j++)
            {
                var row = smaller.Width * (j / edge + smaller.Height * (k / edge));
                for (var i = 0; i < size.Width; i++, from++)
                {
                    use(from, row + i / edge);
                }
            }
        }
    }

    private static Size3 Smaller(Size3 size, int edge) => new((size.Width + edge - 1) / edge, (size.Height + edge - 1) / edge, (size.Depth + edge - 1) / edge);

    /// <summary>A voxel lies at the centre of its block.</summary>
    private static VolumeGeometry Grid(VolumeGeometry grid, int edge)
    {
        var (affine, shift) = (grid.Affine, (edge - 1) / 2.0);
        return new(Smaller(grid.Size, edge), new(edge * affine.ColumnI, edge * affine.ColumnJ, edge * affine.ColumnK, affine.Apply(new(shift, shift, shift))));
    }
}
