using Credence.Inference.Model;
using Credence.Models;
using Credence.Models.Architecture;

namespace Credence.Exporter.Tests;

public sealed class VerifyTests
{
    private static readonly NetworkOptions Options = new() { InputChannels = 1, Classes = 2, Width = 4, Posterior = Posterior.MeanField, BayesianStages = BayesianStages.OutputLayer };

    [Fact]
    public void A_file_and_its_run_pass()
    {
        using var run = new TrainedRun(Options);
        var exported = OnnxExport.Export(run.Options);

        var (golden, proof) = OnnxExport.Verify(run.Output, [run.Folder], []);

        Assert.InRange(golden, 0, 1e-5);
        Assert.Equal(exported.Proof.Comparisons, proof!.Comparisons);
        Assert.InRange(proof.MaximumError, 0, 1e-4);
        Assert.Null(OnnxExport.Verify(run.Output, [], []).Proof);
    }

    [Fact]
    public void Another_run_is_refused_with_the_place_of_the_difference()
    {
        using var run = new TrainedRun(Options);
        using var other = new TrainedRun(Options, weights: n => n.parameters().ToList().ForEach(p => p.mul_(1.3)));
        OnnxExport.Export(run.Options);
        Assert.Matches(@"model\.onnx: an output that differs from the trained network by .* at random .*; expected at most", Assert.Throws<ModelFileException>(() => OnnxExport.Verify(run.Output, [other.Folder], [])).Message);
    }

    [Fact]
    public void Another_network_is_refused()
    {
        using var run = new TrainedRun(Options);
        using var other = new TrainedRun(Options with { Posterior = Posterior.Plain });
        OnnxExport.Export(run.Options);
        Assert.Contains("1 network, 1 channels, 2 classes, 1 noise inputs; expected 1 network, 1 channels, 2 classes, 0 noise inputs, as", Assert.Throws<ModelFileException>(() => OnnxExport.Verify(run.Output, [other.Folder], [])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_weight_that_was_changed_in_the_file_fails_its_golden_numbers()
    {
        using var run = new TrainedRun(Options);
        OnnxExport.Export(run.Options);
        var model = Inference.Onnx.ModelProto.Parser.ParseFrom(File.ReadAllBytes(run.Output));
        var weight = model.Graph.Initializer.First(t => t.DataType == 1 && t.RawData.Length > 400);
        var bytes = weight.RawData.ToByteArray();
        BitConverter.TryWriteBytes(bytes, 5f);
        weight.RawData = Google.Protobuf.ByteString.CopyFrom(bytes);
        using (var stream = File.Create(run.Output))
        {
            Google.Protobuf.MessageExtensions.WriteTo(model, stream);
        }

        Assert.Matches(@"logits on cpu that differ from its golden numbers by [\d.E+-]+ of the largest, at class \d, voxel \(\d+, \d+, \d+\) of its patch, (default noise|sample 1.*); expected at most 0\.0001",
            Assert.Throws<ModelFileException>(() => OnnxExport.Verify(run.Output, [], [])).Message);
    }
}
