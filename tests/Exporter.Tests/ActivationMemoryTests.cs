using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.Models;
using Credence.Models.Architecture;

namespace Credence.Exporter.Tests;

public sealed class ActivationMemoryTests
{
    /// <summary>Oracle: counted by hand. The fullest moment of a plain U-Net is at full resolution in the decoder: the skip, the upsampled features and their concatenation.</summary>
    [Fact]
    public void The_fullest_moment_of_a_U_Net_is_where_its_decoder_joins_at_full_resolution()
    {
        using var run = new TrainedRun(new() { InputChannels = 2, Classes = 3, Width = 4, Strides = [[2, 2, 2]], Norm = NormKind.None });
        OnnxExport.Export(run.Options);
        var model = ModelFile.Load(run.Output);
        var voxels = model.Manifest.PatchSize.Count;

        Assert.Equal(sizeof(float) * voxels * (4 + 4 + 8), ActivationMemory.Estimate(model.Bytes, model.Manifest.PatchSize, 2));
    }

    /// <summary>An ensemble runs one member at a time, and a Gaussian weight is no activation.</summary>
    [Fact]
    public void Members_and_distributions_need_no_more()
    {
        var options = new NetworkOptions { InputChannels = 1, Classes = 2, Width = 4, Norm = NormKind.Group, NormGroups = 2, Encoder = EncoderKind.Residual, ResidualBlocks = [1, 1, 1] };
        long Estimate(int members, Posterior posterior)
        {
            using var runs = new TrainedRuns(members, options with { Posterior = posterior });
            OnnxExport.Export(runs.Options);
            var model = ModelFile.Load(runs.Output);
            using var network = new OnnxNetwork(model);
            return network.ActivationBytes;
        }

        var plain = Estimate(1, Posterior.Plain);
        Assert.Equal((plain, plain), (Estimate(2, Posterior.Plain), Estimate(2, Posterior.MeanField)));
    }
}
