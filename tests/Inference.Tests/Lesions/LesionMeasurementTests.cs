using Credence.Inference.Lesions;
using Credence.Inference.Model;
using Credence.MedicalIO;
using CsCheck;

namespace Credence.Inference.Tests.Lesions;

public sealed class LesionMeasurementTests
{
    private static readonly ModelManifest Manifest = TinyModel.Manifest with { Classes = [new(0, "background"), new(7, "lesion"), new(9, "necrosis")] };

    /// <summary>Long runs are kept as runs, short ones as bits; either gives back what it was made of.</summary>
    [Theory]
    [InlineData(300)]
    [InlineData(2)]
    public void Runs_give_back_what_they_were_made_of(int longest) =>
        Gen.Select(Gen.Int[1, 4], Gen.Select(Gen.Byte[0, 4], Gen.Int[1, longest]).Array[0, 400]).Sample((classCount, runs) =>
        {
            byte[] classes = [.. runs.SelectMany(r => Enumerable.Repeat((byte)(r.Item1 % (classCount + 1)), r.Item2))];
            var restored = new byte[classes.Length];
            foreach (var (start, length, @class) in SampleForeground.Of(classes).Runs())
            {
                Assert.NotEqual(0, @class);
                Assert.All(restored[start..(start + length)], v => Assert.Equal(0, v));
                restored.AsSpan(start, length).Fill(@class);
            }

            Assert.Equal(classes, restored);
        }, iter: 500, seed: "0N0XIzNsQ0O2");

    /// <summary>A sample of noise costs a bit a voxel and class bit, one lesion a few bytes a row.</summary>
    [Fact]
    public void What_is_kept_is_never_longer_than_the_bits_of_the_classes()
    {
        var random = new Random(1);
        byte[] Noise(int classes) => [.. Enumerable.Range(0, 64 * 1000).Select(_ => (byte)random.Next(classes))];
        Assert.Equal(64 * 1000 / 8, SampleForeground.Of(Noise(2)).Bytes);
        Assert.Equal(2 * 64 * 1000 / 8, SampleForeground.Of(Noise(4)).Bytes);
        Assert.Equal(0, SampleForeground.Of(Noise(1)).Bytes);

        var lesion = new byte[64 * 1000];
        lesion.AsSpan(700, 20).Fill(1);
        Assert.InRange(SampleForeground.Of(lesion).Bytes, 1, 8);
    }

    /// <summary>Worked by hand on a row of 12 voxels of 1 x 1 x 2 mm: a lesion of 4 voxels (1 to 4) and one of 2 (8 and 9).</summary>
    [Fact]
    public void A_worked_case()
    {
        var table = Measure(".1111...11..", [
            ".1111...11..", // as the segmentation
            ".11.........", // half of the first
            ".11111111111", // joined: each keeps the voxels nearer to it, 0.5 to 6 and 7 to 11
            "1.....1.....", // neither, but two others
        ]);

        Assert.Equal([1, 2], table.Lesions.Select(l => l.Number));
        Assert.Equal([0, 1, 1, 1, 1, 0, 0, 0, 2, 2, 0, 0], table.Numbers);
        var (first, second) = (table.Lesions[0], table.Lesions[1]);
        Assert.Equal((4, 0.008), (first.Voxels, first.Volume));
        Assert.Equal((4 + 2 + 6 + 0) / 4.0 * 0.002, first.SampleMeanVolume, 1e-12);
        Assert.Equal((2 + 0 + 5 + 0) / 4.0 * 0.002, second.SampleMeanVolume, 1e-12);
        Assert.Equal(0.75, first.ExistenceProbability);
        Assert.Equal(0.5, second.ExistenceProbability);
        Assert.Equal(1 - (1 + 2 / 4.0 + 4 / 6.0 + 0) / 4, first.StructuralUncertainty!.Value, 1e-12);
        Assert.Equal(1 - (1 + 0 + 2 / 5.0 + 0) / 4, second.StructuralUncertainty!.Value, 1e-12);
        Assert.Equal([2, 1, 1, 2], table.SampleCounts[0]);
        Assert.Equal([0, 0, 0, 0], table.SampleCounts[1]);
        Assert.Equal(1 - (1 + 2 / 6.0 + 6 / 11.0 + 0) / 4, table.StructuralUncertainty[0]!.Value, 1e-12);
        // numpy.percentile([4, 2, 6, 0], [2.5, 97.5]) = [0.15, 5.85]
        Assert.Equal([0.15 * 0.002, 5.85 * 0.002], first.SampleVolumeInterval!, (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal(new(2.5, 0, 0), first.Centroid);
    }

    [Fact]
    public void Classes_that_touch_are_lesions_of_their_own()
    {
        var table = Measure(".1122.......", [".1122.......", ".1222.......", ".22........."]);

        Assert.Equal(["lesion", "necrosis"], table.Lesions.Select(l => l.Class));
        Assert.Equal([(2 + 1 + 0) / 3.0 * 0.002, (2 + 3 + 0) / 3.0 * 0.002], table.Lesions.Select(l => l.SampleMeanVolume), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal([[1, 1, 0], [1, 1, 1]], table.SampleCounts);
    }

    [Fact]
    public void One_sample_has_no_spread()
    {
        var lesion = Assert.Single(Measure("..11........", ["..11........"]).Lesions);
        Assert.Equal((null, null, null, null), (lesion.SampleVolumeInterval, lesion.ExistenceProbability, lesion.StructuralUncertainty, lesion.MeanMutualInformation));
        Assert.Equal(lesion.Volume, lesion.SampleMeanVolume);
    }

    [Fact]
    public void Small_lesions_of_a_sample_are_not_counted()
    {
        var manifest = Manifest with { Calibration = new() { MinimumLesionVoxels = 2 } };
        Assert.Equal([1, 2], Measure("..11........", ["..11.1...1..", "..11..111..1"], manifest).SampleCounts[0]);
    }

    /// <summary>The segmentation loses what is small over all classes together; so must samples, or the interval of the count contradicts the count.</summary>
    [Fact]
    public void A_small_part_of_a_large_lesion_of_several_classes_is_counted()
    {
        var manifest = Manifest with { Calibration = new() { MinimumLesionVoxels = 3 } };
        var table = Measure(".112...2....", [".112........", ".22..1......", "1121...22.1."], manifest);
        Assert.Equal([1, 0, 2], table.SampleCounts[0]);
        Assert.Equal([1, 0, 1], table.SampleCounts[1]);
    }

    /// <summary>Against components of whole samples: a component belongs to lesions as a whole or not at all, and counts are theirs.</summary>
    [Fact]
    public void Samples_are_followed_by_whole_components() => Gen.Int[0, 10_000].Sample(seed =>
    {
        var (size, random) = (new Size3(7, 6, 5), new Random(seed));
        byte[] Draw(double share) => [.. Enumerable.Range(0, (int)size.Count).Select(_ => (byte)(random.NextDouble() < share ? 1 : 0))];
        var (mean, samples) = (Draw(0.12), Enumerable.Range(0, 3).Select(_ => Draw(0.15)).ToArray());
        var table = Measure(size, mean, samples, Manifest);
        for (var s = 0; s < samples.Length; s++)
        {
            var (components, counts) = ConnectedComponents.Label(Array.ConvertAll(samples[s], c => c != 0), size);
            Assert.Equal(counts.Count, table.SampleCounts[0][s]);
            var touched = Enumerable.Range(0, mean.Length).Where(v => mean[v] != 0 && components[v] > 0).Select(v => components[v]).Distinct();
            var alone = Measure(size, mean, [samples[s]], Manifest);
            Assert.Equal(touched.Sum(c => counts[c - 1]), alone.Lesions.Sum(l => l.SampleMeanVolume) / 0.002, 1e-6);
        }
    }, iter: 60, seed: "0N0XIzNsQ0O2");

    /// <summary>A scan of half the spacing and another orientation: the lesion is found again where the network saw it.</summary>
    [Fact]
    public void The_grid_of_the_scan_may_differ_from_that_of_the_network()
    {
        var network = new VolumeGeometry(new(12, 1, 1), Affine.Scaling(new(1, 1, 2)));
        var scan = new VolumeGeometry(new(24, 1, 1), new(new(-0.5, 0, 0), new(0, 1, 0), new(0, 0, 2), new(11.25, 0, 0)));
        var labels = new byte[24];
        labels.AsSpan(12, 4).Fill(7); // x from 5.25 down to 3.75: voxels 4 and 5 of the network
        var zero = new float[24];
        var prepared = new PreparedVolume(scan, scan, VoxelBox.Whole(scan.Size), network, new float[12]);
        var lesion = Assert.Single(new LesionMeasurement(prepared, Manifest, [SampleForeground.Of(Classes("....11......")), SampleForeground.Of(Classes("...1........"))])
            .Measure(new(scan, labels), [new(scan, zero), new(scan, zero)], new(scan, zero), new(scan, zero)).Lesions);
        Assert.Equal(4 * 0.001, lesion.Volume, 1e-12);
        Assert.Equal((2 + 0) / 2.0 * 0.002, lesion.SampleMeanVolume, 1e-12);
        Assert.Equal(0.5, lesion.ExistenceProbability);
    }

    /// <summary>Slices of 5 mm and a network of 1 mm: samples that are all the segmentation itself leave nothing uncertain.</summary>
    [Fact]
    public void Samples_that_agree_leave_no_structural_uncertainty_where_the_scan_is_coarser_than_the_network()
    {
        var scan = new VolumeGeometry(new(12, 3, 4), Affine.Scaling(new(1, 1, 5)));
        var network = new VolumeGeometry(new(12, 3, 20), Affine.Scaling(new(1, 1, 1)) with { Origin = new(0, 0, -2) });
        static bool IsLesion(int x, int slice) => x is >= 3 and < 7 && slice is 1 or 2;
        var labels = new byte[scan.Size.Count];
        var sample = new byte[network.Size.Count];
        for (var v = 0; v < labels.Length; v++)
        {
            labels[v] = (byte)(scan.IndexOf(v) is var (x, _, z) && IsLesion(x, z) ? 7 : 0);
        }

        for (var v = 0; v < sample.Length; v++)
        {
            sample[v] = (byte)(network.IndexOf(v) is var (x, _, z) && IsLesion(x, z / 5) ? 1 : 0);
        }

        var zero = new Volume(scan, new float[labels.Length]);
        var prepared = new PreparedVolume(scan, scan, VoxelBox.Whole(scan.Size), network, new float[sample.Length]);
        var table = new LesionMeasurement(prepared, Manifest, [SampleForeground.Of(sample), SampleForeground.Of(sample)]).Measure(new(scan, labels), [zero, zero], zero, zero);
        Assert.Equal(0.0, Assert.Single(table.Lesions).StructuralUncertainty);
        Assert.Equal(0.0, table.StructuralUncertainty[0]);
    }

    /// <summary>A lesion of one voxel between those of a network of twice the spacing is followed all the same.</summary>
    [Fact]
    public void A_lesion_smaller_than_a_voxel_of_the_network_is_followed()
    {
        var network = new VolumeGeometry(new(6, 1, 1), Affine.Scaling(new(3, 1, 1)));
        var scan = new VolumeGeometry(new(18, 1, 1), Affine.Scaling(new(1, 1, 1)) with { Origin = new(-1, 0, 0) });
        var labels = new byte[18];
        labels[8] = 7; // x = 7, nearest to voxel 2 at x = 6, whose own nearest voxel is 7
        var zero = new Volume(scan, new float[18]);
        var sample = SampleForeground.Of(Classes("..1..."));
        var prepared = new PreparedVolume(scan, scan, VoxelBox.Whole(scan.Size), network, new float[6]);
        var lesion = Assert.Single(new LesionMeasurement(prepared, Manifest, [sample, sample]).Measure(new(scan, labels), [zero, zero], zero, zero).Lesions);
        Assert.Equal((1.0, 0.0), (lesion.ExistenceProbability, lesion.StructuralUncertainty));
    }

    private static byte[] Classes(string row) => [.. row.Select(c => (byte)(c == '.' ? 0 : c - '0'))];

    private static LesionTable Measure(string mean, string[] samples, ModelManifest? manifest = null) =>
        Measure(new(mean.Length, 1, 1), Classes(mean), [.. samples.Select(Classes)], manifest ?? Manifest);

    private static LesionTable Measure(Size3 size, byte[] mean, byte[][] samples, ModelManifest manifest)
    {
        var grid = new VolumeGeometry(size, Affine.Scaling(new(1, 1, 2)));
        Volume Map(float value) => new(grid, [.. mean.Select(c => c == 0 ? 0 : value)]);
        var prepared = new PreparedVolume(grid, grid, VoxelBox.Whole(size), grid, new float[mean.Length]);
        return new LesionMeasurement(prepared, manifest, [.. samples.Select(s => SampleForeground.Of(s))])
            .Measure(new(grid, [.. mean.Select(c => manifest.Classes[c].Label)]), [Map(0.9f), Map(0.8f)], Map(0.3f), Map(0.1f));
    }
}
