using Credence.Models.Layers;

namespace Credence.Models;

/// <summary>The 3-D U-Net: strided convolutions down, transposed convolutions up, skip connections between.</summary>
/// <remarks>
/// Each stage is two blocks of convolution, instance norm and leaky ReLU; the first convolution of a lower stage has the stride.
/// Source: Çiçek et al. 2016, arXiv:1606.06650, with the choices of Isensee et al. 2021 (nnU-Net, doi:10.1038/s41592-020-01008-z).
/// </remarks>
public static class UNet
{
    /// <summary>Builds a network with fresh weights, He-initialised for the leaky ReLU.</summary>
    /// <param name="options">Shape and kind.</param>
    /// <param name="generator">Source of the initial weights (on the CPU); same seed, same network.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public static Network Build(NetworkOptions options, Generator generator)
    {
        using var pause = FinalizerPause.Begin();
        var levels = options.Strides.Count + 1;
        if (options.Kernels.Count != 0 && options.Kernels.Count != levels)
        {
            throw new ArgumentException($"{options.Kernels.Count} kernels were given for {levels} levels; give one a level, or none.", nameof(options));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(options.InputChannels, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Classes, 2, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Width, 1, nameof(options));

        var builder = new Builder(options, generator);
        var skips = new List<(int Node, int Channels)>();
        var (node, channels) = (Network.Image, options.InputChannels);
        for (var level = 0; level < levels; level++)
        {
            long[] stride = level == 0 ? [1, 1, 1] : [.. options.Strides[level - 1]];
            var width = Width(options, level);
            node = builder.Stage($"encoder{level}", node, channels, width, Kernel(options, level), stride, isDropoutAllowed: level > 0);
            channels = width;
            skips.Add((node, channels));
        }

        for (var level = levels - 2; level >= 0; level--)
        {
            var width = Width(options, level);
            var up = builder.Upsample($"decoder{level}_up", node, channels, width, [.. options.Strides[level]]);
            var joined = builder.Add($"decoder{level}_join", new Concatenation(), up, skips[level].Node);
            node = builder.Stage($"decoder{level}", joined, width + skips[level].Channels, width, Kernel(options, level), [1, 1, 1], isDropoutAllowed: true);
            channels = width;
        }

        builder.Convolve("output", node, channels, options.Classes, [1, 1, 1], [1, 1, 1]);
        return new Network(options, builder.Nodes);
    }

    private static int Width(NetworkOptions options, int level) => Math.Min(options.Width << level, options.MaximumWidth);

    private static long[] Kernel(NetworkOptions options, int level) => options.Kernels.Count == 0 ? [3, 3, 3] : [.. options.Kernels[level]];

    private sealed class Builder(NetworkOptions options, Generator generator)
    {
        public List<NetworkNode> Nodes { get; } = [];

        public int Add(string name, ILayer layer, params int[] inputs)
        {
            Nodes.Add(new(name, layer, inputs));
            return Nodes.Count - 1;
        }

        public int Stage(string name, int input, int inChannels, int outChannels, long[] kernel, long[] stride, bool isDropoutAllowed)
        {
            var node = Block($"{name}_conv0", input, inChannels, outChannels, kernel, stride);
            node = Block($"{name}_conv1", node, outChannels, outChannels, kernel, [1, 1, 1]);
            return options.Posterior == Posterior.ChannelDropout && isDropoutAllowed
                ? Add($"{name}_dropout", new ChannelDropout($"mask/{name}", outChannels, options.DropProbability), node)
                : node;
        }

        public int Convolve(string name, int input, int inChannels, int outChannels, long[] kernel, long[] stride)
        {
            long[] shape = [outChannels, inChannels, .. kernel];
            return Add(name, new Convolution(Weight(name, shape, fanIn: inChannels * kernel.Aggregate((a, b) => a * b)), shape, stride), input);
        }

        public int Upsample(string name, int input, int inChannels, int outChannels, long[] stride)
        {
            long[] shape = [inChannels, outChannels, .. stride];
            return Add(name, new TransposedConvolution(Weight(name, shape, fanIn: inChannels), shape), input);
        }

        private int Block(string name, int input, int inChannels, int outChannels, long[] kernel, long[] stride)
        {
            var node = Convolve(name, input, inChannels, outChannels, kernel, stride);
            node = Add($"{name}_norm", new InstanceNormalisation(outChannels), node);
            return Add($"{name}_act", new LeakyRelu(options.NegativeSlope), node);
        }

        /// <summary>He et al. 2015, arXiv:1502.01852, equation 15.</summary>
        private IWeight Weight(string layer, long[] shape, long fanIn)
        {
            var deviation = Math.Sqrt(2 / ((1 + options.NegativeSlope * options.NegativeSlope) * fanIn));
            var initial = randn(shape, generator: generator).mul_(deviation);
            return options.Posterior == Posterior.MeanField
                ? new GaussianWeight($"noise/{layer}", initial, options.InitialSigmaRatio * deviation, options.PriorSigma)
                : new PointWeight(initial);
        }
    }
}
