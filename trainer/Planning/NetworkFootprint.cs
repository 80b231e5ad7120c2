using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Layers;

namespace Credence.Trainer.Planning;

/// <summary>What training a network takes in memory, counted from its layers.</summary>
/// <param name="Parameters">Number of parameters.</param>
/// <param name="ParameterBytes">Parameters and their gradients.</param>
/// <param name="OptimiserBytes">State of the optimiser.</param>
/// <param name="ActivationBytes">What the backward pass needs of the forward pass, and the largest gradients beside it.</param>
internal sealed record NetworkFootprint(long Parameters, long ParameterBytes, long OptimiserBytes, long ActivationBytes)
{
    private const int Float = sizeof(float);
    private const int LossTensors = 6; // log-probability, probability, one-hot target, product with it, and the gradients of the first two
    private const int ChannelBlock = 16; // a CPU computes on whole blocks: docs/decisions/0019-whole-blocks-of-channels.md
    private const int FewChannels = 8; // of an image, which needs no gradient and is then not filled
    private const int GaussianTensors = 6; // standard deviation, noise and drawn weight; standard deviation, offset and square of the KL
    private const int GradientTensors = 3; // of a layer's output, of its input, and what a convolution reorders

    /// <summary>All of it, bytes.</summary>
    public long Total => ParameterBytes + OptimiserBytes + ActivationBytes;

    /// <summary>Counts.</summary>
    /// <param name="network">The network.</param>
    /// <param name="batch">Patches a step.</param>
    /// <param name="patch">Size of a patch.</param>
    /// <param name="optimiserStates">Numbers an optimiser keeps for each parameter: 2 for AdamW, 1 for momentum.</param>
    public static NetworkFootprint Count(Network network, int batch, Size3 patch, int optimiserStates)
    {
        var nodes = network.Nodes;
        var grids = new long[nodes.Count]; // voxels of each output, all channels and examples
        var shapes = new (long Channels, long[] Space)[nodes.Count];
        (long Channels, long[] Space) image = (network.Options.InputChannels, [patch.Depth, patch.Height, patch.Width]);
        for (var index = 0; index < nodes.Count; index++)
        {
            var inputs = nodes[index].Inputs.Select(i => i == Network.Image ? image : shapes[i]).ToList();
            shapes[index] = Output(nodes[index].Layer, inputs);
            grids[index] = batch * shapes[index].Channels * shapes[index].Space.Aggregate(1L, (a, b) => a * b);
        }

        // Autograd keeps what a layer reads, except where the layer only copies it.
        var isKept = new bool[nodes.Count];
        foreach (var read in nodes.Where(n => n.Layer is not Concatenation).SelectMany(n => n.Inputs).Where(i => i != Network.Image))
        {
            isKept[read] = true;
        }

        var isHost = network.parameters().First().device_type == DeviceType.CPU;
        var kept = grids.Where((_, index) => isKept[index]).Sum()
            + nodes.Select((node, index) => batch * Beside(node, node.Inputs[0] == Network.Image ? image : shapes[node.Inputs[0]], shapes[index], network.Options.Estimator, isHost)).Sum();
        var drawn = GaussianTensors * nodes.Select(n => (n.Layer as IWeightedLayer)?.Weight).OfType<GaussianWeight>().Sum(w => w.Mean.numel());
        var parameters = network.parameters().Sum(p => p.numel());
        return new(
            parameters, 2 * parameters * Float, optimiserStates * parameters * Float,
            Float * (kept + drawn + LossTensors * grids[^1] + GradientTensors * grids.Max()));
    }

    /// <summary>What a linear operation keeps beside its input and output, for one example: the copies with filled channels, and the second operation of an estimator.</summary>
    private static long Beside(NetworkNode node, (long Channels, long[] Space) input, (long Channels, long[] Space) output, WeightEstimator estimator, bool isHost)
    {
        if (node.Layer is not IWeightedLayer layer)
        {
            return 0;
        }

        var needsFilling = isHost && layer switch
        {
            Convolution c => c.Padding.Any(p => p > 0) && (node.Inputs[0] != Network.Image || input.Channels > FewChannels),
            TransposedConvolution => true,
            _ => false,
        };
        long Filled(long channels) => needsFilling ? (channels + ChannelBlock - 1) / ChannelBlock * ChannelBlock : channels;
        var (inVoxels, outVoxels) = (input.Space.Aggregate((a, b) => a * b), output.Space.Aggregate((a, b) => a * b));
        var (filledIn, filledOut) = (inVoxels * Filled(input.Channels), outVoxels * Filled(output.Channels));
        var filling = (Filled(input.Channels) > input.Channels ? filledIn : 0) + filledOut - outVoxels * output.Channels;
        return filling + (layer.Weight is not GaussianWeight ? 0 : estimator switch
        {
            WeightEstimator.Flipout => filledIn, // the input with its signs
            WeightEstimator.LocalReparameterisation => filledIn + filledOut + 2 * outVoxels * output.Channels, // squared input, variance; its root and the noise
            _ => 0,
        });
    }

    private static (long Channels, long[] Space) Output(ILayer layer, List<(long Channels, long[] Space)> inputs)
    {
        var (channels, space) = inputs[0];
        return layer switch
        {
            Convolution c => (c.Bias.shape[0], [.. space.Select((edge, axis) => (edge + c.Stride[axis] - 1) / c.Stride[axis])]),
            TransposedConvolution t => (t.Bias.shape[0], [.. space.Select((edge, axis) => edge * t.Stride[axis])]),
            AveragePooling p => (channels, [.. space.Select((edge, axis) => edge / p.Stride[axis])]),
            GlobalAveragePooling => (channels, [.. space.Select(_ => 1L)]),
            Linear l => (l.Bias.shape[0], space),
            Concatenation => (inputs.Sum(i => i.Channels), space),
            _ => (channels, space),
        };
    }
}
