using System.Text.Json;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Priors;

namespace Credence.Exporter.Tests;

public sealed class OnnxExportTests
{
    private static readonly NetworkOptions Small = new() { InputChannels = 2, Classes = 3, Width = 4 };
    private static readonly NetworkOptions Residual = Small with { Encoder = EncoderKind.Residual, ResidualBlocks = [1, 2, 1] };
    private static readonly NetworkOptions Anisotropic = Small with { Strides = [[1, 2, 2], [2, 2, 2], [2, 2, 1]], Kernels = [[1, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]] };

    [Theory]
    [InlineData(Posterior.Plain, 0)]
    [InlineData(Posterior.ChannelDropout, 6)]
    [InlineData(Posterior.MeanField, 18)]
    public void The_file_equals_the_network_with_and_without_noise(Posterior posterior, int noiseInputs)
    {
        using var run = new TrainedRun(Anisotropic with { Posterior = posterior });
        var result = OnnxExport.Export(run.Options);

        Assert.InRange(result.Proof.MaximumError, 0, 1e-4);
        Assert.True(result.Proof.Comparisons > 10_000);
        var manifest = ModelFile.Load(run.Output).Manifest;
        Assert.Equal(noiseInputs, manifest.NoiseInputs.Count);
        Assert.Equal(posterior.ToString(), manifest.Posterior.ToString());
        Assert.Equal(posterior == Posterior.ChannelDropout ? "encoder0_conv1_act" : null, manifest.CutTensor);
        Assert.Equal([run.Checkpoints, run.Output], Directory.GetFiles(run.Folder).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_cancelled_export_ends_in_the_proof_and_writes_nothing()
    {
        using var run = new TrainedRun(Small);
        Assert.Throws<OperationCanceledException>(() => OnnxExport.Export(run.Options, new CancellationToken(canceled: true)));
        Assert.Equal([run.Checkpoints], Directory.GetFiles(run.Folder));
        OnnxExport.Export(run.Options);
        Assert.Throws<OperationCanceledException>(() => OnnxExport.Verify(run.Output, [run.Folder], [], new CancellationToken(canceled: true)));
    }

    public static TheoryData<string, NetworkOptions> EveryNetwork
    {
        get
        {
            var data = new TheoryData<string, NetworkOptions>();
            foreach (var norm in Enum.GetValues<NormKind>())
            {
                foreach (var posterior in Enum.GetValues<Posterior>())
                {
                    data.Add($"{norm} norm, {posterior}", Small with { Norm = norm, Posterior = posterior });
                }
            }

            foreach (var stages in Enum.GetValues<BayesianStages>())
            {
                data.Add($"Gaussian from {stages}", Anisotropic with { Posterior = Posterior.MeanField, BayesianStages = stages });
                data.Add($"residual, Gaussian from {stages}", Residual with { Posterior = Posterior.MeanField, BayesianStages = stages });
            }

            data.Add("residual, plain", Residual);
            data.Add("residual, projection, dropout", Residual with { Shortcut = ShortcutKind.StridedProjection, Posterior = Posterior.ChannelDropout });
            data.Add("dropout in the decoder", Small with { Posterior = Posterior.ChannelDropout, DropoutPlacement = DropoutPlacement.Decoder });
            data.Add("deep supervision", Anisotropic with { HasDeepSupervision = true });
            data.Add("prior mean", Small with { Posterior = Posterior.MeanField, PriorMean = PriorMean.Start, Prior = PriorKind.Laplace, Estimator = WeightEstimator.Flipout });
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(EveryNetwork))]
    public void Every_kind_of_network_passes_the_proof(string name, NetworkOptions options)
    {
        using var run = new TrainedRun(options);
        var result = OnnxExport.Export(run.Options);

        Assert.InRange(result.Proof.MaximumError, 0, 1e-4);
        var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(run.Output));
        Assert.Equal(run.Network.NoiseInputs.Count, ModelFile.Load(run.Output).Manifest.NoiseInputs.Count);
        Assert.DoesNotContain(model.Graph.Node, n => n.OpType is "GroupNormalization" or "Dropout" or "RandomNormal");
        Assert.DoesNotContain(model.Graph.Initializer, i => i.Name.StartsWith("auxiliary", StringComparison.Ordinal));
        Assert.True(run.Network.Cut is not { } cut || model.Graph.Node.Any(n => n.Name == cut.Name), name);
    }

    [Fact]
    public void A_classifier_is_refused_by_its_kind()
    {
        using var run = new TrainedRun(Small with { Kind = NetworkKind.Classifier });

        Assert.EndsWith("a network of kind Classifier; expected a segmentation network (UNet), the kind that the engine runs. Use the classifier through Credence.Models.",
            Message(run.Options), StringComparison.Ordinal);
    }

    /// <summary>The largest logit may be that of a class that is not there. The rounding of float32 is relative to it, whatever its sign.</summary>
    [Theory]
    [InlineData(-32)]
    [InlineData(32)]
    public void Large_logits_of_either_sign_pass_the_proof(float bias)
    {
        using var run = new TrainedRun(Small, weights: network =>
        {
            network.get_parameter("output.weight.value")!.mul_(Math.Abs(bias));
            network.get_parameter("output.bias")!.add_(4 * bias);
        });

        Assert.InRange(OnnxExport.Export(run.Options).Proof.MaximumError, 0, 1e-4);
    }

    /// <summary>A scan is mostly background of one value, which a sum in one float32 rounds in the same direction at every voxel. Oracle: the network in float64.</summary>
    [Theory]
    [InlineData(NormKind.Instance)]
    [InlineData(NormKind.Group)]
    public void Norms_keep_their_digits_over_a_large_background(NormKind norm)
    {
        using var run = new TrainedRun(Small with { InputChannels = 1, Norm = norm, NormGroups = 2 });
        OnnxExport.Export(run.Options);
        using var onnx = new OnnxNetwork(ModelFile.Load(run.Output));
        var size = new Size3(96, 96, 64);
        var random = new Random(1);
        float[] patch = [.. Enumerable.Range(0, (int)size.Count).Select(v => v % 10 == 0 ? 4 * random.NextSingle() : -0.7f)];
        var logits = new float[3 * size.Count];
        onnx.Run(patch, 1, size, null, logits);

        using var scope = torch.NewDisposeScope();
        using var noGradient = torch.no_grad();
        run.Network.to(torch.float64);
        var exact = run.Network.Run(torch.tensor(patch, [1, 1, 64, 96, 96]).to(torch.float64), new MeanNoise());
        var error = (torch.tensor(logits, [1, 3, 64, 96, 96]).to(torch.float64) - exact).abs().max() / exact.abs().max();
        Assert.InRange(error.item<double>(), 0, 3e-6);
    }

    /// <summary>The limit of one ONNX file, 2 GB, met by a small file.</summary>
    [Fact]
    public void A_file_beyond_the_limit_is_refused_and_not_written()
    {
        using var run = new TrainedRun(Small with { Posterior = Posterior.MeanField });
        var bytes = OnnxExport.Export(run.Options with { LargestFile = int.MaxValue }).Bytes;
        Assert.Equal(bytes, OnnxExport.Export(run.Options with { LargestFile = bytes }).Bytes);
        File.Delete(run.Output);

        foreach (var limit in new[] { bytes - 1, bytes / 2 }) // the second is met by the weights alone
        {
            Assert.Matches($@"model\.onnx: a model of \d+ bytes; expected at most {limit}, the limit of one ONNX file\. Store its weights in float16 \(--precision float16-weights\), train a narrower network",
                Message(run.Options with { LargestFile = limit }));
        }

        Assert.False(File.Exists(run.Output));
        Assert.InRange(OnnxExport.Export(run.Options with { LargestFile = bytes - 1, Precision = WeightPrecision.Float16Weights }).Bytes, 1, bytes - 1);
    }

    [Fact]
    public void The_same_checkpoint_gives_the_same_bytes()
    {
        using var run = new TrainedRun(Small with { Posterior = Posterior.MeanField });
        var first = OnnxExport.Export(run.Options).Sha256;

        Assert.Equal(first, OnnxExport.Export(run.Options).Sha256);
    }

    /// <summary>The refusal really compares: one weight of the trained network is moved after the checkpoint was written.</summary>
    [Theory]
    [InlineData(Posterior.Plain, "output.weight.value")]
    [InlineData(Posterior.MeanField, "encoder1_conv0.weight.rho")]
    [InlineData(Posterior.ChannelDropout, "decoder0_conv1_norm.scale")]
    public void A_file_that_differs_is_refused_with_the_place_and_nothing_is_written(Posterior posterior, string parameter)
    {
        using var run = new TrainedRun(Small with { Posterior = posterior });
        using (torch.no_grad())
        {
            run.Network.named_parameters().Single(p => p.name == parameter).parameter.add_(0.05);
        }

        var e = Assert.Throws<ModelFileException>(() => OnnxExport.Export([run.Network], [run.Checkpoints], run.Options));

        Assert.Matches(@"model\.onnx: an output that differs from the trained network by [\d.E-]+ at random (patch|batch of 2), (default noise|noise draw \d) \(\d+ x \d+ x \d+\), class \d, voxel \(\d+, \d+, \d+\); expected at most 0\.0001, of a probability or of a logit relative to the largest\. Nothing was written\.", e.Message);
        Assert.Equal([run.Checkpoints], Directory.GetFiles(run.Folder));
    }

    /// <summary>Oracle: the checker and the shape inference of the ONNX project.</summary>
    [Theory]
    [InlineData(Posterior.Plain)]
    [InlineData(Posterior.ChannelDropout)]
    [InlineData(Posterior.MeanField)]
    public void The_ONNX_checker_accepts_the_file(Posterior posterior)
    {
        using var run = new TrainedRun(Anisotropic with { Posterior = posterior });
        OnnxExport.Export(run.Options);
        AssertAccepted(run.Output);
    }

    [Fact]
    public void A_run_without_checkpoint_and_a_checkpoint_without_manifest_are_refused()
    {
        using var run = new TrainedRun(Small, hasManifest: false);
        Assert.Contains("no metadata \"credence.manifest\"", Message(run.Options), StringComparison.Ordinal);

        File.Delete(run.Checkpoints);
        Assert.Contains("no best.safetensors and no last.safetensors", Message(run.Options), StringComparison.Ordinal);
    }

    [Fact]
    public void A_manifest_that_does_not_fit_the_network_is_refused()
    {
        using var run = new TrainedRun(Small, change: m => m with { Classes = [m.Classes[0], m.Classes[1]] });
        Assert.Contains("a manifest with 2 channels and 2 classes; expected 2 and 3 as in the network", Message(run.Options), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_checkpoint_is_a_bad_model_and_an_earlier_file_stays()
    {
        using var run = new TrainedRun(Small);
        OnnxExport.Export(run.Options);
        var before = File.ReadAllBytes(run.Output);
        File.WriteAllBytes(run.Checkpoints, File.ReadAllBytes(run.Checkpoints)[..1000]);

        Assert.Contains("bytes with a header length of", Message(run.Options), StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(run.Output));
    }

    [Fact]
    public void An_export_leaves_no_tensor_behind()
    {
        using var run = new TrainedRun(Small with { Posterior = Posterior.MeanField });
        OnnxExport.Export(run.Options);
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        OnnxExport.Export(run.Options);

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void A_tuned_calibration_goes_into_the_manifest_of_the_model_it_was_tuned_for()
    {
        using var run = new TrainedRun(Small, m => m with { Provenance = m.Provenance with { DataHash = "0123456789abcdef01" } });
        var file = Path.Combine(run.Folder, "calibration.json");
        TunedCalibration Tuned(string dataHash, string @class) => new()
        {
            DataHash = dataHash,
            Classes = [new(0, "background"), .. Enumerable.Range(1, Small.Classes - 1).Select(c => new ClassDescription((byte)c, $"{@class}{c}"))],
            Calibration = new() { Temperature = 1.5, Threshold = 0.35, MinimumLesionVoxels = 9, VolumeInterval = new() { Samples = 16, Factors = [.. Enumerable.Repeat(1.25, Small.Classes - 1)] }, MeanEntropyLimit = new() { Samples = 16, Limits = [.. Enumerable.Repeat<double?>(0.3, Small.Classes - 2), null] } },
            Objective = "mean foreground Dice",
            Apparent = 0.8,
            Nested = 0.7,
            Optimism = 0.1,
            Untuned = 0.6,
            WithoutFold = [],
            Thresholds = [0.35],
            LargestMinimum = 9,
            TemperatureRule = "",
        };
        void Write(TunedCalibration tuned) => File.WriteAllText(file, JsonSerializer.Serialize(tuned, CalibrationJson.Default.TunedCalibration));

        Write(Tuned("0123456789abcdef01", "class"));
        OnnxExport.Export(run.Options with { Calibration = file });
        Assert.Equal(Tuned("", "").Calibration, ModelFile.Load(run.Output).Manifest.Calibration);

        Write(Tuned("fedcba9876543210ff", "class"));
        Assert.Contains("a calibration tuned on data fedcba9876543210; expected data 0123456789abcdef, on which the model was trained", Message(run.Options with { Calibration = file }), StringComparison.Ordinal);
        Write(Tuned("0123456789abcdef01", "other"));
        Assert.Contains("a calibration for classes 0 background, 1 other1", Message(run.Options with { Calibration = file }), StringComparison.Ordinal);
        Assert.Contains("no readable calibration", Message(run.Options with { Calibration = file + ".absent" }), StringComparison.Ordinal);
    }

    private static void AssertAccepted(string model) => Assert.StartsWith("8 17 True", Shared.Run("python3-onnx", Shared.Python, "-c", $"""
        import onnx
        model = onnx.load(r'{model}')
        onnx.checker.check_model(model, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
        print(model.ir_version, model.opset_import[0].version, len(inferred.graph.value_info) == len(model.graph.node) - 1)
        """), StringComparison.Ordinal);

    private static string Message(ExportOptions options) => Assert.Throws<ModelFileException>(() => OnnxExport.Export(options)).Message;
}
