using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;
using CsCheck;

namespace Credence.Trainer.Tests;

public sealed class PlannerTests
{
    private static readonly Dataset Dataset = new("", "test", [new("FLAIR")], [new(0, "background"), new(1, "lesion")], [], []);

    [Fact]
    public void A_plan_can_be_trained_whatever_the_grid()
    {
        Gen.Select(Gen.Int[1, 600], Gen.Int[1, 600], Gen.Int[1, 400], Gen.Double[0.3, 8], Gen.Double[0.3, 8], Gen.Double[0.3, 8]).Sample((w, h, d, x, y, z) =>
        {
            var plan = Planner.Plan(Dataset, Fingerprint(new(w, h, d), new(x, y, z)), surroundingAir: 0);
            var (patch, stride) = (plan.PatchSize, plan.Stride);

            Assert.Equal((0, 0, 0), (patch.Width % stride.Width, patch.Height % stride.Height, patch.Depth % stride.Depth));
            Assert.InRange(patch.Width, 1, w + stride.Width - 1);
            Assert.InRange(patch.Height, 1, h + stride.Height - 1);
            Assert.InRange(patch.Depth, 1, d + stride.Depth - 1);
            Assert.InRange(plan.BatchSize, 2, 8);
            Assert.Equal(plan.Strides.Count + 1, plan.Kernels.Count);
            // The deepest level keeps something to see: at least two voxels along an axis that was halved.
            Assert.All(new[] { (patch.Width, stride.Width), (patch.Height, stride.Height), (patch.Depth, stride.Depth) }, e => Assert.True(e.Item2 == 1 || e.Item1 / e.Item2 >= 2));
        }, seed: "0000KX6ldDG4", iter: 2000);
    }

    [Fact]
    public void Thick_slices_are_neither_halved_nor_convolved_across_until_the_others_are_as_coarse()
    {
        var plan = Planner.Plan(Dataset, Fingerprint(new(256, 256, 28), new(0.9, 0.9, 5)), surroundingAir: 0);

        Assert.Equal([1, 2, 2], plan.Strides[0]);
        Assert.Equal([1, 3, 3], plan.Kernels[0]);
        Assert.Equal([3, 3, 3], plan.Kernels[^1]);
        Assert.True(plan.PatchSize.Width > 3 * plan.PatchSize.Depth);
    }

    [Fact]
    public void Background_that_was_removed_is_kept_out_of_the_statistics()
    {
        var stripped = Planner.Plan(Dataset, Fingerprint(new(90, 90, 90), new(1, 1, 1), nonZero: 0.3), surroundingAir: 1);
        var whole = Planner.Plan(Dataset, Fingerprint(new(90, 90, 90), new(1, 1, 1), nonZero: 0.99), surroundingAir: 0);
        Assert.Equal((new(NormalisationKind.ZScore) { Region = Region.NonZero }, Region.NonZero, Interpolation.CubicSpline), (stripped.Normalisation, stripped.Crop, stripped.Interpolation));
        Assert.Equal((new(NormalisationKind.ZScore), Region.Whole, Interpolation.CubicSpline), (whole.Normalisation, whole.Crop, whole.Interpolation));
    }

    [Theory]
    [InlineData(0.8, Region.Body)]
    [InlineData(0.7, Region.Whole)]
    public void Statistics_leave_out_air_that_surrounds_the_patient_and_the_crop_does_not(double surroundingAir, Region expected)
    {
        var plan = Planner.Plan(Dataset, Fingerprint(new(90, 90, 90), new(1, 1, 1)), surroundingAir);
        Assert.Equal((expected, Region.Whole), (plan.Normalisation.Region, plan.Crop));
    }

    [Fact]
    public void CT_is_windowed_by_what_the_masks_hold_and_cropped_to_the_body()
    {
        var fingerprint = Fingerprint(new(90, 90, 90), new(1, 1, 1)) with { Channels = [new(-1024, 0, 800, -300, 500, 1) { Maximum = 3000, LabelledPercentile005 = -52.5, LabelledPercentile995 = 187.2 }] };
        var plan = Planner.Plan(Dataset with { Channels = [new("ct")] }, fingerprint, surroundingAir: 1);

        Assert.Equal((new(NormalisationKind.Window) { WindowLower = -53, WindowUpper = 188 }, Region.Body), (plan.Normalisation, plan.Crop));
        Assert.Null(plan.Preprocessing.Fault());
    }

    [Fact]
    public void Spikes_are_clipped_and_nothing_else_is()
    {
        NormalisationDescription Rule(double maximum) => Planner.Plan(Dataset, Fingerprint(new(90, 90, 90), new(1, 1, 1)) with { Channels = [new(0, 100, 400, 120, 90, 1) { Maximum = maximum }] }, surroundingAir: 0).Normalisation;
        Assert.Equal(new(NormalisationKind.ZScore), Rule(maximum: 900));
        Assert.Equal(new(NormalisationKind.ZScore) { UpperPercentile = 99.95 }, Rule(maximum: 9_000));
    }

    [Fact]
    public void A_plan_that_a_person_edited_is_read_back_or_refused_with_the_reason()
    {
        using var folder = new TemporaryFolder();
        var path = folder.File("plan.json");
        var plan = Planner.Plan(Dataset, Fingerprint(new(90, 90, 90), new(1, 1, 1)), surroundingAir: 0);
        (plan with { Width = 24 }).Write(path);
        Assert.Equal(24, TrainingPlan.Read(path).Width);
        Assert.Equal(plan.Strides, TrainingPlan.Read(path).Strides);

        (plan with { PatchSize = new(33, 32, 32) }).Write(path);
        Assert.Matches(@"plan\.json: patch 33 x 32 x 32, .*; expected positive numbers, the patch a multiple of 8 x 8 x 8", Refusal());
        (plan with { Kernels = [[3, 3, 2], .. plan.Kernels.Skip(1)] }).Write(path);
        Assert.Contains("one odd kernel triple a level", Refusal(), StringComparison.Ordinal);
        (plan with { Normalisation = new(NormalisationKind.ZScore) { LowerPercentile = 60, UpperPercentile = 40 } }).Write(path);
        Assert.Matches("plan\\.json: clipping from percentile 60 to 40; expected percentiles from 0 to 100, the lower one first", Refusal());
        (plan with { Interpolation = Interpolation.Nearest }).Write(path);
        Assert.Matches("plan\\.json: interpolation \"Nearest\"; expected \"linear\" or \"cubic-b-spline\"", Refusal());
        (plan with { Crop = Region.Body, Normalisation = new(NormalisationKind.Window) { WindowLower = -160, WindowUpper = 240 } }).Write(path);
        Assert.Contains("\"crop\": \"body\"", File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Equal((Region.Body, 240), (TrainingPlan.Read(path).Crop, TrainingPlan.Read(path).Normalisation.WindowUpper));
        File.WriteAllText(path, "{\"width\": \"wide\"}");
        Assert.Contains("delete it to plan again", Refusal(), StringComparison.Ordinal);

        string Refusal() => Assert.Throws<DatasetException>(() => TrainingPlan.Read(path)).Message;
    }

    [Fact]
    public void Fingerprint_is_what_the_cases_were_written_with()
    {
        using var data = SmallDataset.Decathlon();
        var dataset = Dataset.Open(data.Path);
        var builder = new FingerprintBuilder(dataset);
        foreach (var files in dataset.Cases)
        {
            builder.Add(CaseReader.Read(dataset, files));
        }

        var fingerprint = builder.Build();

        Assert.Equal(5, fingerprint.Cases);
        Assert.Equal((new Vector3D(1, 1, 2), new Vector3D(1, 1, 2)), (fingerprint.SpacingMinimum, fingerprint.SpacingMaximum));
        Assert.Equal(new Size3(16, 20, 12), fingerprint.SizeMedian);
        var lesion = SmallDataset.Mask(0).Labels.Count(l => l == 1) / (double)SmallDataset.Grid.Size.Count;
        Assert.Equal(lesion, fingerprint.ClassFractions[1], tolerance: 1e-12);
        Assert.Equal(430 + 300 * lesion, fingerprint.Channels[0].Mean, tolerance: 1);
        Assert.Equal(1, fingerprint.Channels[0].NonZeroFraction);
    }

    /// <summary>Oracle: a scan of 0 but for a box that holds the lesion, whose share of the box with its margin is counted by hand.</summary>
    [Fact]
    public void Class_fractions_are_those_of_the_part_that_the_network_sees()
    {
        using var data = SmallDataset.Decathlon();
        foreach (var n in Enumerable.Range(0, 5))
        {
            NiftiFile.Write(data.File($"imagesTr/case{n}.nii.gz"), new Volume(SmallDataset.Grid, [.. SmallDataset.Scan(n, 0).Voxels.Select((v, at) =>
                SmallDataset.Grid.IndexOf(at) is (>= 3 and <= 11, >= 6 and <= 17, >= 3 and <= 9) ? v : 0)]));
        }

        var dataset = Dataset.Open(data.Path);
        var builder = TrainingData.Survey(dataset, _ => { }, CancellationToken.None);

        var fingerprint = builder.Build();

        Assert.Equal(new Size3(11, 14, 9), fingerprint.SizeMedian); // 9 x 12 x 7 and one voxel around it
        Assert.Equal(SmallDataset.Mask(0).Labels.Count(l => l == 1) / (11.0 * 14 * 9), fingerprint.ClassFractions[1], tolerance: 1e-12);
        Assert.Equal(1, fingerprint.ClassFractions.Sum(), tolerance: 1e-12);
    }

    /// <summary>Oracle: bright blocks, whose part of the four sides is counted by hand. The axes of the files are not those of the patient: left-right is the third (12 voxels), front-back the first (16), up-down the second (20).</summary>
    [Fact]
    public void Surrounding_air_is_the_dark_share_of_the_sides_in_the_channel_with_least_in_the_middle_case()
    {
        using var data = SmallDataset.Decathlon(channels: 2);
        var turned = new VolumeGeometry(SmallDataset.Grid.Size, new(new(0, 1, 0), new(0, 0, 2), new(1, 0, 0), default));
        foreach (var n in Enumerable.Range(0, 5))
        {
            foreach (var (channel, wide) in new[] { (0, n + 2), (1, 1) })
            {
                NiftiFile.Write(data.File($"imagesTr/case{n}_000{channel}.nii.gz"), new Volume(turned, [.. Enumerable.Range(0, (int)turned.Size.Count).Select(at => turned.IndexOf(at) is var (i, _, k) && i <= 3 && k < wide ? 500f : 10f + (at + n) % 7)]));
            }

            NiftiFile.Write(data.File($"labelsTr/case{n}.nii.gz"), new LabelMap(turned, SmallDataset.Mask(n).Labels));
        }

        var survey = TrainingData.Survey(Dataset.Open(data.Path), _ => { }, CancellationToken.None);

        // Of 2 x 12 + 2 x 16 - 4 columns at the sides, the block of 4 x wide holds wide in front and 4 at the left, one of them in both.
        Assert.Equal(1 - (4 + 4 - 1) / 52.0, survey.SurroundingAir(), tolerance: 1e-9);
        Assert.Equal(1 - (2 + 4 - 1) / 52.0, survey.SurroundingAir(["case0"]), tolerance: 1e-9);
    }

    [Fact]
    public void Tissue_beside_a_bright_lesion_is_no_air()
    {
        using var data = SmallDataset.Decathlon();
        Assert.Equal(0, TrainingData.Survey(Dataset.Open(data.Path), _ => { }, CancellationToken.None).SurroundingAir());
    }

    private static TrainingFingerprint Fingerprint(Size3 size, Vector3D spacing, double nonZero = 1) => new()
    {
        Cases = 1,
        SpacingMinimum = spacing,
        SpacingMedian = spacing,
        SpacingMaximum = spacing,
        SizeMedian = size,
        Channels = [new(0, 1, 2, 1, 1, nonZero)],
        ClassFractions = [0.9, 0.1],
    };
}
