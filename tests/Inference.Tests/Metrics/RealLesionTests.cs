using System.Text.Json;
using Credence.Inference.Metrics;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.Inference.Tests.Metrics;

/// <summary>Real lesion masks, with scipy as the oracle, run now.</summary>
public sealed class RealLesionTests
{
    [Fact]
    public void Components_and_surface_distances_are_those_of_scipy()
    {
        var folder = Shared.Folder("data/lesion-masks");
        using var expected = JsonDocument.Parse(Shared.Run(
            "python3-scipy python3-nibabel", Shared.Python, RepositoryRoot.File("tests/Inference.Tests/Golden/scipy_lesions.py"), folder));

        var files = expected.RootElement.GetProperty("components").EnumerateObject().ToList();
        Assert.True(files.Count >= 5, $"{files.Count} masks");
        foreach (var file in files)
        {
            var (mask, geometry) = Read(file.Name);
            foreach (var sizes in file.Value.EnumerateObject())
            {
                var connectivity = (Connectivity)int.Parse(sizes.Name, System.Globalization.CultureInfo.InvariantCulture);
                Assert.Equal(sizes.Value.EnumerateArray().Select(n => n.GetInt32()), ConnectedComponents.Label(mask, geometry.Size, connectivity).VoxelCounts);
            }
        }

        foreach (var pair in expected.RootElement.GetProperty("surfaces").EnumerateArray())
        {
            var (a, geometry) = Read(pair.GetProperty("a").GetString()!);
            var surface = SurfaceDistances.Compute(a, Read(pair.GetProperty("b").GetString()!).Mask, geometry.Size, geometry.Spacing);
            Assert.Equal(pair.GetProperty("hd").GetDouble(), surface.Hausdorff, tolerance: 1e-9);
            Assert.Equal(pair.GetProperty("hd95").GetDouble(), surface.Hausdorff95, tolerance: 1e-9);
            Assert.Equal(pair.GetProperty("assd").GetDouble(), surface.AverageSymmetric, tolerance: 1e-9);
            Assert.Equal(pair.GetProperty("nsd").GetDouble(), surface.NormalisedSurfaceDice(2), tolerance: 1e-9);
        }

        (bool[] Mask, VolumeGeometry Geometry) Read(string name)
        {
            var labels = NiftiFile.ReadLabels(Path.Combine(folder, name));
            return ([.. labels.Labels.Select(l => l != 0)], labels.Geometry);
        }
    }
}
