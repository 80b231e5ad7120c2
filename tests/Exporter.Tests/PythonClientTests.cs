using System.Globalization;
using System.Runtime.InteropServices;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Models;
using Credence.Models.Architecture;

namespace Credence.Exporter.Tests;

/// <summary>
/// docs/how-to/python/credence_numpy.py, which was written from docs/reference/model-file.md and shares nothing with our code or ONNX Runtime, gives the maps
/// of the engine.
/// </summary>
public sealed class PythonClientTests
{
    private const double Tolerance = 1e-4; // of a probability; of entropies in nats
    private const int Samples = 3;
    private const string Packages = "python3-onnx, python3-nibabel, python3-scipy";

    private static readonly string Folder = RepositoryRoot.File("docs/how-to/python");
    private static readonly NetworkOptions Small = new() { InputChannels = 2, Classes = 3, Width = 2, Strides = [[2, 2, 2], [1, 2, 2]] };
    private static readonly NetworkOptions Single = new() { InputChannels = 1, Classes = 2, Width = 2, Strides = [[2, 2, 2]], Posterior = Posterior.MeanField, InitialSigmaRatio = 0.6 };

    public static TheoryData<string, NetworkOptions, int> Networks => new()
    {
        { "plain, residual, batch norm", Small with { Encoder = EncoderKind.Residual, ResidualBlocks = [1, 1, 1], Norm = NormKind.Batch }, 1 },
        { "ensemble", Small, 3 },
        { "dropout", Small with { Posterior = Posterior.ChannelDropout, DropProbability = 0.3 }, 1 },
        { "ensemble, dropout", Small with { Posterior = Posterior.ChannelDropout, DropProbability = 0.3 }, 3 },
        { "Gaussian everywhere, group norm", Small with { Posterior = Posterior.MeanField, InitialSigmaRatio = 0.6, Norm = NormKind.Group, NormGroups = 2 }, 1 },
        { "Gaussian output", Small with { Posterior = Posterior.MeanField, InitialSigmaRatio = 0.6, BayesianStages = BayesianStages.OutputLayer }, 1 },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void Prepared_cases_give_the_maps_of_the_engine(string name, NetworkOptions options, int members)
    {
        using var runs = new TrainedRuns(members, options, m => m with { Overlap = 0.4, Calibration = m.Calibration with { Temperature = 1.3 } },
            weights: network => network.get_parameter("output.weight.value")?.mul_(3 * members - 2)); // members of small logits hardly disagree
        OnnxExport.Export(runs.Options);
        var model = ModelFile.Load(runs.Output);
        var grid = new VolumeGeometry(new(23, 17, 21), Affine.Identity); // no multiple of the patch
        var voxels = Ball(grid.Size).Concat(Ball(grid.Size).Select(v => 1 - v * v / 5000)).Select(v => v / 50).ToArray();
        using var network = new OnnxNetwork(model);
        var expected = VolumePredictor.Predict(new(grid, grid, VoxelBox.Whole(grid.Size), grid, voxels), network, model.Manifest,
            new() { Samples = Samples, Seed = 0x1_0000_0007 }, TimeProvider.System, null, CancellationToken.None);
        Assert.True(expected.EmptyPatches > 0, "no patch is left out");
        var (input, output) = (Path.Combine(runs.Folders[0], "case"), Path.Combine(runs.Folders[0], "maps"));
        File.WriteAllBytes(input, MemoryMarshal.AsBytes<float>(voxels));

        var printed = Shared.Run("python3-onnx", Shared.Python, "-c", string.Create(CultureInfo.InvariantCulture, $"""
            import sys; sys.path.insert(0, r'{Folder}'); sys.dont_write_bytecode = True
            import numpy, credence_numpy as client
            voxels = numpy.fromfile(r'{input}', numpy.float32).reshape(2, {grid.Size.Depth}, {grid.Size.Height}, {grid.Size.Width})
            mean, total, model = client.predict(client.Model(r'{runs.Output}'), voxels, {Samples}, 0x100000007)
            numpy.stack([*mean[1:], total, model]).astype(numpy.float32).tofile(r'{output}')
            """));

        Assert.True(File.Exists(output), printed);
        var found = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(output)).ToArray().Chunk((int)grid.Size.Count).ToList();
        Assert.Equal(4, found.Count);
        AssertClose(expected.Probabilities[0].Voxels, found[0], $"{name}, class 1");
        AssertClose(expected.Probabilities[1].Voxels, found[1], $"{name}, class 2");
        AssertClose(expected.PredictiveEntropy.Voxels, found[2], $"{name}, entropy");
        AssertClose(expected.MutualInformation.Voxels, found[3], $"{name}, mutual information");
        Assert.True(!model.Manifest.IsSampled || found[3].Max() > 1e-3, "the samples differ too little for the comparison to mean anything");
    }

    public static TheoryData<string> Recipes => ["linear", "spline", "non-zero", "body", "window"];

    /// <summary>From NIfTI to NIfTI, on a scan that is oriented, spaced and cut in another way than the network's grid.</summary>
    [Theory]
    [MemberData(nameof(Recipes))]
    public void Scans_give_the_maps_of_the_engine(string recipe)
    {
        using var run = new TrainedRun(Single, m => Recipe(m with { Calibration = new() { Threshold = 0.4, MinimumLesionVoxels = 4 } }, recipe));
        OnnxExport.Export(run.Options);
        var (cos, sin) = (Math.Cos(0.2), Math.Sin(0.2));
        var scan = new Volume(new(new(19, 24, 11), new(new(0, 0, -1.2), new(-cos, -sin, 0), new(2.1 * sin, -2.1 * cos, 0), new(40, -10, 7))), Ball(new(19, 24, 11)));
        var path = Path.Combine(run.Folder, "scan.nii.gz");
        NiftiFile.Write(path, scan);
        using var segmenter = LesionSegmenter.Load(run.Output);
        var expected = segmenter.Predict([Scan.Read(path)], new() { Samples = Samples, Seed = 5, DeviationLimit = null }).Prediction;
        var output = Path.Combine(run.Folder, "maps");

        var printed = Shared.Run(Packages, Shared.Python, "-B", Path.Combine(Folder, "credence_numpy.py"), run.Output, path, "--output", output, "--samples", $"{Samples}", "--seed", "5");

        Assert.StartsWith("4 maps in", printed, StringComparison.Ordinal);
        Volume Map(string name) => VolumeFile.Read(Path.Combine(output, name));
        foreach (var (map, found) in new[] { (expected.Probabilities[0], Map("probability.nii.gz")), (expected.PredictiveEntropy, Map("predictive-entropy.nii.gz")), (expected.MutualInformation, Map("mutual-information.nii.gz")) })
        {
            Assert.True(map.Geometry.IsSameGrid(found.Geometry));
            AssertClose(map.Voxels, found.Voxels, recipe);
        }

        Assert.True(expected.MutualInformation.Voxels.Max() > 1e-3);
        var labels = Map("segmentation.nii.gz").Voxels;
        Assert.Equal(0, expected.Segmentation.Labels.Zip(labels).Count(p => p.First != p.Second), (a, b) => Math.Abs(a - b) <= 2); // voxels at the threshold may fall either way
        Assert.InRange(labels.Sum(), 20, labels.Length - 20);
    }

    /// <summary>The published noise vectors, and the known answers of Random123 (Salmon et al. 2011).</summary>
    [Fact]
    public void The_client_draws_the_published_noise() => Assert.Equal("5 tensors, 6627e8d5 e169c58d bc57ac4c 9b00dbd8, d16cfe09 94fdcceb 5001e420 24126ea1", Shared.Run("python3-onnx", Shared.Python, "-c", $$"""
        import sys; sys.path.insert(0, r'{{Folder}}'); sys.dont_write_bytecode = True
        import json, numpy, credence_numpy as client
        golden = json.load(open(r'{{RepositoryRoot.File("tests/Inference.Tests/Golden/noise.json")}}'))
        for g in golden:
            description = {'shape': g['shape'], 'distribution': 'gaussian' if g['drop'] is None else 'bernoulli', 'dropProbability': g['drop'] or 0}
            drawn = client.noise(description, g['index'], int(g['seed']), g['sample'])
            assert list(drawn.shape) == g['shape'] and abs(drawn.ravel() - numpy.float32(g['values'])).max() < 1e-6, g
        def block(counter, key):
            return ' '.join(f'{int(x):08x}' for x in client.philox([[c] for c in counter], key).ravel())
        print(f'{len(golden)} tensors, {block([0] * 4, (0, 0))}, {block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], (0xa4093822, 0x299f31d0))}')
        """).Trim());

    [Fact]
    public void The_golden_numbers_are_checked_and_what_the_client_cannot_run_is_named()
    {
        using var run = new TrainedRun(Single);
        OnnxExport.Export(run.Options);
        string Client() => Shared.Run(Packages, Shared.Python, "-B", Path.Combine(Folder, "credence_numpy.py"), run.Output);
        Assert.Matches(@"^golden numbers differ by \d\.\de-0[5-9] of the largest; allowed are 1\.0e-04", Client());

        var model = Inference.Onnx.ModelProto.Parser.ParseFrom(File.ReadAllBytes(run.Output));
        model.Graph.Node[0].OpType = "Einsum";
        File.WriteAllBytes(run.Output, Google.Protobuf.MessageExtensions.ToByteArray(model));
        Assert.Contains("model.onnx: operators Einsum, which this client does not have", Client(), StringComparison.Ordinal);

        model.MetadataProps[0].Value = """{"formatVersion": 2}""";
        File.WriteAllBytes(run.Output, Google.Protobuf.MessageExtensions.ToByteArray(model));
        Assert.Contains("manifest format version 2; this client reads 1", Client(), StringComparison.Ordinal);
    }

    private static ModelManifest Recipe(ModelManifest m, string recipe) => recipe switch
    {
        "spline" => m with { Spacing = new(1.3, 1.1, 0.9), Interpolation = Interpolation.CubicSpline },
        "non-zero" => m with { Crop = Region.NonZero, Normalisation = new(NormalisationKind.ZScore) { Region = Region.NonZero, LowerPercentile = 2, UpperPercentile = 98 } },
        "body" => m with { Crop = Region.Body, Spacing = new(1, 2.1, 1.2), Normalisation = new(NormalisationKind.ZScore) { Region = Region.Body, UpperPercentile = 99 } },
        "window" => m with { Normalisation = new(NormalisationKind.Window) { WindowLower = 20, WindowUpper = 160 } },
        _ => m with { Spacing = new(0.8, 1.7, 1.5) },
    };

    /// <summary>Textured tissue in a ball off the centre, nothing around it.</summary>
    private static float[] Ball(Size3 size)
    {
        var random = new Random(3);
        return [.. Enumerable.Range(0, (int)size.Count).Select(v =>
        {
            var (i, j, k) = (v % size.Width, v / size.Width % size.Height, v / size.Width / size.Height);
            var noise = (float)(100 * random.NextDouble());
            return Math.Pow(i - 8, 2) + Math.Pow(j - 8, 2) + Math.Pow(2 * (k - 5), 2) < 49 ? 60 + noise : 0;
        })];
    }

    private static void AssertClose(float[] expected, float[] found, string what)
    {
        Assert.Equal(expected.Length, found.Length);
        var error = expected.Zip(found, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(error <= Tolerance, $"{what}: differs by {error}");
    }
}
