using System.Text.Json;
using Credence.Inference.Metrics;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.Inference.Tests.Metrics;

/// <summary>Real lesion masks, with scipy as the oracle, run now.</summary>
public sealed class RealLesionTests
{
    [Fact]
    public void Components_surface_distances_and_every_metric_are_those_of_scipy()
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

        var cases = expected.RootElement.GetProperty("cases").EnumerateArray().ToList();
        Assert.Equal(6, cases.Count);
        Assert.All(cases, CheckEveryMetric);

        void CheckEveryMetric(JsonElement golden)
        {
            var (mask, geometry) = Read(golden.GetProperty("file").GetString()!);
            var guess = new byte[mask.Length];
            foreach (var voxel in golden.GetProperty("guess").EnumerateArray())
            {
                guess[voxel.GetInt32()] = 1;
            }

            var found = CaseEvaluation.Evaluate(
                new()
                {
                    Name = "real",
                    Reference = new(geometry, [.. mask.Select(m => (byte)(m ? 1 : 0))]),
                    Prediction = new(geometry, guess),
                    Uncertainty = new(geometry, [.. Enumerable.Range(0, mask.Length).Select(v => (uint)(v * 2654435761L % (1L << 32)) / (1 << 26) / 8f)]),
                },
                new()
                {
                    Classes = [new(1, "lesion")],
                    Lesions = LesionRule.Of(Enum.Parse<MatchingRule>(golden.GetProperty("matching").GetString()!.Replace("-", "", StringComparison.Ordinal), ignoreCase: true)),
                }).Values;
            foreach (var value in golden.GetProperty("values").EnumerateObject())
            {
                double? expectedValue = value.Value.ValueKind == JsonValueKind.Null ? null : value.Value.GetDouble();
                Assert.Equal(expectedValue is null, found[value.Name] is null);
                Assert.Equal(expectedValue ?? 0, found[value.Name] ?? 0, tolerance: 1e-9 * Math.Max(1, Math.Abs(expectedValue ?? 0)));
            }

            Assert.Equal(golden.GetProperty("values").EnumerateObject().Count(), found.Count);
        }

        (bool[] Mask, VolumeGeometry Geometry) Read(string name)
        {
            var labels = NiftiFile.ReadLabels(Path.Combine(folder, name));
            return ([.. labels.Labels.Select(l => l != 0)], labels.Geometry);
        }
    }
}
