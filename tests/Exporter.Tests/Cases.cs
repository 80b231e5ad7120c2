using Credence.Inference;
using Credence.MedicalIO;

namespace Credence.Exporter.Tests;

/// <summary>Prepared cases.</summary>
internal static class Cases
{
    public static readonly Size3 Size = new(29, 22, 25);

    /// <summary>Noise in a ball, the same value everywhere around it.</summary>
    public static PreparedVolume Ball(int channels)
    {
        var geometry = new VolumeGeometry(Size, Affine.Identity);
        var voxels = new float[channels * Size.Count];
        var random = new Random(3);
        for (var v = 0; v < voxels.Length; v++)
        {
            var (i, j, k) = geometry.IndexOf(v % (int)Size.Count);
            voxels[v] = Math.Pow(i - 9, 2) + Math.Pow(j - 9, 2) + Math.Pow(k - 9, 2) < 49 ? (float)(random.NextDouble() * 4 - 2) : -0.7f;
        }

        return new(geometry, geometry, VoxelBox.Whole(Size), geometry, voxels);
    }
}
