using System.Text.Json;
using System.Text.Json.Nodes;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Architecture;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Credence.Exporter.Tests;

/// <summary>Several networks in one file.</summary>
public sealed class EnsembleTests
{
    private static readonly NetworkOptions Small = new() { InputChannels = 2, Classes = 3, Width = 4, Strides = [[2, 2, 2]] };
    private static readonly NetworkOptions Dropout = Small with { Posterior = Posterior.ChannelDropout, DropProbability = 0.3 };

    public static TheoryData<string, NetworkOptions> Architectures => new()
    {
        { "instance norm, plain", Small },
        { "batch norm, residual, plain", Small with { Norm = NormKind.Batch, Encoder = EncoderKind.Residual, ResidualBlocks = [1, 1] } },
        { "group norm, dropout", Dropout with { Norm = NormKind.Group, NormGroups = 2 } },
        { "deep supervision, no norm, Gaussian everywhere", Small with { Norm = NormKind.None, Posterior = Posterior.MeanField, Strides = [[2, 2, 2], [1, 2, 2], [1, 1, 2]], HasDeepSupervision = true } },
        { "Gaussian output", Small with { Posterior = Posterior.MeanField, BayesianStages = BayesianStages.OutputLayer } },
    };

    /// <summary>Oracle: each trained network in libtorch, with noise of libtorch's generator, against ONNX Runtime without our engine.</summary>
    [Theory]
    [MemberData(nameof(Architectures))]
    public void Each_member_of_the_file_is_its_own_network(string name, NetworkOptions options)
    {
        using var runs = new TrainedRuns(3, options);
        Assert.Equal(3, OnnxExport.Export(runs.Options).Members);
        using var session = new InferenceSession(runs.Output);
        using var scope = torch.NewDisposeScope();
        using var generator = new torch.Generator(3);
        var image = torch.randn([2, 2, 8, 12, 16], generator: generator);
        var noise = runs.Runs[0].Network.NoiseInputs.ToDictionary(n => n.Name, n => torch.randn([.. n.Shape], generator: generator));
        float[] Onnx(int? member, bool isNoisy)
        {
            NamedOnnxValue Value(string input, torch.Tensor tensor) => NamedOnnxValue.CreateFromTensor(input, new DenseTensor<float>(tensor.data<float>().ToArray(), [.. tensor.shape.Select(e => (int)e)]));
            List<NamedOnnxValue> inputs = [Value("image", image), .. isNoisy ? noise.Select(n => Value(n.Key, n.Value)) : []];
            if (member is { } m)
            {
                inputs.Add(NamedOnnxValue.CreateFromTensor("member", new DenseTensor<long>(new long[] { m }, [])));
            }

            using var outputs = session.Run(inputs);
            return [.. outputs[0].AsTensor<float>()];
        }

        float[] Torch(int member, bool isNoisy)
        {
            using var noGradient = torch.no_grad();
            var network = runs.Runs[member].Network;
            return (isNoisy ? network.Run(image, new GivenNoise(noise)) : network.forward(image)).data<float>().ToArray();
        }

        static double Difference(float[] a, float[] b) => a.Zip(b).Max(p => Math.Abs(p.First - p.Second)) / Math.Max(1, a.Max(Math.Abs));
        foreach (var isNoisy in noise.Count > 0 ? new[] { false, true } : [false])
        {
            Assert.InRange(Difference(Torch(0, isNoisy), Onnx(null, isNoisy)), 0, 1e-5);
            for (var m = 0; m < 3; m++)
            {
                Assert.InRange(Difference(Torch(m, isNoisy), Onnx(m, isNoisy)), 0, 1e-5);
                Assert.True(Difference(Torch(m, isNoisy), Onnx((m + 1) % 3, isNoisy)) > 1e-2, $"{name}: the members are too alike for the comparison to mean anything");
            }
        }
    }

    [Fact]
    public void The_manifest_says_what_the_ensemble_is_and_where_each_member_comes_from()
    {
        var n = 0;
        using var runs = new TrainedRuns(3, Dropout, m =>
        {
            n++;
            return m with
            {
                Name = $"Task fold {n} of 3",
                Fingerprint = m.Fingerprint with
                {
                    Cases = 10 + n,
                    SpacingMinimum = new(1 - 0.1 * n, 1, 1),
                    SpacingMaximum = new(1, 1, 1 + n),
                    Channels = [.. m.Fingerprint.Channels.Select(c => c with { Median = n * n, Ranges = new(new(10 - n, 20 + n), new(1, 2), new(0.4, 0.6), new(0.5 / n, 1)) })],
                },
                Provenance = m.Provenance with { DataHash = "d", CodeHash = $"code {n}", TrainedAt = $"2026-01-0{4 - n}T00:00:00Z", Metrics = new Dictionary<string, double> { ["Dice"] = 0.1 * n } },
            };
        });
        OnnxExport.Export(runs.Options);

        var manifest = ModelFile.Load(runs.Output).Manifest;
        Assert.Equal(("Task, ensemble of 3", PosteriorKind.Ensemble, 3, (string?)null), (manifest.Name, manifest.Posterior, manifest.Members, manifest.CutTensor));
        Assert.Equal(runs.Runs[0].Network.NoiseInputs.Select(i => i.Name), manifest.NoiseInputs.Select(i => i.Name));
        var fingerprint = manifest.Fingerprint;
        Assert.Equal((13, new Vector3D(0.7, 1, 1), new Vector3D(1, 1, 4), 4.0), (fingerprint.Cases, fingerprint.SpacingMinimum, fingerprint.SpacingMaximum, fingerprint.Channels[0].Median));
        Assert.Equal(new ChannelRanges(new(7, 23), new(1, 2), new(0.4, 0.6), new(0.5 / 3, 1)), fingerprint.Channels[1].Ranges);
        var provenance = manifest.Provenance;
        Assert.Equal(("d", "2026-01-03T00:00:00Z", 300L, 10UL, 0), (provenance.DataHash, provenance.TrainedAt, provenance.Steps, provenance.Seed, provenance.Metrics.Count));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData("code 1\ncode 2\ncode 3"u8)), provenance.CodeHash);
        Assert.Equal(runs.Runs.Select(r => $"{Path.GetFileName(r.Folder)}/best.safetensors"), provenance.Members!.Select(m => m.Run));
        Assert.Equal([10, 11, 12], provenance.Members!.Select(m => (int)m.Seed));
        Assert.Equal([0.1, 0.2, 0.3], provenance.Members!.Select(m => Math.Round(m.Metrics["Dice"], 6)));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(runs.Runs[2].Checkpoints))), provenance.Members![2].CheckpointHash);
    }

    [Theory]
    [InlineData("width", "width 5; expected width 4 as in ")]
    [InlineData("dropout", "dropProbability 0.2; expected dropProbability 0.3 as in ")]
    [InlineData("posterior", "posterior \"Plain\", ")]
    [InlineData("patch", "patchSize.depth 20; expected patchSize.depth 10 as in ")]
    [InlineData("normalisation", "normalisation.kind \"window\"; expected normalisation.kind \"z-score\" as in ")]
    [InlineData("spacing", "spacing.x 2; expected spacing.x 1 as in ")]
    [InlineData("classes", "classes [{\"label\":0,\"name\":\"background\"},{\"label\":1,\"name\":\"class1\"},{\"label\":9,\"name\":\"class2\"}]; expected classes [")]
    [InlineData("channels", "channels [{\"name\":\"FLAIR\"},{\"name\":\"channel1\"}]; expected channels [")]
    [InlineData("calibration", "calibration.threshold 0.3; expected calibration.threshold 0.5 as in ")]
    [InlineData("licence", "licence \"none\"; expected licence \"unspecified\" as in ")]
    public void Runs_that_do_not_fit_are_refused_by_the_name_of_the_difference(string what, string message)
    {
        using var run = new TrainedRun(Dropout);
        using var other = what switch
        {
            "width" => new TrainedRun(Dropout with { Width = 5 }, seed: 5),
            "dropout" => new(Dropout with { DropProbability = 0.2 }, seed: 5),
            "posterior" => new(Small, seed: 5),
            _ => new(Dropout, m => what switch
            {
                "patch" => m with { PatchSize = m.PatchSize with { Depth = 2 * m.PatchSize.Depth } },
                "normalisation" => m with { Normalisation = new(NormalisationKind.Window) },
                "spacing" => m with { Spacing = new(2, 1, 1) },
                "classes" => m with { Classes = [m.Classes[0], m.Classes[1], m.Classes[2] with { Label = 9 }] },
                "channels" => m with { Channels = [new("FLAIR"), m.Channels[1]] },
                "calibration" => m with { Calibration = new() { Threshold = 0.3 } },
                _ => m with { Licence = "none" },
            }, seed: 5),
        };

        var e = Assert.Throws<ModelFileException>(() => OnnxExport.Export(run.Options with { Runs = [run.Folder, other.Folder] }));

        Assert.StartsWith($"{other.Checkpoints}: ", e.Message, StringComparison.Ordinal);
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(run.Output));
    }

    /// <summary>What only training knows may differ: the graph is the same.</summary>
    [Fact]
    public void Members_may_have_been_trained_in_different_ways()
    {
        var options = Small with { Posterior = Posterior.MeanField };
        using var run = new TrainedRun(options);
        using var other = new TrainedRun(options with { Estimator = WeightEstimator.Flipout, PriorSigma = 0.5 }, seed: 5);
        Assert.Equal(2, OnnxExport.Export(run.Options with { Runs = [run.Folder, other.Folder] }).Members);
    }

    /// <summary>The proof runs every member against its trained network.</summary>
    [Theory]
    [InlineData(WeightPrecision.Float16Weights)]
    [InlineData(WeightPrecision.Float16)]
    public void Stacks_of_weights_may_be_halves(WeightPrecision precision)
    {
        using var runs = new TrainedRuns(3, Small with { Posterior = Posterior.MeanField });
        var whole = OnnxExport.Export(runs.Options).Bytes;
        var result = OnnxExport.Export(runs.Options with { Precision = precision });

        Assert.InRange(result.Proof.MaximumError, 1e-5, 1e-2);
        var graph = ModelProto.Parser.ParseFrom(File.ReadAllBytes(runs.Output)).Graph;
        Assert.Contains(graph.Initializer, t => t is { Name: "output/sigma/members/float16", DataType: (int)TensorProto.Types.DataType.Float16 });
        Assert.InRange(result.Bytes, whole / 2, 0.7 * whole); // noise defaults are not halved
    }

    [Fact]
    public void The_same_network_twice_is_refused()
    {
        using var run = new TrainedRun(Small);
        using var copy = new TrainedRun(Small);
        string Message(params string[] runs) => Assert.Throws<ModelFileException>(() => OnnxExport.Export(run.Options with { Runs = runs })).Message;

        Assert.StartsWith($"{run.Checkpoints}: a checkpoint that was given 2 times; expected each member once", Message(run.Folder, run.Checkpoints), StringComparison.Ordinal);
        Assert.StartsWith($"{copy.Checkpoints}: the weights of {run.Checkpoints}; expected another network in each member", Message(run.Folder, copy.Folder), StringComparison.Ordinal);
    }

    [Fact]
    public void A_member_that_differs_from_its_network_is_refused_by_its_number()
    {
        using var runs = new TrainedRuns(3, Small);
        using (torch.no_grad())
        {
            runs.Runs[2].Network.named_parameters().Single(p => p.name == "output.weight.value").parameter.add_(0.05);
        }

        var e = Assert.Throws<ModelFileException>(() => OnnxExport.Export([.. runs.Runs.Select(r => r.Network)], [.. runs.Runs.Select(r => r.Checkpoints)], runs.Options));
        Assert.Matches(@"model\.onnx: an output that differs from the trained network by [\d.E-]+ at random (patch|batch of 2), noise draw 2 of member 2 ", e.Message);
    }

    [Fact]
    public void Golden_numbers_are_met_and_verify_wants_every_run_in_its_order()
    {
        using var runs = new TrainedRuns(3, Dropout);
        OnnxExport.Export(runs.Options);
        using (var network = new OnnxNetwork(ModelFile.Load(runs.Output)))
        {
            Assert.InRange(DeviceChoice.LargestDifference(network, ModelFile.Load(runs.Output).Manifest).Size, 0, 1e-5);
        }

        var (golden, proof) = OnnxExport.Verify(runs.Output, runs.Folders, []);
        Assert.InRange(golden, 0, 1e-5);
        Assert.InRange(proof!.MaximumError, 0, 1e-4);

        string Message(IEnumerable<string> given) => Assert.Throws<ModelFileException>(() => OnnxExport.Verify(runs.Output, [.. given], [])).Message;
        Assert.Contains("3 networks, 2 channels, 3 classes", Message([runs.Folders[0]]), StringComparison.Ordinal);
        Assert.Contains("differs from the trained network by", Message(runs.Folders.Reverse()), StringComparison.Ordinal);
    }

    /// <summary>Only the output layer differs: the rest is stored once, and computed once.</summary>
    [Fact]
    public void What_the_members_share_is_stored_and_computed_once()
    {
        using var run = new TrainedRun(Small);
        using var other = new TrainedRun(Small, weights: n => n.get_parameter("output.weight.value")!.mul_(-1));
        OnnxExport.Export(run.Options with { Runs = [run.Folder, other.Folder] });

        var model = ModelFile.Load(run.Output);
        Assert.Equal(["output/weight/members"], ModelProto.Parser.ParseFrom(model.Bytes).Graph.Initializer.Select(t => t.Name).Where(t => t.EndsWith("/members", StringComparison.Ordinal)));
        Assert.Equal(run.Network.Nodes[^2].Name, model.Manifest.CutTensor);
        using var network = new OnnxNetwork(model);
        var prepared = Cases.Ball(2);
        var found = VolumePredictor.Predict(prepared, network, model.Manifest, new(), TimeProvider.System, null, CancellationToken.None);
        Assert.Equal((SharedWork.BlendedFeatures, 2, StopReason.AllMembers), (found.Shared, found.Samples, found.StoppedBy));
        var expected = ReferencePrediction.Of(model, prepared, 2, seed: 1);
        Assert.All(expected.Probability[1].Zip(found.Probabilities[0].Voxels), p => Assert.Equal(p.First, p.Second, 1e-4));
        Assert.All(expected.Information.Zip(found.MutualInformation.Voxels), p => Assert.Equal(p.First, p.Second, 1e-4));
        Assert.True(expected.Information.Max() > 1e-3);
    }

    /// <summary>Samples by default, asked for in excess, too few, unequal; and why sampling stopped.</summary>
    [Theory]
    [InlineData(false, null, 3, StopReason.AllMembers, null)]
    [InlineData(false, 3, 3, StopReason.AllMembers, null)]
    [InlineData(false, 16, 3, StopReason.AllMembers, null)]
    [InlineData(false, 2, 2, StopReason.AllSamples, "Only 2 of the 3 members of the ensemble were run")]
    [InlineData(false, 0, 1, StopReason.AllSamples, "Only 1 of the 3 members of the ensemble was run")]
    [InlineData(true, null, 18, StopReason.AllSamples, null)]
    [InlineData(true, 7, 7, StopReason.AllSamples, "7 samples of an ensemble of 3 members: some members count once more than others")]
    [InlineData(true, 6, 6, StopReason.AllSamples, null)]
    public void Samples_go_through_the_members_in_whole_rounds_or_say_so(bool isNoisy, int? asked, int drawn, StopReason reason, string? warning)
    {
        using var runs = new TrainedRuns(3, isNoisy ? Dropout : Small);
        OnnxExport.Export(runs.Options);
        using var segmenter = LesionSegmenter.Load(runs.Output);
        Assert.Equal(3, segmenter.Members);
        var geometry = new VolumeGeometry(new(12, 12, 12), Affine.Identity);
        Scan[] scans = [.. segmenter.Channels.Select((c, n) => new Scan(c, new(geometry, [.. Enumerable.Range(0, 12 * 12 * 12).Select(v => (float)Math.Sin(v * (n + 1)))])))];

        var report = segmenter.Predict(scans, new() { Samples = asked, DeviationLimit = null }).Report;

        Assert.Equal((PosteriorKind.Ensemble, 3, drawn, reason), (report.Posterior, report.Members, report.Samples, report.StoppedBy));
        var warnings = report.Warnings.Where(w => w.Contains("members", StringComparison.Ordinal)).ToList();
        Assert.Equal(warning is null ? 0 : 1, warnings.Count);
        Assert.StartsWith(warning ?? "", warnings.FirstOrDefault() ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void A_settled_volume_stops_only_behind_a_whole_round()
    {
        using var runs = new TrainedRuns(3, Dropout);
        OnnxExport.Export(runs.Options);
        var model = ModelFile.Load(runs.Output);
        using var network = new OnnxNetwork(model);
        Prediction Predict(int fewest) => VolumePredictor.Predict(Cases.Ball(2), network, model.Manifest, new() { Samples = 30, Tolerance = 100, FewestSamples = fewest }, TimeProvider.System, null, CancellationToken.None);

        Assert.Equal([3, 6, 9], new[] { 2, 4, 8 }.Select(fewest => Predict(fewest).Samples));
    }

    [Fact]
    public void The_folder_of_a_cross_validation_stands_for_all_of_its_networks()
    {
        using var runs = new TrainedRuns(3, Small);
        using var folder = new TemporaryFolder();
        foreach (var (name, run) in new[] { "seed-10-fold-0", "seed-2-fold-1", "seed-2-fold-0" }.Zip(runs.Runs))
        {
            Directory.CreateDirectory(folder.File(name));
            File.Copy(run.Checkpoints, folder.File($"{name}/last.safetensors"));
        }

        Directory.CreateDirectory(folder.File("report"));
        OnnxExport.Export(runs.Options with { Runs = [folder.Path] });
        Assert.Equal([12, 11, 10], ModelFile.Load(runs.Output).Manifest.Provenance.Members!.Select(m => (int)m.Seed));

        Directory.CreateDirectory(folder.File("seed-3-fold-0")); // one that is still to be trained
        Assert.StartsWith($"{folder.File("seed-3-fold-0")}: no best.safetensors and no last.safetensors", Assert.Throws<ModelFileException>(() => OnnxExport.Export(runs.Options with { Runs = [folder.Path] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_calibration_for_the_whole_stands_above_those_of_the_members_with_a_warning()
    {
        var n = 0;
        using var runs = new TrainedRuns(2, Small, m => m with { Calibration = new() { Threshold = 0.1 * ++n }, Provenance = m.Provenance with { DataHash = "d" } });
        var file = Path.Combine(runs.Folders[0], "calibration.json");
        File.WriteAllText(file, JsonSerializer.Serialize(new()
        {
            DataHash = "d",
            Classes = [new(0, "background"), new(1, "class1"), new(2, "class2")],
            Calibration = new() { Threshold = 0.35, VolumeInterval = new() { Samples = 1, Factors = [1.5, 2] }, MeanEntropyLimit = new() { Samples = 1, Limits = [0.2, null] } },
            Objective = "",
            Apparent = 0,
            Nested = 0,
            Optimism = 0,
            Untuned = 0,
            WithoutFold = [],
            Thresholds = [],
            LargestMinimum = 1,
            TemperatureRule = "",
        }, CalibrationJson.Default.TunedCalibration));

        var result = OnnxExport.Export(runs.Options with { Calibration = file });

        Assert.Equal(new CalibrationDescription { Threshold = 0.35 }, ModelFile.Load(runs.Output).Manifest.Calibration);
        Assert.Equal([$"{file} was tuned on single networks, and the model is the mean over 2: the more members, the less sure of itself. Its volume intervals and entropy limits were left out. Check temperature and threshold on held-out cases, or tune with --ensemble on as many seeds."], result.Warnings);

        // A file of an earlier build says nothing of members: it is of single networks.
        var text = JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        text.Remove("members");
        File.WriteAllText(file, text.ToJsonString());
        Assert.Equal(result.Warnings, OnnxExport.Export(runs.Options with { Calibration = file }).Warnings);

        File.WriteAllText(file, JsonSerializer.Serialize(TunedCalibration.Read(file) with { Members = 2 }, CalibrationJson.Default.TunedCalibration));
        Assert.Empty(OnnxExport.Export(runs.Options with { Calibration = file }).Warnings);
        Assert.Equal([1.5, 2], ModelFile.Load(runs.Output).Manifest.Calibration.VolumeInterval!.Factors);

        File.WriteAllText(file, JsonSerializer.Serialize(TunedCalibration.Read(file) with { LeftOut = 2 }, CalibrationJson.Default.TunedCalibration));
        Assert.Equal([$"{file} was tuned without fold 2, to judge its networks with. Tune on all folds for a model that is to be used."], OnnxExport.Export(runs.Options with { Calibration = file }).Warnings);
    }

    [Fact]
    public void The_command_joins_runs_and_refuses_those_that_do_not_fit_with_exit_code_4()
    {
        using var runs = new TrainedRuns(2, Small);
        using var other = new TrainedRun(Dropout);
        (int ExitCode, string Output, string Error) Export(params string[] arguments) => BuiltProgram.Run("Exporter", "credence-export", arguments);

        var (code, output, error) = Export(["export", .. runs.Folders, "--output", runs.Output]);
        Assert.Equal((0, ""), (code, error));
        Assert.Contains("model.onnx: ensemble of 2, ", output, StringComparison.Ordinal);
        Assert.Equal(0, Export(["verify", runs.Output, "--run", .. runs.Folders]).ExitCode);

        (code, _, error) = Export("export", runs.Folders[0], other.Folder, "--output", other.Output);
        Assert.Equal(4, code);
        Assert.Contains("best.safetensors: posterior \"ChannelDropout\"", error, StringComparison.Ordinal);
        Assert.False(File.Exists(other.Output));
    }

    [Fact]
    public void An_export_leaves_no_tensor_behind()
    {
        using var runs = new TrainedRuns(2, Small with { Posterior = Posterior.MeanField });
        OnnxExport.Export(runs.Options);
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        OnnxExport.Export(runs.Options);
        Assert.Throws<ModelFileException>(() => OnnxExport.Export(runs.Options with { Runs = [.. runs.Folders, runs.Folders[0]] }));

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    /// <summary>Oracle: the checker and the shape inference of the ONNX project.</summary>
    [Theory]
    [MemberData(nameof(Architectures))]
    public void The_ONNX_checker_accepts_the_file(string name, NetworkOptions options)
    {
        using var runs = new TrainedRuns(2, options);
        OnnxExport.Export(runs.Options);
        Assert.Equal("True int64 []", Shared.Run("python3-onnx", Shared.Python, "-c", $"""
            import onnx
            model = onnx.load(r'{runs.Output}')
            onnx.checker.check_model(model, full_check=True)
            inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
            member = [i for i in model.graph.input if i.name == 'member'][0].type.tensor_type
            print(len(inferred.graph.value_info) == len(model.graph.node) - 1, onnx.TensorProto.DataType.Name(member.elem_type).lower(), list(member.shape.dim))
            """).Trim());
        Assert.NotEqual("", name);
    }
}
