using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Google.Protobuf;

namespace Credence.Inference.Tests;

public sealed class ModelFileTests
{
    [Fact]
    public void A_sound_file_gives_its_manifest()
    {
        var model = TinyModel.Model();

        Assert.Equal("tiny", model.Manifest.Name);
        Assert.Equal(TinyModel.Manifest.NoiseInputs[0].Shape, model.Manifest.NoiseInputs[0].Shape);
        Assert.Equal(64, model.Sha256.Length);
    }

    [Fact]
    public void A_missing_file_says_so() =>
        Assert.Equal("none.onnx: no such file; expected a model written by credence-export. Check the path given with --model.",
            Assert.Throws<ModelFileException>(() => ModelFile.Load("none.onnx")).Message);

    [Fact]
    public void An_ONNX_file_from_elsewhere_is_refused()
    {
        var model = ModelProto.Parser.ParseFrom(TinyModel.Bytes());
        model.MetadataProps.Clear();

        Assert.Equal("m.onnx: no metadata \"credence.manifest\"; expected a model written by credence-export. "
            + "An ONNX file from elsewhere lacks preprocessing and classes; train and export it with Credence.", Message(model.ToByteArray()));
    }

    [Fact]
    public void A_manifest_from_the_future_names_the_version_that_reads_it() =>
        Assert.Equal("m.onnx: manifest format version 2; expected at most 1. Use a newer Credence that reads model format 2, or export the model with this version.",
            Message(TinyModel.Bytes(manifestText: """{"formatVersion": 2, "everything": "else"}""")));

    [Theory]
    [InlineData("{}", "a manifest without formatVersion")]
    [InlineData("[]", "a manifest that cannot be read")]
    [InlineData("not json", "a manifest that cannot be read")]
    [InlineData("""{"formatVersion": 1}""", "a manifest that cannot be read")]
    public void A_broken_manifest_is_refused(string text, string found) =>
        Assert.StartsWith($"m.onnx: {found}", Message(TinyModel.Bytes(manifestText: text)), StringComparison.Ordinal);

    [Fact]
    public void Contradictions_are_named()
    {
        void Refused(string found, Func<ModelManifest, ModelManifest> change) =>
            Assert.StartsWith($"m.onnx: {found}", Message(TinyModel.Bytes(change)), StringComparison.Ordinal);

        Refused("orientation \"LPS\"", m => m with { Orientation = "LPS" });
        Refused("blending \"constant\"", m => m with { Blending = "constant" });
        Refused("overlap 1", m => m with { Overlap = 1 });
        Refused("patch 7 x 6 x 4 with stride 2 x 2 x 2", m => m with { PatchSize = new(7, 6, 4) });
        Refused("spacing", m => m with { Spacing = new(1, 0, 1) });
        Refused("interpolation \"Nearest\"", m => m with { Interpolation = MedicalIO.Interpolation.Nearest });
        Refused("clipping from percentile 50 to 50", m => m with { Normalisation = m.Normalisation with { LowerPercentile = 50, UpperPercentile = 50 } });
        Refused("a window from 0 to 0", m => m with { Normalisation = new(NormalisationKind.Window) });
        Refused("calibration", m => m with { Calibration = new() { Temperature = 0 } });
        Refused("volume intervals of 16 samples with the factors 1.5, 2; expected samples of at least 1 and, for each foreground class, a factor", m => m with { Calibration = new() { VolumeInterval = new() { Samples = 16, Factors = [1.5, 2] } } });
        Refused("volume intervals of 16 samples with the factors 0.9", m => m with { Calibration = new() { VolumeInterval = new() { Samples = 16, Factors = [0.9] } } });
        Refused("volume intervals of 0 samples", m => m with { Calibration = new() { VolumeInterval = new() { Samples = 0, Factors = [1.5] } } });
        Refused("mean entropies of 16 samples with the limits 0.1, ; expected samples of at least 1 and, for each foreground class, a limit", m => m with { Calibration = new() { MeanEntropyLimit = new() { Samples = 16, Limits = [0.1, null] } } });
        Refused("mean entropies of 16 samples with the limits -0.1", m => m with { Calibration = new() { MeanEntropyLimit = new() { Samples = 16, Limits = [-0.1] } } });
        Refused("0 channels and labels 0, 7, 7", m => m with { Channels = [], Fingerprint = m.Fingerprint with { Channels = [] }, Classes = [new(0, "b"), new(7, "l"), new(7, "m")] });
        Refused("a fingerprint of 1 channels; expected one of each of the 2", m => m with { Channels = [new("a"), new("b")] });
        Refused("null in a list of channels", m => m with { Fingerprint = m.Fingerprint with { Channels = [null!] } });
        Refused("2 classes \"l\"; expected each name once", m => m with { Classes = [new(0, "b"), new(7, "l"), new(8, "l")] });
        Refused("no \"image\" with 5 axes and 2 channels", m => m with { Channels = [new("a"), new("b")], Fingerprint = m.Fingerprint with { Channels = [.. m.Fingerprint.Channels, .. m.Fingerprint.Channels] } });
        Refused("noise input \"noise/other\"", m => m with { NoiseInputs = [m.NoiseInputs[0] with { Name = "noise/other" }] });
        Refused("noise input \"noise/conv\" of shape (2, 1, 3, 3, 4)", m => m with { NoiseInputs = [m.NoiseInputs[0] with { Shape = [2, 1, 3, 3, 4] }] });
        Refused("noise input \"noise/conv\" with another default; expected an initialiser of that name, 1 everywhere", m => m with { NoiseInputs = [m.NoiseInputs[0] with { Distribution = NoiseDistribution.Bernoulli, DropProbability = 0.2 }] });
        Refused("graph inputs image, noise/conv", m => m with { NoiseInputs = [] });
        Refused("2 members and posterior MeanField", m => m with { Members = 2 });
        Refused("1 members and posterior Ensemble", m => m with { Posterior = PosteriorKind.Ensemble });
        Refused("2 members; expected an int64 scalar \"member\"", m => m with { Posterior = PosteriorKind.Ensemble, Members = 2 });
        Refused("no self-test", m => m with { SelfTest = null });
        Refused("a self-test of sample 1 on a patch of 3 x 2 x 2", m => m with { SelfTest = m.SelfTest! with { PatchSize = new(3, 2, 2) } });
        Refused("a self-test with 1 positions", m => m with { SelfTest = m.SelfTest! with { Positions = [16], DefaultLogits = [0], SampledLogits = [0] } });
        Refused("a self-test with 0 positions", m => m with { SelfTest = m.SelfTest! with { Positions = [] } });
    }

    /// <summary>ONNX Runtime gives the golden numbers that this test's model file computes by hand.</summary>
    [Fact]
    public void The_self_test_describes_what_a_client_has_to_run()
    {
        using var network = new OnnxNetwork(TinyModel.Model());
        var test = TinyModel.Manifest.SelfTest!;
        var logits = new float[16];
        network.Run(test.DrawPatch(1), 1, test.PatchSize, null, logits);
        Assert.All(test.DefaultLogits.Zip(logits), p => Assert.Equal(p.First, p.Second, tolerance: 1e-5f));
        network.Run(test.DrawPatch(1), 1, test.PatchSize, Sampling.NoiseSample.Draw(TinyModel.Manifest.NoiseInputs, test.Seed, test.Sample), logits);
        Assert.All(test.SampledLogits.Zip(logits), p => Assert.Equal(p.First, p.Second, tolerance: 1e-5f));
        Assert.True(test.DefaultLogits.Zip(test.SampledLogits).Max(p => Math.Abs(p.First - p.Second)) > 0.01);
    }

    /// <summary>A reader never guesses a part of the recipe.</summary>
    [Theory]
    [InlineData("interpolation")]
    [InlineData("crop")]
    [InlineData("members")]
    [InlineData("precision")]
    [InlineData("selfTest")]
    [InlineData("provenance", "codeHash")]
    [InlineData("spacing")]
    [InlineData("normalisation", "kind")]
    [InlineData("normalisation", "region")]
    [InlineData("normalisation", "lowerPercentile")]
    [InlineData("normalisation", "upperPercentile")]
    [InlineData("normalisation", "windowLower")]
    [InlineData("normalisation", "windowUpper")]
    public void Preprocessing_that_is_not_told_is_refused(params string[] path)
    {
        var manifest = JsonNode.Parse(JsonSerializer.Serialize(TinyModel.Manifest, ManifestJson.Default.ModelManifest))!.AsObject();
        Assert.True((path.Length == 1 ? manifest : manifest[path[0]]!.AsObject()).Remove(path[^1]));

        Assert.Matches($"^m\\.onnx: a manifest that cannot be read .*'{path[^1]}'", Message(TinyModel.Bytes(manifestText: manifest.ToJsonString())));
    }

    /// <summary>Wherever ONNX lets a tensor be.</summary>
    [Theory]
    [InlineData("initialiser", "mean")]
    [InlineData("sparse initialiser", "hidden")]
    [InlineData("attribute", "hidden")]
    [InlineData("attribute without a name", "add/value")]
    [InlineData("list of an attribute", "hidden")]
    [InlineData("graph inside a graph", "hidden")]
    [InlineData("function", "hidden")]
    [InlineData("default of a function", "hidden")]
    public void Weights_in_another_file_are_refused(string place, string name)
    {
        var model = ModelProto.Parser.ParseFrom(TinyModel.Bytes());
        var graph = model.Graph;
        var hidden = new TensorProto { Name = place.Contains("without", StringComparison.Ordinal) ? "" : "hidden", DataLocation = TensorProto.Types.DataLocation.External };
        var inner = new NodeProto { Name = "inner", Attribute = { new AttributeProto { Name = "value", T = hidden } } };
        graph.Node[0].Name = "add";
        switch (place)
        {
            case "initialiser":
                graph.Initializer.Single(t => t.Name == name).DataLocation = TensorProto.Types.DataLocation.External;
                break;
            case "sparse initialiser":
                graph.SparseInitializer.Add(new SparseTensorProto { Values = new() { Name = "here" }, Indices = hidden });
                break;
            case "list of an attribute":
                graph.Node[0].Attribute.Add(new AttributeProto { Name = "values", Tensors = { new TensorProto { Name = "here" }, hidden } });
                break;
            case "graph inside a graph":
                graph.Node[0].Attribute.Add(new AttributeProto { Name = "body", G = new() { Node = { new NodeProto { Attribute = { new AttributeProto { Name = "branches", Graphs = { new GraphProto { Node = { inner } } } } } } } } });
                break;
            case "function":
                model.Functions.Add(new FunctionProto { Name = "f", Node = { inner } });
                break;
            case "default of a function":
                model.Functions.Add(new FunctionProto { Name = "f", AttributeProto = { new AttributeProto { Name = "value", T = hidden } } });
                break;
            default:
                graph.Node[0].Attribute.Add(new AttributeProto { Name = "value", T = hidden });
                break;
        }

        Assert.StartsWith($"m.onnx: weights of \"{name}\" in another file; expected one file that holds everything", Message(model.ToByteArray()), StringComparison.Ordinal);
    }

    /// <summary>What a manifest may make the engine allocate is bounded by the size of the file.</summary>
    [Fact]
    public void Noise_beyond_its_defaults_is_refused()
    {
        var bytes = TinyModel.Bytes(m => m with { NoiseInputs = [m.NoiseInputs[0] with { Shape = [2, 1, 3, 3, 300_000_000] }] });
        var model = ModelProto.Parser.ParseFrom(bytes);
        model.Graph.Input.Single(i => i.Name == "noise/conv").Type.TensorType.Shape.Dim[4].DimValue = 300_000_000;
        Assert.StartsWith("m.onnx: noise input \"noise/conv\" of shape (2, 1, 3, 3, 300000000) with 54 default values; expected a default value an element", Message(model.ToByteArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_beyond_the_limit_is_refused_before_it_is_read()
    {
        using var folder = new TemporaryFolder();
        var bytes = TinyModel.Bytes();
        File.WriteAllBytes(folder.File("m.onnx"), bytes);

        Assert.Equal(bytes, ModelFile.Load(folder.File("m.onnx"), largest: bytes.Length).Bytes);
        Assert.EndsWith($"m.onnx: {bytes.Length} bytes; expected at most {bytes.Length - 1}, the limit of one ONNX file. Export a smaller network, or in float16.",
            Assert.Throws<ModelFileException>(() => ModelFile.Load(folder.File("m.onnx"), largest: bytes.Length - 1)).Message, StringComparison.Ordinal);
    }

    /// <summary>What a patch needs, by hand: a weight that a scalar multiplies is found behind it, and one that is computed from none keeps the size.</summary>
    [Theory]
    [InlineData("scaled", 2 * 8 * 6 * 4)]
    [InlineData("enlarged", 8 * 8 * 6 * 4 + 2 * 8 * 8 * 6 * 4)]
    [InlineData("made of nothing known", 8 * 6 * 4)]
    public void The_memory_of_a_graph_from_elsewhere_is_estimated(string kind, long expected)
    {
        var model = ModelProto.Parser.ParseFrom(TinyModel.Bytes());
        var (graph, convolution) = (model.Graph, model.Graph.Node[^1]);
        void Add(string name, float[] values, params long[] dims) =>
            graph.Initializer.Add(new TensorProto { Name = name, DataType = 1, Dims = { dims }, RawData = Google.Protobuf.ByteString.CopyFrom(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan())) });
        switch (kind)
        {
            case "scaled":
                Add("scale", [2]);
                graph.Node.Insert(2, new NodeProto { OpType = "Mul", Input = { "scale", "weight" }, Output = { "scaled" } });
                convolution.Input[1] = "scaled";
                break;
            case "enlarged":
                Add("scales", [1, 1, 2, 2, 2], 5);
                graph.Node.Insert(2, new NodeProto { OpType = "Resize", Input = { "image", "", "scales" }, Output = { "large" } });
                convolution.Input[0] = "large";
                break;
            default:
                convolution.Input[1] = "nothing";
                break;
        }

        Assert.Equal(sizeof(float) * expected, ActivationMemory.Estimate(Google.Protobuf.MessageExtensions.ToByteArray(model), TinyModel.Manifest.PatchSize, 1));
    }

    [Fact]
    public void A_folder_is_no_model()
    {
        using var folder = new TemporaryFolder();
        Assert.EndsWith(": a folder; expected a model written by credence-export. Check the path given with --model, and who may read it.",
            Assert.Throws<ModelFileException>(() => ModelFile.Load(folder.File("."))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_that_ONNX_Runtime_refuses_is_a_bad_model()
    {
        var model = ModelProto.Parser.ParseFrom(TinyModel.Bytes());
        model.Graph.Node[2].OpType = "Convolute";
        var file = ModelFile.Parse("m.onnx", model.ToByteArray());

        Assert.Contains("a graph that ONNX Runtime refuses", Assert.Throws<ModelFileException>(() => new OnnxNetwork(file)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damage_of_any_kind_is_a_ModelFileException()
    {
        var whole = TinyModel.Bytes();
        Gen.Select(Gen.Int[0, whole.Length - 1].Array[1, 6], Gen.Byte, Gen.Int[0, whole.Length], Gen.Bool).Sample((at, value, length, isCut) =>
        {
            var bytes = (byte[])whole.Clone();
            foreach (var position in at)
            {
                bytes[position] = value;
            }

            try
            {
                ModelFile.Parse("m.onnx", isCut ? bytes[..length] : bytes);
            }
            catch (ModelFileException e)
            {
                Assert.StartsWith("m.onnx: ", e.Message, StringComparison.Ordinal);
            }
        }, iter: 20_000, seed: "0N0XIzNsQ0O2", threads: 1);
    }

    private static string Message(byte[] bytes) => Assert.Throws<ModelFileException>(() => ModelFile.Parse("m.onnx", bytes)).Message;
}
