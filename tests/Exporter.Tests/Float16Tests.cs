using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Architecture;
using DataType = Credence.Inference.Onnx.TensorProto.Types.DataType;

namespace Credence.Exporter.Tests;

public sealed class Float16Tests
{
    private static readonly NetworkOptions Small = new() { InputChannels = 2, Classes = 3, Width = 4, Strides = [[2, 2, 2]] };
    private static readonly NetworkOptions Gaussian = Small with { Posterior = Posterior.MeanField, InitialSigmaRatio = 0.5 };

    private static readonly Dictionary<string, NetworkOptions> Networks = new()
    {
        ["plain"] = Small,
        ["residual, group norm, dropout"] = Small with { Encoder = EncoderKind.Residual, ResidualBlocks = [1, 1], Norm = NormKind.Group, NormGroups = 2, Posterior = Posterior.ChannelDropout },
        ["Gaussian everywhere, batch norm"] = Gaussian with { Norm = NormKind.Batch },
        ["Gaussian decoder"] = Gaussian with { BayesianStages = BayesianStages.Decoder },
        ["Gaussian output"] = Gaussian with { BayesianStages = BayesianStages.OutputLayer },
    };

    public static TheoryData<string, WeightPrecision> Cases => [.. from name in Networks.Keys from precision in new[] { WeightPrecision.Float16Weights, WeightPrecision.Float16 } select (name, precision)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Weights_means_and_deviations_are_halves_and_the_proof_holds(string name, WeightPrecision precision)
    {
        using var run = new TrainedRun(Networks[name]);
        var whole = OnnxExport.Export(run.Options);
        var original = ModelProto.Parser.ParseFrom(File.ReadAllBytes(run.Output)).Graph;
        var result = OnnxExport.Export(run.Options with { Precision = precision });
        var file = ModelFile.Load(run.Output);
        var graph = ModelProto.Parser.ParseFrom(file.Bytes).Graph;

        Assert.InRange(result.Proof.MaximumError, 5 * whole.Proof.MaximumError, 1e-2); // something was rounded
        Assert.Equal(precision, file.Manifest.Precision);
        Assert.Equal(precision == WeightPrecision.Float16 ? 1e-2 : 1e-4, file.Manifest.SelfTest!.Tolerance);
        Assert.Equal(result.Sha256, OnnxExport.Export(run.Options with { Precision = precision }).Sha256);
        Assert.Equal(result.Proof.MaximumError, OnnxExport.Verify(run.Output, [run.Folder], []).Proof!.MaximumError);

        // Oracle: .NET's own conversion, number by number. What is not a weight stays as it was.
        var weights = original.Initializer.Where(t => t.Name.EndsWith("/weight", StringComparison.Ordinal) || t.Name.EndsWith("_norm", StringComparison.Ordinal)
            || t.Name.EndsWith("/mean", StringComparison.Ordinal) && !t.Name.Contains("norm", StringComparison.Ordinal) || t.Name.EndsWith("/sigma", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(weights);
        foreach (var weight in weights)
        {
            var half = Assert.Single(graph.Initializer, t => t.Name == weight.Name + "/float16");
            Assert.Equal((int)DataType.Float16, half.DataType);
            Assert.Equal(Floats(weight).Select(v => (Half)v), Halves(half));
        }

        Assert.Equal(original.Initializer.Except(weights).Select(t => (t.Name, t.RawData)), graph.Initializer.Where(t => t.DataType != (int)DataType.Float16).Select(t => (t.Name, t.RawData)));
        var saved = weights.Sum(w => w.RawData.Length) / 2;
        Assert.InRange(whole.Bytes - result.Bytes, saved * 0.9 - 20_000, saved);

        var layers = graph.Node.Where(n => n.OpType is "Conv" or "ConvTranspose").ToList();
        Assert.All(layers, n => Assert.Equal(precision == WeightPrecision.Float16 && n != layers[^1], n.Input.All(i => i.EndsWith("/half", StringComparison.Ordinal))));
    }

    /// <summary>The stacked weights of the members, of which the graph gathers one, are halves too. Oracle: each trained member, by the proof.</summary>
    [Theory]
    [InlineData(WeightPrecision.Float16Weights)]
    [InlineData(WeightPrecision.Float16)]
    public void An_ensemble_is_proved_member_by_member(WeightPrecision precision)
    {
        using var runs = new TrainedRuns(3, Gaussian with { BayesianStages = BayesianStages.Decoder });
        var whole = OnnxExport.Export(runs.Options);

        var result = OnnxExport.Export(runs.Options with { Precision = precision });

        Assert.InRange(result.Proof.MaximumError, 5 * whole.Proof.MaximumError, 1e-2);
        var graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(runs.Output)).Graph;
        Assert.All(graph.Initializer.Where(t => t.Dims.Count == 6 && t.Dims[1] > 1), t => Assert.Equal((int)DataType.Float16, t.DataType)); // (M, C', C, D, H, W); norms are (M, 1, C, 1, 1, 1)
        Assert.InRange(result.Bytes, 0.5 * whole.Bytes, 0.75 * whole.Bytes);
        using var segmenter = LesionSegmenter.Load(runs.Output);
        Assert.InRange(segmenter.SelfTest(), 0, 1e-5);
    }

    /// <summary>Oracle: the maps of the float32 file; the trunk is shared as there.</summary>
    [Theory]
    [InlineData("Gaussian decoder", WeightPrecision.Float16Weights, SharedWork.Trunk)]
    [InlineData("Gaussian decoder", WeightPrecision.Float16, SharedWork.Trunk)]
    [InlineData("Gaussian output", WeightPrecision.Float16Weights, SharedWork.BlendedFeatures)]
    [InlineData("Gaussian output", WeightPrecision.Float16, SharedWork.BlendedFeatures)]
    public void The_engine_runs_it_and_shares_what_it_did(string name, WeightPrecision precision, SharedWork shared)
    {
        using var run = new TrainedRun(Networks[name]);
        Prediction Predict(WeightPrecision asked)
        {
            OnnxExport.Export(run.Options with { Precision = asked });
            var model = ModelFile.Load(run.Output);
            using var network = new OnnxNetwork(model);
            var grid = new VolumeGeometry(new(24, 18, 22), Affine.Identity);
            var voxels = NoiseSample.Draw([new("image", NoiseDistribution.Gaussian, [2 * grid.Size.Count])], 1, 0).Tensors[0];
            return VolumePredictor.Predict(new(grid, grid, VoxelBox.Whole(grid.Size), grid, voxels), network, model.Manifest, new() { Samples = 3 }, TimeProvider.System, null, CancellationToken.None);
        }

        var (expected, found) = (Predict(WeightPrecision.Float32), Predict(precision));

        Assert.Equal(shared, found.Shared);
        Assert.InRange(expected.Probabilities[0].Voxels.Zip(found.Probabilities[0].Voxels, (a, b) => Math.Abs(a - b)).Max(), 1e-6, 1e-2);
        Assert.InRange(expected.MutualInformation.Voxels.Zip(found.MutualInformation.Voxels, (a, b) => Math.Abs(a - b)).Max(), 1e-6, 1e-2);
    }

    /// <summary>Oracles: the checker of the ONNX project, and the client that was written from the reference.</summary>
    [Theory]
    [InlineData(WeightPrecision.Float16Weights)]
    [InlineData(WeightPrecision.Float16)]
    public void The_ONNX_checker_accepts_it_and_the_NumPy_client_meets_its_golden_numbers(WeightPrecision precision)
    {
        using var run = new TrainedRun(Networks["residual, group norm, dropout"]);
        OnnxExport.Export(run.Options with { Precision = precision });

        Assert.Equal("True", Shared.Run("python3-onnx", Shared.Python, "-c", $"""
            import onnx
            model = onnx.load(r'{run.Output}')
            onnx.checker.check_model(model, full_check=True)
            print(len(onnx.shape_inference.infer_shapes(model, strict_mode=True).graph.value_info) == len(model.graph.node) - 1)
            """).Trim());
        Assert.StartsWith("golden numbers differ by", Shared.Run("python3-onnx", Shared.Python, "-B", RepositoryRoot.File("docs/how-to/python/credence_numpy.py"), run.Output), StringComparison.Ordinal);
    }

    [Fact]
    public void A_weight_beyond_the_range_of_float16_is_refused_with_its_layer_and_nothing_is_written()
    {
        using var run = new TrainedRun(Small, weights: n => n.get_parameter("decoder0_conv0.weight.value")!.view(-1)[5].fill_(-70000));

        var e = Assert.Throws<ModelFileException>(() => OnnxExport.Export(run.Options with { Precision = WeightPrecision.Float16Weights }));

        Assert.Contains("Layer \"decoder0_conv0\" has a weight of -7E+04 (decoder0_conv0/weight), beyond the range of float16 (at most 65504)", e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(run.Output));
        Assert.InRange(OnnxExport.Export(run.Options).Proof.MaximumError, 0, 1e-4);
    }

    /// <summary>The wider tolerance still tells another network.</summary>
    [Fact]
    public void Another_network_is_refused_by_the_tolerance_of_float16()
    {
        using var run = new TrainedRun(Small);
        OnnxExport.Export(run.Options with { Precision = WeightPrecision.Float16 });
        using var other = new TrainedRun(Small, weights: n => n.parameters().ToList().ForEach(p => p.mul_(1.1)));

        Assert.Contains("expected at most 0.01, of a probability", Assert.Throws<ModelFileException>(() => OnnxExport.Verify(run.Output, [other.Folder], [])).Message, StringComparison.Ordinal);
    }

    private static float[] Floats(TensorProto tensor) => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(tensor.RawData.Span).ToArray();

    private static Half[] Halves(TensorProto tensor) => System.Runtime.InteropServices.MemoryMarshal.Cast<byte, Half>(tensor.RawData.Span).ToArray();
}
