using Credence.InferenceCli.Page;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Page;

public sealed class PagePictureTests
{
    [Theory]
    [InlineData(256, 256, 256, 1)]
    [InlineData(257, 256, 256, 2)]
    [InlineData(512, 512, 400, 2)]
    [InlineData(1024, 1024, 600, 4)]
    public void Large_volumes_are_shown_smaller(int width, int height, int depth, int edge) => Assert.Equal(edge, PagePicture.Shrink(new(width, height, depth)));

    /// <summary>A lesion of one voxel stays, and lies within the block that holds it.</summary>
    [Fact]
    public void A_small_lesion_is_not_lost()
    {
        var geometry = new VolumeGeometry(new(5, 4, 3), new(new(0, 2, 0), new(-1, 0, 0), new(0, 0, 3), new(7, -4, 2)));
        var (labels, map) = (new byte[60], new float[60]);
        var at = 4 + 5 * (1 + 4 * 2); // i 4, j 1, k 2
        (labels[at], map[at]) = (3, 0.5f);

        var (small, values) = (Read(s => PagePicture.WriteLabels(s, new(geometry, labels), 2)), Read(s => PagePicture.WriteMap(s, new(geometry, map), 2)));

        Assert.Equal(new(3, 2, 2), small.Geometry.Size);
        var found = Array.IndexOf(small.Voxels, 3f);
        Assert.Equal((2, 0, 1), small.Geometry.IndexOf(found));
        Assert.Equal(0.5f, values.Voxels[found], 1e-3f);
        Assert.Single(small.Voxels, v => v != 0);
        var (i, j, k) = small.Geometry.IndexOf(found);
        var (centre, voxel) = (small.Geometry.Affine.Apply(new(i, j, k)), geometry.Affine.Apply(new(4, 1, 2)));
        Assert.Equal([0.5 * 1, 0.5 * 2, 0.5 * 3], [Math.Abs(centre.X - voxel.X), Math.Abs(centre.Y - voxel.Y), Math.Abs(centre.Z - voxel.Z)]);
    }

    [Fact]
    public void Blocks_of_a_scan_are_means()
    {
        var scan = new Volume(new(new(3, 1, 1), Affine.Scaling(new(1, 1, 1))), [10, 20, 250]);
        Assert.Equal([15, 200], Read(s => PagePicture.WriteScan(s, scan, 0, 200, 2)).Voxels.Select(v => Math.Round(v)));
    }

    private static Volume Read(Action<Stream> write)
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.nii");
        try
        {
            using (var stream = File.Create(path))
            {
                write(stream);
            }

            return NiftiFile.Read(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
