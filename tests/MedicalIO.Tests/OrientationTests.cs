using CsCheck;
using Credence.MedicalIO.Nifti;

namespace Credence.MedicalIO.Tests;

public sealed class OrientationTests
{
    /// <summary>Every voxel keeps its place in the world, whatever the order and direction of the axes.</summary>
    [Fact]
    public void Canonical_voxels_stay_where_they_are() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 7], Gen.Double[-0.3, 0.3], Gen.Int[1, 4].Array[3]).Sample((permutation, signs, tilt, edges) =>
        {
            var (sine, cosine) = Math.SinCos(tilt);
            Vector3D[] axes = [new(1.5 * cosine, 1.5 * sine, 0), new(-2 * sine, 2 * cosine, 0), new(0, 0, 3)];
            int[][] orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
            var columns = orders[permutation].Select((axis, n) => ((signs >> n & 1) == 1 ? -1 : 1) * axes[axis]).ToArray();
            var size = new Size3(edges[0], edges[1], edges[2]);
            var volume = new Volume(new(size, new(columns[0], columns[1], columns[2], new(7, 8, 9))), [.. Enumerable.Range(0, (int)size.Count).Select(v => (float)v)]);

            var canonical = Orientation.ToCanonical(volume);

            Assert.Equal("RAS", Orientation.Code(canonical.Geometry.Affine));
            var toSource = volume.Geometry.Affine.Inverse();
            for (var v = 0; v < canonical.Voxels.Length; v++)
            {
                var (i, j, k) = canonical.Geometry.IndexOf(v);
                var index = toSource.Apply(canonical.Geometry.Affine.Apply(new(i, j, k)));
                Assert.Equal(volume[(int)Math.Round(index.X), (int)Math.Round(index.Y), (int)Math.Round(index.Z)], canonical.Voxels[v]);
            }
        }, iter: 2_000, seed: "0N0XIzNsQ0O2", threads: 1);

    [Theory]
    [InlineData(1, 1, 1, "RAS")]
    [InlineData(-1, -1, 1, "LPS")]
    [InlineData(-1, 1, -1, "LAI")]
    public void Code_names_the_direction_of_each_axis(int x, int y, int z, string code) =>
        Assert.Equal(code, Orientation.Code(new(new(x, 0, 0), new(0, y, 0), new(0, 0, z), default)));

    [Fact]
    public void All_48_orientations_of_one_scan_hold_the_same_canonical_voxels()
    {
        var files = Directory.EnumerateFiles(Shared.Folder("data/nifti/orientations48"), "*.nii*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToList();
        var canonical = files.Select(f => Orientation.ToCanonical(NiftiFile.Read(f))).ToList();

        Assert.True(files.Count >= 48, $"{files.Count} files");
        Assert.All(canonical, v => Assert.Equal(canonical[0].Voxels, v.Voxels));
        Assert.All(canonical, v => Assert.True(v.Geometry.IsSameGrid(canonical[0].Geometry, 1e-2)));
    }
}
