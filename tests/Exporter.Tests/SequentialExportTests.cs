using Credence.Exporter.Modules;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Samples;
using TorchSharp.Modules;
using static TorchSharp.torch.nn;

namespace Credence.Exporter.Tests;

/// <summary>Networks that were not made of our layers. The export compares ONNX Runtime with libtorch on two sizes and batches, and with draws of the masks.</summary>
public sealed class SequentialExportTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    /// <summary>What stands between two convolutions, (N, 4, D, H, W) to the same.</summary>
    private static readonly Dictionary<string, Func<Sequential>> Middles = new()
    {
        ["Conv3d, dilated, in groups, without bias"] = () => Sequential(Conv3d(4, 4, 3, padding: 2, dilation: 2, groups: 2, bias: false)),
        ["Conv3d, padding same, even and odd kernel"] = () => Sequential(Conv3d(4, 4, (2L, 3L, 4L), padding: Padding.Same)),
        ["Conv3d and ConvTranspose3d, strided"] = () => Sequential(Conv3d(4, 6, (1L, 3L, 3L), stride: (1L, 2L, 2L), padding: (0L, 1L, 1L)), ConvTranspose3d(6, 4, (1L, 2L, 2L), stride: (1L, 2L, 2L))),
        ["ConvTranspose3d with output padding, in groups"] = () => Sequential(Conv3d(4, 6, 3, stride: 2, padding: 1), ConvTranspose3d(6, 4, 3, stride: 2, padding: 1, output_padding: 1, groups: 2, bias: false)),
        ["BatchNorm3d"] = () => Sequential(BatchNorm3d(4)),
        ["BatchNorm3d, not affine"] = () => Sequential(BatchNorm3d(4, eps: 0.1, affine: false)),
        ["InstanceNorm3d"] = () => Sequential(InstanceNorm3d(4, eps: 0.1)),
        ["InstanceNorm3d, affine"] = () => Sequential(InstanceNorm3d(4, affine: true)),
        ["InstanceNorm3d with running statistics"] = () => Sequential(InstanceNorm3d(4, affine: true, track_running_stats: true)),
        ["GroupNorm"] = () => Sequential(GroupNorm(2, 4)),
        ["GroupNorm, not affine"] = () => Sequential(GroupNorm(2, 4, eps: 0.1, affine: false)),
        ["ReLU"] = () => Sequential(ReLU(inplace: true)),
        ["LeakyReLU"] = () => Sequential(LeakyReLU(0.3)),
        ["PReLU, one slope"] = () => Sequential(PReLU(1, 0.2)),
        ["PReLU, one a channel"] = () => Sequential(PReLU(4, 0.2)),
        ["ReLU6"] = () => Sequential(ReLU6()),
        ["ELU"] = () => Sequential(ELU(0.7)),
        ["SiLU"] = () => Sequential(SiLU()),
        ["GELU"] = () => Sequential(GELU()),
        ["GELU, approximate"] = () => Sequential(GELU(TorchSharp.Modules.GELU.Approximate.tanh)),
        ["Sigmoid"] = () => Sequential(Sigmoid()),
        ["Tanh"] = () => Sequential(Tanh()),
        ["Hardswish"] = () => Sequential(Hardswish()),
        ["Mish"] = () => Sequential(Mish()),
        ["MaxPool3d and Upsample"] = () => Sequential(MaxPool3d(2), Upsample(scale_factor: [2, 2, 2])),
        ["MaxPool3d, padded, dilated"] = () => Sequential(MaxPool3d([3, 3, 3], [1, 1, 1], [1, 1, 1]), MaxPool3d([1, 2, 2], [1, 1, 1], [0, 0, 0], [1, 2, 2]), Conv3d(4, 4, (1L, 3L, 3L), padding: (0L, 2L, 2L))),
        ["AvgPool3d and Upsample"] = () => Sequential(AvgPool3d([1, 2, 2]), Upsample(scale_factor: [1, 2, 2])),
        ["AvgPool3d, padded"] = () => Sequential(AvgPool3d([3, 3, 3], [1, 1, 1], [1, 1, 1])),
        ["AvgPool3d, padding not counted"] = () => Sequential(AvgPool3d([3, 3, 3], [1, 1, 1], [1, 1, 1], count_include_pad: false)),
        ["Identity, dropout and nested Sequential"] = () => Sequential(("a", Identity()), ("b", Sequential(("c", Dropout3d(0.3)), ("d", Sequential(Tanh(), Dropout(0.4)))))),
    };

    public SequentialExportTests() => TorchRuntime.Load(); // before TorchSharp is used for the first time

    public static TheoryData<string> Names => [.. Middles.Keys];

    public void Dispose() => folder.Dispose();

    /// <summary>Oracles beside the proof: ONNX's own checker, and the client in NumPy.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Each_usual_module_is_written_as_it_computes(string name)
    {
        using var network = Between(Middles[name]());
        network.train();
        var result = SequentialExport.Export(network, Options());

        Assert.InRange(result.Proof.MaximumError, 0, 1e-4);
        Assert.True(result.Proof.Comparisons > 1000);
        Assert.True(network.training && network.modules().All(m => m.training), "the mode of the network was changed");
        Assert.Equal("8 17 True True", Shared.Run("python3-onnx", Shared.Python, "-c", $"""
            import sys; sys.path.insert(0, r'{RepositoryRoot.File("docs/how-to/python")}'); sys.dont_write_bytecode = True
            import onnx, credence_numpy
            model = onnx.load(r'{result.Output}')
            onnx.checker.check_model(model, full_check=True)
            inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
            golden = credence_numpy.Model(r'{result.Output}').self_test()
            print(model.ir_version, model.opset_import[0].version, len(inferred.graph.value_info) == len(model.graph.node) - 1, golden < 1e-4 or golden)
            """).Trim());
    }

    [Fact]
    public void The_types_that_can_be_written_are_those_of_the_page()
    {
        var page = File.ReadAllText(RepositoryRoot.File("docs/how-to/export-your-own-network.md"));
        Assert.All(ModuleRegistry.Usual().Types, type => Assert.Contains($"`{type}`", page, StringComparison.Ordinal));
    }

    public static TheoryData<string, string> Refused => new()
    {
        { "module \"middle.1\", a Softmax, which has no ONNX form in this exporter; expected one of AdaptiveAvgPool3d, AvgPool3d", "softmax" },
        { "module \"middle.0\", a Linear, which has no ONNX form", "linear" },
        { "module \"middle.0.inner\", a Conv3d with padding of mode Reflect; zeros can be written", "reflect" },
        { "module \"middle.1\", a Upsample with mode Trilinear; nearest can be written", "trilinear" },
        { "module \"middle.1\", a Upsample with a fixed size: space is dynamic in the file", "fixed" },
        { "module \"middle.0\", a MaxPool3d with ceil_mode", "ceil" },
        { "module \"middle.0\", a BatchNorm3d with no running statistics", "statistics" },
        { "module \"middle.0\", a Conv3d, that refuses an input of shape (1, 4, 4, 4, 4)", "channels" },
        { "logits of shape (1, 3, 1, 1, 1) for an image of (1, 2, 4, 4, 4)", "pooled" },
        { "module \"middle.0\", a ResidualBlock, which has no ONNX form in this exporter", "own" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_cannot_be_written_is_named_with_its_place_and_nothing_is_written(string message, string what)
    {
        using var network = Between(what switch
        {
            "softmax" => Sequential(ReLU(), Softmax(1)),
            "linear" => Sequential(Linear(4, 4)),
            "reflect" => Sequential(("0", Sequential(("inner", Conv3d(4, 4, 3, padding: 1, padding_mode: PaddingModes.Reflect))))),
            "trilinear" => Sequential(MaxPool3d(2), Upsample(scale_factor: [2, 2, 2], mode: TorchSharp.torch.UpsampleMode.Trilinear)),
            "fixed" => Sequential(MaxPool3d(2), Upsample(size: [4, 4, 4])),
            "ceil" => Sequential(MaxPool3d([2, 2, 2], [2, 2, 2], [0, 0, 0], [1, 1, 1], ceil_mode: true), Upsample(scale_factor: [2, 2, 2])),
            "statistics" => Sequential(BatchNorm3d(4, track_running_stats: false)),
            "channels" => Sequential(Conv3d(5, 4, 1)),
            "pooled" => Sequential(AdaptiveAvgPool3d(1)),
            _ => Sequential(new ResidualBlock(4)),
        });

        Assert.Contains(message, Assert.Throws<ModelFileException>(() => SequentialExport.Export(network, Options())).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Dropout_of_single_voxels_cannot_be_sampled()
    {
        using var network = Between(Sequential(Dropout(0.1)));
        Assert.Contains("module \"middle.0\", a Dropout of single voxels", Assert.Throws<ModelFileException>(() => SequentialExport.Export(network, Options() with { SamplesDropout = true })).Message, StringComparison.Ordinal);
    }

    /// <summary>A registry is the caller's own: one that writes another function is caught by the proof, and the next registry knows nothing of it.</summary>
    [Fact]
    public void A_module_that_is_written_wrongly_is_refused_by_the_proof_with_the_place_of_the_difference()
    {
        using var network = Between(Sequential(ReLU()));
        var wrong = ModuleRegistry.Usual().Add<ReLU>((_, graph, input) => graph.Node("Sigmoid", [input]));

        Assert.Matches("an output that differs from the trained network by .* at random patch, default noise .*, class", Assert.Throws<ModelFileException>(() => SequentialExport.Export(network, Options() with { Modules = wrong })).Message);
        Assert.InRange(SequentialExport.Export(network, Options()).Proof.MaximumError, 0, 1e-4);
    }

    /// <summary>Squeeze and excitation (Hu et al. 2018): a module whose parts are usual ones, and which broadcasts.</summary>
    [Fact]
    public void A_module_of_ones_own_is_written_as_it_was_registered()
    {
        using var network = Between(Sequential(("gate", new Gate(4))));
        var modules = ModuleRegistry.Usual().Add<Gate>((gate, graph, input) => graph.Node("Mul", [input, graph.Write("weights", gate.Weights, input)]));

        var result = SequentialExport.Export(network, Options() with { Modules = modules, Precision = WeightPrecision.Float16Weights });

        Assert.InRange(result.Proof.MaximumError, 1e-7, 1e-2);
        Assert.Contains(Inference.Onnx.ModelProto.Parser.ParseFrom(File.ReadAllBytes(result.Output)).Graph.Initializer, t => t.Name == "middle.gate.weights.1/weight/float16");
    }

    [Fact]
    public void The_same_network_gives_the_same_bytes_and_no_tensor_is_left_behind()
    {
        using var network = Between(Sequential(GroupNorm(2, 4), GELU(), PReLU(4), Dropout3d(0.2)));
        var first = SequentialExport.Export(network, Options() with { SamplesDropout = true }).Sha256;
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;

        Assert.Equal(first, SequentialExport.Export(network, Options() with { SamplesDropout = true }).Sha256);
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void The_sample_is_the_one_of_the_page_and_the_engine_runs_its_file()
    {
        TorchSharp.torch.random.manual_seed(1);
        using var trained = ExportOwnNetwork.Build();

        var result = ExportOwnNetwork.Export(trained, folder.File("model.onnx"));

        Assert.InRange(result.Proof.MaximumError, 0, 1e-4);
        Assert.Contains(File.ReadAllText(RepositoryRoot.File("tests/Exporter.Tests/Samples/ExportOwnNetwork.cs")), File.ReadAllText(RepositoryRoot.File("docs/how-to/export-your-own-network.md")), StringComparison.Ordinal);
        using var segmenter = LesionSegmenter.Load(result.Output);
        Assert.InRange(segmenter.SelfTest(), 0, 1e-5);
        var grid = new VolumeGeometry(new(30, 40, 20), Affine.Identity);
        var voxels = NoiseSample.Draw(new("image", NoiseDistribution.Gaussian, [grid.Size.Count]), 0, 1, 0);
        var prediction = segmenter.Predict([new("scan", new(grid, voxels))], new() { Samples = 4 }, null, TestContext.Current.CancellationToken).Prediction;
        Assert.Equal(SharedWork.Trunk, prediction.Shared);
        Assert.True(prediction.MutualInformation.Voxels.Max() > 1e-4, "dropout is not sampled");
        var manifest = ModelFile.Load(result.Output).Manifest;
        Assert.Equal(["mask/dropout"], manifest.NoiseInputs.Select(n => n.Name));
        Assert.Equal("module/block", manifest.CutTensor);
    }

    [Fact]
    public void A_network_that_has_diverged_is_refused_and_nothing_is_written()
    {
        using var network = Between(Sequential(ReLU()));
        using (TorchSharp.torch.no_grad())
        using (var infinite = TorchSharp.torch.full([3], float.PositiveInfinity))
        {
            network.parameters().Last().copy_(infinite);
        }

        var error = Assert.Throws<ModelFileException>(() => SequentialExport.Export(network, Options()));

        Assert.Contains("a network whose output is not finite; expected finite weights", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(folder.File("model.onnx")));
    }

    private static Sequential Between(Sequential middle)
    {
        using var pause = FinalizerPause.Begin(); // other tests collect, and add_ below takes a number: docs/decisions/0003-finalizers-wait-for-libtorch.md
        TorchSharp.torch.random.manual_seed(3);
        var network = Sequential(("first", Conv3d(2, 4, 3, padding: 1)), ("middle", middle), ("last", Conv3d(4, 3, 1)));
        using var noGradient = TorchSharp.torch.no_grad();
        foreach (var norm in network.modules().OfType<TorchSharp.Modules.GroupNorm>().Where(n => n.weight is not null))
        {
            TorchSharp.torch.nn.init.ones_(norm.weight); // TorchSharp 0.107 leaves there what lay in memory
            TorchSharp.torch.nn.init.zeros_(norm.bias);
        }

        foreach (var tensor in network.parameters().Cast<torch.Tensor>().Concat(network.buffers().Where(b => b.is_floating_point())))
        {
            using var noise = TorchSharp.torch.rand(tensor.shape);
            tensor.add_(noise, 0.3); // norms and running statistics are not at their initial values
        }

        return network;
    }

    private SequentialOptions Options() => new()
    {
        Output = folder.File("model.onnx"),
        Name = "test",
        Channels = ["T1", "FLAIR"],
        Classes = [new(0, "background"), new(1, "lesion"), new(5, "other")],
        Spacing = new(1, 1, 1),
        PatchSize = new(8, 10, 12),
        Stride = new(2, 2, 2),
    };

    private sealed class Gate : Module<torch.Tensor, torch.Tensor>
    {
        public readonly Sequential Weights;

        public Gate(long channels)
            : base(nameof(Gate))
        {
            Weights = Sequential(AdaptiveAvgPool3d(1), Conv3d(channels, channels, 1), Sigmoid());
            RegisterComponents();
        }

        public override torch.Tensor forward(torch.Tensor input)
        {
            using var weights = Weights.call(input);
            return input * weights;
        }
    }
}
