using System.Text.Json.Nodes;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Tests;

public sealed class IntensityStepTests
{
    [Theory]
    [InlineData(5.95886, 0)]
    [InlineData(0.001234567, -3)]
    [InlineData(3112.564, 0)]
    public void The_scale_of_scaled_integers_is_their_step(double scale, double offset)
    {
        foreach (var levels in new[] { 120, 4095, 40_000 })
        {
            Finds(scale, offset, levels);
        }
    }

    private static void Finds(double scale, double offset, int levels)
    {
        var random = new Random(1);
        float[] scan = [.. Enumerable.Range(0, 20_000).Select(_ => (float)(offset + scale * Math.Round(200 + levels * random.NextDouble() * random.NextDouble())))];
        Assert.Equal(scale, IntensityStep.Of(scan)!.Value, scale * 1e-5);
        Assert.Equal(IntensityStep.Of(scan.AsSpan(0, 12_000))!.Value, IntensityStep.Of(scan.AsSpan(8_000))!.Value, scale * IntensityStep.Tolerance); // two parts of it
    }

    [Fact]
    public void Whole_numbers_continuous_values_and_one_value_have_no_step()
    {
        var random = new Random(2);
        Assert.Null(IntensityStep.Of([.. Enumerable.Range(0, 5000).Select(_ => (float)random.Next(500))]));
        Assert.Null(IntensityStep.Of([.. Enumerable.Range(0, 5000).Select(_ => 4f * random.Next(500))]));
        Assert.Null(IntensityStep.Of([.. Enumerable.Range(0, 5000).Select(_ => random.NextSingle())]));
        Assert.Null(IntensityStep.Of([0, 0.7f, 1.75f, 2.9f]));
        Assert.Null(IntensityStep.Of([]));
        Assert.Null(IntensityStep.Of([0.3f, 0.3f, 0.3f]));
        Assert.Null(IntensityStep.Of([0.3f]));
    }

    [Fact]
    public void Parts_of_one_scan_that_count_as_two_patients_are_a_concern()
    {
        using var data = SmallDataset.Decathlon(cases: 6);
        double[] ofOwn = [1.1, 1.1, 1.3, 1.7, 1.9, 2.3];
        var concern = Concern(data.Path, ofOwn);
        Assert.StartsWith("the intensities of case0 and case1 have one step, as", concern, StringComparison.Ordinal);
        Assert.StartsWith("the intensities of case0 and case1, of case2 and case3 have one step", Concern(data.Path, [1.1, 1.1, 1.3, 1.3, 1.9, 2.3]), StringComparison.Ordinal);
        Assert.Null(Concern(data.Path, ofOwn, new() { ["patients"] = new JsonObject { ["case0"] = "A", ["case1"] = "A", ["case2"] = "B", ["case3"] = "C", ["case4"] = "D", ["case5"] = "E" } }));
        Assert.Null(Concern(data.Path, [1.1, 1.2, 1.3, 1.7, 1.9, 2.3])); // no two alike
        Assert.Null(Concern(data.Path, [1.1, 1.1, 1.1, 1.1, 1.9, 2.3])); // four patients: a protocol
        Assert.NotNull(Concern(data.Path, [1.1, 1.1, 1, 1, 1, 1]));
        using var two = SmallDataset.Decathlon(cases: 2);
        Assert.Null(Concern(two.Path, [1.1, 1.1])); // all there are
    }

    [Fact]
    public void Plan_and_fit_warn()
    {
        using var data = SmallDataset.Decathlon();
        foreach (var (scale, n) in new[] { 1.1f, 1.1f, 1.3f, 1.7f, 1.9f }.Select((scale, n) => (scale, n)))
        {
            var scan = SmallDataset.Scan(n, 0);
            NiftiFile.Write(data.File($"imagesTr/case{n}.nii.gz"), new Volume(scan.Geometry, [.. scan.Voxels.Select(v => scale * v)]));
        }

        using var folder = new TemporaryFolder();
        var plan = BuiltProgram.Run("Trainer", "credence-train", ["plan", "--data", data.Path, "--out", folder.File("run")]);
        Assert.Contains("warning: the intensities of case0 and case1 have one step", plan.Output, StringComparison.Ordinal);
        var fit = BuiltProgram.Run("Trainer", "credence-train", ["fit", "--data", data.Path, "--out", folder.File("run"), "--epochs", "1", "--steps-per-epoch", "1", "--width", "4"]);
        Assert.Contains("warning: the intensities of case0 and case1 have one step", fit.Output + fit.Error, StringComparison.Ordinal);
    }

    /// <summary>An oracle that does not share the rule: numbers 2k - 1 and 2k.</summary>
    [Fact]
    public void Finds_both_sides_of_the_hippocampus_set()
    {
        var dataset = Dataset.Open(Shared.Folder("data/hippocampus"));
        var steps = dataset.Cases.Select(c => (Number: int.Parse(c.Id.Split('_')[1], System.Globalization.CultureInfo.InvariantCulture), Step: IntensityStep.Of(CaseReader.Read(dataset, c).Channels[0].Voxels)))
            .Where(c => c.Step is not null).ToDictionary(c => c.Number, c => c.Step!.Value);
        bool Same(int one, int other) => Math.Abs(steps[one] - steps[other]) < IntensityStep.Tolerance * steps[one];
        var neighbours = steps.Keys.Where(n => steps.ContainsKey(n + 1)).ToLookup(n => n % 2 == 1, n => Same(n, n + 1));
        Assert.True(neighbours[true].Count() > 40 && neighbours[false].Count() > 30);
        Assert.All(neighbours[true], Assert.True);
        Assert.All(neighbours[false], Assert.False);
    }

    private static string? Concern(string folder, double[] scales, JsonObject? description = null)
    {
        var dataset = Dataset.Open(folder);
        var builder = new FingerprintBuilder(description is null ? dataset : dataset with { Patients = PatientGroups.Read(description, "dataset.json", [.. dataset.Cases.Select(c => c.Id)]) });
        foreach (var (files, scale) in dataset.Cases.Zip(scales))
        {
            var read = CaseReader.Read(dataset, files);
            builder.Add(read with { Channels = [.. read.Channels.Select(v => new Volume(v.Geometry, [.. v.Voxels.Select(x => (float)(scale * x))]))] });
        }

        return builder.PatientConcern;
    }
}
