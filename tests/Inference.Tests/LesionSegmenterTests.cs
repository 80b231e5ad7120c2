using System.Text.Json;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.Inference.Windows;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.Inference.Tests;

public sealed class LesionSegmenterTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("credence-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>
    /// Oracle: the plain way. Every sample is a full pass over every patch with weights μ + σ ε formed and convolved here, all samples are kept, and
    /// statistics are textbook formulas in double precision. It shares the noise, the patch positions and the window with the engine.
    /// </summary>
    [Fact]
    public void Maps_equal_the_plain_reference_implementation()
    {
        const int Samples = 5;
        const ulong Seed = 77;
        using var segmenter = Load();
        var scan = Scan();
        var prediction = segmenter.Predict([Channel(scan)], new() { Samples = Samples, Seed = Seed, BatchSize = 3 }).Prediction;

        var manifest = TinyModel.Manifest;
        var prepared = Preprocessing.Prepare([scan], manifest.Preprocessing);
        var n = (int)prepared.Geometry.Size.Count;
        var probability = new double[Samples][];
        for (var s = 0; s < Samples; s++)
        {
            var noise = NoiseSample.Draw(manifest.NoiseInputs, Seed, s).Tensors[0];
            probability[s] = ReferencePass(prepared, [.. TinyModel.Mean.Select((m, w) => (double)m + TinyModel.Sigma[w] * noise[w])]);
        }

        var (mean, entropy, information) = (new float[n], new float[n], new float[n]);
        double Entropy(double p) => -(p > 0 ? p * Math.Log(p) : 0) - (p < 1 ? (1 - p) * Math.Log(1 - p) : 0);
        for (var v = 0; v < n; v++)
        {
            var p = probability.Average(x => x[v]);
            mean[v] = (float)p;
            entropy[v] = (float)Entropy(p);
            information[v] = (float)Math.Max(0, Entropy(p) - probability.Average(x => Entropy(x[v])));
        }

        AssertNear(Preprocessing.Restore(prepared, mean), prediction.Probabilities[0]);
        AssertNear(Preprocessing.Restore(prepared, entropy), prediction.PredictiveEntropy);
        AssertNear(Preprocessing.Restore(prepared, information), prediction.MutualInformation);
        Assert.True(prediction.MutualInformation.Voxels.Max() > 1e-3, "the samples do not differ");
        Assert.Equal(
            prediction.Probabilities[0].Voxels.Select(p => p > 0.5f ? (byte)7 : (byte)0),
            prediction.Segmentation.Labels);
    }

    [Fact]
    public void Same_seed_same_bytes_and_other_options_only_change_speed()
    {
        using var segmenter = Load();
        using var oneThread = Load(threads: 1);
        var first = segmenter.Predict([Channel(Scan())], new() { Samples = 4, Seed = 5 }).Prediction;
        var second = segmenter.Predict([Channel(Scan())], new() { Samples = 4, Seed = 5 }).Prediction;
        var other = oneThread.Predict([Channel(Scan())], new() { Samples = 4, Seed = 5, BatchSize = 7 }).Prediction;

        Assert.Equal(first.Probabilities[0].Voxels, second.Probabilities[0].Voxels);
        AssertNear(first.Probabilities[0], other.Probabilities[0]);
        Assert.NotEqual(first.Probabilities[0].Voxels, segmenter.Predict([Channel(Scan())], new() { Samples = 4, Seed = 6 }).Prediction.Probabilities[0].Voxels);
    }

    [Fact]
    public void Many_threads_may_share_one_model()
    {
        using var segmenter = Load();
        var expected = segmenter.Predict([Channel(Scan())], new() { Samples = 3 }).Prediction.Probabilities[0].Voxels;

        Parallel.For(0, 16, _ => Assert.Equal(expected, segmenter.Predict([Channel(Scan())], new() { Samples = 3 }).Prediction.Probabilities[0].Voxels));
    }

    [Fact]
    public void No_samples_run_the_posterior_mean_without_model_uncertainty()
    {
        using var segmenter = Load();
        var prediction = segmenter.Predict([Channel(Scan())], new() { Samples = 0 }).Prediction;

        Assert.Equal(1, prediction.Samples);
        Assert.All(prediction.MutualInformation.Voxels, v => Assert.Equal(0, v));
    }

    [Fact]
    public void Orientation_and_storage_order_of_the_scan_do_not_matter()
    {
        using var segmenter = Load();
        var canonical = Orientation.ToCanonical(Scan());
        var direct = segmenter.Predict([Channel(canonical)], new() { Samples = 2 }).Prediction;
        var turned = segmenter.Predict([Channel(Scan())], new() { Samples = 2 }).Prediction;

        Assert.Equal(Scan().Geometry, turned.Segmentation.Geometry);
        AssertNear(direct.Probabilities[0], Orientation.ToCanonical(turned.Probabilities[0]));
    }

    [Fact]
    public void Files_lie_on_the_grid_of_the_scan_and_the_report_holds_the_figures()
    {
        NiftiFile.Write(Path.Combine(folder, "scan.nii.gz"), Scan());
        using var segmenter = Load();
        var result = segmenter.Predict([Inference.Scan.Read(Path.Combine(folder, "scan.nii.gz"), TimeProvider.System)], new() { Samples = 6, Seed = 3 });
        result.Save(Path.Combine(folder, "out"));

        // An earlier result is replaced, with all that it had and this one has not; what a killed process left goes, and what is not ours stays.
        foreach (var earlier in new[] { "segmentation.dcm", "probability-2-core.nii.gz", "picture.dcm", "report.html", "notes.txt", "probability.txt", "segmentation.corrected.nii.gz.txt" })
        {
            File.WriteAllText(Path.Combine(folder, "out", earlier), "of another patient");
        }

        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(folder, "out", ".unfinished-0")).FullName, "segmentation.nii.gz"), "half");
        result.Save(Path.Combine(folder, "out"), addFiles: unfinished => Assert.Equal(Path.Combine(folder, "out"), Path.GetDirectoryName(unfinished)));
        Assert.Equal(["notes.txt", "probability.txt", "segmentation.corrected.nii.gz.txt"], Directory.GetFiles(Path.Combine(folder, "out"), "*.txt").Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Array.ForEach(Directory.GetFiles(Path.Combine(folder, "out"), "*.txt"), File.Delete);
        Assert.Empty(Directory.GetDirectories(Path.Combine(folder, "out")));

        Assert.Equal(["lesions.csv", "lesions.json", "lesions.nii.gz", "mutual-information.nii.gz", "predictive-entropy.nii.gz", "probability.nii.gz", "report.json", "segmentation.nii.gz"],
            Directory.GetFiles(Path.Combine(folder, "out")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(3, Directory.GetFileSystemEntries(folder).Length); // scan, out and the model: nothing half-written
        var segmentation = NiftiFile.ReadLabels(Path.Combine(folder, "out", "segmentation.nii.gz"));
        Assert.True(segmentation.Geometry.IsSameGrid(Scan().Geometry, 1e-3));

        using var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "out", "report.json")));
        var @class = report.RootElement.GetProperty("classes")[0];
        var voxels = segmentation.Labels.Count(l => l == 7);
        Assert.Equal(voxels, @class.GetProperty("voxels").GetInt64());
        Assert.Equal(voxels * Scan().Geometry.VoxelVolume / 1000, @class.GetProperty("volume").GetDouble(), precision: 6);
        var interval = @class.GetProperty("sampleVolumeInterval").EnumerateArray().Select(e => e.GetDouble()).ToArray();
        Assert.True(interval[0] < interval[1]);
        Assert.InRange(@class.GetProperty("sampleMeanVolume").GetDouble(), interval[0], interval[1]);
        Assert.Equal(segmenter.ModelSha256, report.RootElement.GetProperty("modelSha256").GetString());
    }

    [Fact]
    public void Files_that_are_of_no_result_are_neither_deleted_nor_overwritten()
    {
        using var segmenter = Load();
        var result = segmenter.Predict([Channel(Scan())], new() { Samples = 2 });
        var (output, other) = (Directory.CreateDirectory(Path.Combine(folder, "case1")).FullName, Path.Combine(folder, "case1", "segmentation.nii.gz"));
        foreach (var report in new[] { null, "{\"classes\": []}", "no JSON" })
        {
            File.WriteAllText(other, "drawn by hand");
            if (report is not null)
            {
                File.WriteAllText(Path.Combine(output, "report.json"), report);
            }

            Assert.Matches("^.*case1/(segmentation.nii.gz|report.json): a file without the report.json of a result beside it; expected a folder in which .* Give another output folder",
                Assert.Throws<InvalidImageFileException>(() => result.Save(output)).Message);
            Assert.Throws<InvalidImageFileException>(() => Segmentation.CheckFolder(output));
            Assert.Equal("drawn by hand", File.ReadAllText(other));
        }

        Directory.Delete(output, recursive: true);
        result.Save(output);
        string[] corrected = ["segmentation.corrected.nii.gz", "probability-reader2.nii.gz", "lesions.csv.bak"];
        foreach (var name in corrected)
        {
            File.WriteAllText(Path.Combine(output, name), "corrected by hand");
        }

        // A run that was killed between its moves: the report is still with what was not moved.
        var unfinished = Directory.CreateDirectory(Path.Combine(output, ".unfinished-0")).FullName;
        File.Move(Path.Combine(output, "report.json"), Path.Combine(unfinished, "report.json"));
        result.Save(output);
        Assert.All(corrected, name => Assert.Equal("corrected by hand", File.ReadAllText(Path.Combine(output, name))));
        Assert.Equal(8 + corrected.Length, Directory.GetFileSystemEntries(output).Length);
    }

    [Fact]
    public void Scans_that_do_not_fit_are_refused()
    {
        using var segmenter = Load();
        Assert.Equal("channel 1: 2 channels; expected 1: FLAIR. Give one scan a channel, in this order.",
            Assert.Throws<InvalidScanException>(() => segmenter.Predict([Channel(Scan()), Channel(Scan())], new())).Message);

        var holed = Scan();
        holed[1, 2, 3] = float.NaN;
        Assert.Equal("channel 1: value NaN at voxel (1, 2, 3); expected finite numbers only. Repair the volume, for example replace NaN outside the brain by 0.",
            Assert.Throws<InvalidScanException>(() => segmenter.Predict([Channel(holed)], new())).Message);

        Assert.Equal("channel 2: a grid of 2 x 2 x 2 voxels that is not the grid of channel 1 (11 x 7 x 9); expected all channels on one grid. Resample the channels onto one grid first.",
            Assert.Throws<InvalidScanException>(() => Preprocessing.Prepare([Scan(), new(new(new(2, 2, 2), Affine.Identity), new float[8])], TinyModel.Manifest.Preprocessing)).Message);
    }

    /// <summary>The gate and the limits look at the grid before a voxel is resampled: these ones would take more memory than there is.</summary>
    [Fact]
    public void A_wrong_spacing_is_refused_before_the_scan_is_resampled()
    {
        using var segmenter = Load();
        InvalidScanException Refused(double spacing, PredictOptions options)
        {
            var scan = Scan();
            var geometry = new VolumeGeometry(scan.Geometry.Size, Affine.Scaling(new(1, 1, spacing)));
            return Assert.Throws<InvalidScanException>(() => segmenter.Predict([Channel(new(geometry, scan.Voxels))], options));
        }

        Assert.StartsWith("channel 1: a spacing of 1E+06 mm along inferior-superior; expected 2 to 2 mm.", Refused(1e6, new()).Message, StringComparison.Ordinal);
        Assert.Equal("channel 1: 11 x 7 x 45000000 voxels at the 1 x 1 x 2 mm of the model; expected at most 1073741795, what an array holds of 2 values each. Correct the spacing in the header, or crop the scan.",
            Refused(1e7, new() { DeviationLimit = null }).Message);
        Assert.StartsWith("channel 1: 11 x 7 x 2147483647 voxels", Refused(1e30, new() { DeviationLimit = null }).Message, StringComparison.Ordinal);
        Assert.StartsWith("the case: a prediction of 11 x 7 x 4500000 voxels that needs ", Refused(1e6, new() { DeviationLimit = null, Memory = 1L << 30 }).Message, StringComparison.Ordinal);
    }

    /// <summary>A weight so large that the logit overflows: it used to be background, and sure of it.</summary>
    [Fact]
    public void Logits_that_are_not_finite_are_refused()
    {
        var model = Onnx.ModelProto.Parser.ParseFrom(TinyModel.Bytes());
        var bias = model.Graph.Initializer.Single(t => t.Name == "bias");
        foreach (var value in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            bias.RawData = Google.Protobuf.ByteString.CopyFrom([.. BitConverter.GetBytes(0f), .. BitConverter.GetBytes(value)]);
            var path = Path.Combine(folder, "overflow.onnx");
            File.WriteAllBytes(path, Google.Protobuf.MessageExtensions.ToByteArray(model));
            using var segmenter = LesionSegmenter.Load(path);
            Assert.Equal($"{path}: logits on cpu for channel 1 that are no finite numbers; expected finite numbers. Train the model again: its weights are no numbers, or too large.",
                Assert.Throws<ModelFileException>(() => segmenter.Predict([Channel(Scan())], new() { Samples = 2 })).Message);
        }
    }

    [Fact]
    public void Small_lesions_are_removed_as_the_manifest_says()
    {
        var scan = Scan();
        using var all = Load();
        using var large = Load(change: m => m with { Calibration = new() { MinimumLesionVoxels = 1_000 } });

        Assert.Contains((byte)7, all.Predict([Channel(scan)], new()).Prediction.Segmentation.Labels);
        Assert.DoesNotContain((byte)7, large.Predict([Channel(scan)], new()).Prediction.Segmentation.Labels);
    }

    [Fact]
    public void A_report_warns_of_a_case_that_is_less_sure_than_the_usual_ones_where_enough_samples_were_drawn()
    {
        PredictOptions options = new() { Samples = 6, Seed = 3 };
        IReadOnlyList<string> Warnings(double? limit, PredictOptions o)
        {
            using var segmenter = Load(change: m => m with { Calibration = new() { MeanEntropyLimit = new() { Samples = 6, Limits = [limit] } } });
            return segmenter.Predict([Channel(Scan())], o).Report.Warnings;
        }

        using var plain = Load();
        var result = plain.Predict([Channel(Scan())], options);
        var labels = result.Prediction.Segmentation.Labels;
        var entropy = Enumerable.Range(0, labels.Length).Where(v => labels[v] != 0).Average(v => (double)result.Prediction.PredictiveEntropy.Voxels[v]);
        Assert.Equal(entropy, result.Report.Classes[0].MeanEntropy!.Value, tolerance: 1e-9);

        var warning = Assert.Single(Warnings(entropy * 0.99, options), w => w.StartsWith("Less sure of", StringComparison.Ordinal));
        Assert.Contains(FormattableString.Invariant($"a mean entropy of {entropy:G3} nats, which stays at or below {entropy * 0.99:G3} in 95 %"), warning, StringComparison.Ordinal);
        Assert.Equal(result.Report.Warnings, Warnings(entropy * 1.01, options));
        Assert.Equal(result.Report.Warnings, Warnings(null, options));
        foreach (var (other, reason) in new (PredictOptions, string)[]
        {
            (options with { Samples = 5 }, "5 samples were drawn, and the calibration is for 6. Draw at least as many."),
            (options with { Flips = FlipAxes.LeftRight }, "it is for predictions without flips."),
        })
        {
            Assert.DoesNotContain(Warnings(1e-9, other), w => w.StartsWith("Less sure of", StringComparison.Ordinal));
            Assert.Contains($"No comparison of the entropy: {reason}", Warnings(1e-9, other));
        }

        using var both = Load(change: m => m with { Calibration = new() { VolumeInterval = new() { Samples = 6, Factors = [2] }, MeanEntropyLimit = new() { Samples = 6, Limits = [1] } } });
        Assert.Contains("No calibrated interval of the volume and no comparison of the entropy: it is for predictions without flips.", both.Predict([Channel(Scan())], options with { Flips = FlipAxes.LeftRight }).Report.Warnings);
    }

    [Fact]
    public void The_interval_of_the_volume_is_widened_as_the_manifest_says_where_enough_samples_were_drawn()
    {
        using var segmenter = Load(change: m => m with { Calibration = new() { VolumeInterval = new() { Samples = 6, Factors = [2] } } });

        var @class = segmenter.Predict([Channel(Scan())], new() { Samples = 6, Seed = 3 }).Report.Classes[0];
        var voxel = Scan().Geometry.VoxelVolume / 1000;
        Assert.Equal([Math.Max(0, (@class.SampleVolumeInterval![0] - voxel) / 2), 2 * @class.SampleVolumeInterval[1] + voxel], @class.VolumeInterval!, (a, b) => Math.Abs(a - b) < 1e-9);

        Assert.InRange(@class.Volume, @class.VolumeInterval![0], @class.VolumeInterval[1]);
        foreach (var (options, reason) in new (PredictOptions, string)[]
        {
            (new() { Samples = 5, Seed = 3 }, "5 samples were drawn, and the calibration is for 6. Draw at least as many."),
            (new() { Samples = 0 }, "1 sample was drawn, and the calibration is for 6. Draw at least as many."),
            (new() { Samples = 6, Flips = FlipAxes.LeftRight }, "it is for predictions without flips."),
        })
        {
            var report = segmenter.Predict([Channel(Scan())], options).Report;
            Assert.Null(report.Classes[0].VolumeInterval);
            Assert.Contains($"No calibrated interval of the volume: {reason}", report.Warnings);
        }

        using var ofOne = Load(change: m => m with { Calibration = new() { VolumeInterval = new() { Samples = 1, Factors = [2] } } });
        Assert.Contains("No calibrated interval of the volume: it is for samples, and only the mean of the posterior was run. Draw samples.", ofOne.Predict([Channel(Scan())], new() { Samples = 0 }).Report.Warnings);

        // All that is found is removed from the segmentation, and stays in the samples: the interval still holds the volume that is reported.
        using var bare = Load(change: m => m with { Calibration = new() { MinimumLesionVoxels = 1_000, VolumeInterval = new() { Samples = 6, Factors = [1] } } });
        var empty = bare.Predict([Channel(Scan())], new() { Samples = 6, Seed = 3 }).Report.Classes[0];
        Assert.True(empty.Volume == 0 && empty.SampleVolumeInterval![0] > 0 && empty.VolumeInterval![0] == 0);

        using var uncalibrated = Load();
        Assert.Null(uncalibrated.Predict([Channel(Scan())], new() { Samples = 6, Seed = 3 }).Report.Classes[0].VolumeInterval);
    }

    [Fact]
    public void Memory_does_not_grow_from_prediction_to_prediction()
    {
        using var segmenter = Load();
        long Growth()
        {
            var before = Used();
            for (var n = 0; n < 40; n++)
            {
                segmenter.Predict([Channel(Scan())], new() { Samples = 4 });
            }

            return Used() - before;
        }

        static long Used()
        {
            GC.Collect();
            using var process = System.Diagnostics.Process.GetCurrentProcess();
            return process.WorkingSet64;
        }

        // A leak grows in every round; tests that run beside this one raise the working set in some.
        Growth();
        Assert.InRange(Enumerable.Range(0, 5).Min(_ => Growth()), long.MinValue, 40_000_000);
    }

    private LesionSegmenter Load(int threads = 0, Func<ModelManifest, ModelManifest>? change = null)
    {
        var path = Path.Combine(folder, "tiny.onnx");
        File.WriteAllBytes(path, TinyModel.Bytes(change));
        return LesionSegmenter.Load(path, threads);
    }

    private static Scan Channel(Volume volume) => new("channel 1", volume);

    /// <summary>LPS axes, oblique, another spacing than the model's.</summary>
    private static Volume Scan()
    {
        var (sine, cosine) = Math.SinCos(0.15);
        var affine = new Affine(new(-1.3 * cosine, -1.3 * sine, 0), new(0.9 * sine, -0.9 * cosine, 0), new(0, 0, 2.4), new(10, 20, -5));
        var random = new Random(1);
        return new(new(new(11, 7, 9), affine), [.. Enumerable.Range(0, 11 * 7 * 9).Select(v => (float)(100 + 50 * Math.Sin(v * 0.05) + 20 * random.NextDouble()))]);
    }

    private static double[] ReferencePass(PreparedVolume prepared, double[] weights)
    {
        var (size, patch) = (prepared.Geometry.Size, TinyModel.Manifest.PatchSize);
        var window = GaussianWindow.Create(patch);
        var sums = new double[3, size.Count]; // two logits and the weight
        foreach (var (oi, oj, ok) in PatchGrid.Positions(size, patch, TinyModel.Manifest.Overlap))
        {
            double Voxel(int i, int j, int k)
            {
                var isInPatch = i >= 0 && j >= 0 && k >= 0 && i < patch.Width && j < patch.Height && k < patch.Depth;
                return isInPatch && oi + i < size.Width && oj + j < size.Height && ok + k < size.Depth
                    ? prepared.Voxels[oi + i + size.Width * (oj + j + size.Height * (ok + k))]
                    : 0;
            }

            for (var p = 0; p < patch.Count; p++)
            {
                var (i, j, k) = (p % patch.Width, p / patch.Width % patch.Height, p / patch.Width / patch.Height);
                if (oi + i >= size.Width || oj + j >= size.Height || ok + k >= size.Depth)
                {
                    continue;
                }

                var v = oi + i + size.Width * (oj + j + size.Height * (ok + k));
                sums[2, v] += window[p];
                for (var c = 0; c < 2; c++)
                {
                    double logit = TinyModel.Bias[c];
                    for (var w = 0; w < TinyModel.Kernel; w++)
                    {
                        logit += weights[c * TinyModel.Kernel + w] * Voxel(i + w % 3 - 1, j + w / 3 % 3 - 1, k + w / 9 - 1);
                    }

                    sums[c, v] += window[p] * logit;
                }
            }
        }

        return [.. Enumerable.Range(0, (int)size.Count).Select(v => 1 / (1 + Math.Exp((sums[0, v] - sums[1, v]) / sums[2, v])))];
    }

    private static void AssertNear(Volume expected, Volume found) =>
        Assert.InRange(expected.Voxels.Zip(found.Voxels, (a, b) => Math.Abs(a - b)).Max(), 0, 1e-4);
}
