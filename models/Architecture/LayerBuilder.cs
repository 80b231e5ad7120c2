using Credence.Models.Layers;
using Credence.Models.Priors;

namespace Credence.Models.Architecture;

/// <summary>Collects the layers of a network, He-initialised for the leaky ReLU, with the kind of weight that the options ask for in each part.</summary>
/// <param name="options">Of the network.</param>
/// <param name="generator">Source of the initial weights.</param>
internal sealed class LayerBuilder(NetworkOptions options, Generator generator)
{
    private static readonly long[] One = [1, 1, 1];

    private readonly IPrior? sharedPrior = options.Posterior != Posterior.MeanField ? null : options.Prior switch
    {
        PriorKind.Gaussian => new GaussianPrior(options.PriorSigma),
        PriorKind.Laplace => new LaplacePrior(options.PriorSigma),
        PriorKind.ScaleMixture => new ScaleMixturePrior(options.PriorSigma, options.NarrowSigma, options.WideShare),
        _ => null,
    };

    /// <summary>Layers from the image to the logits.</summary>
    public List<NetworkNode> Nodes { get; } = [];

    /// <summary>Adds a layer.</summary>
    /// <returns>Its position.</returns>
    public int Add(string name, ILayer layer, params int[] inputs)
    {
        Nodes.Add(new(name, layer, inputs));
        return Nodes.Count - 1;
    }

    /// <summary>A convolution.</summary>
    public Convolution Convolution(string name, int inChannels, int outChannels, long[] kernel, long[] stride, BayesianStages part)
    {
        long[] shape = [outChannels, inChannels, .. kernel];
        return new(Weight(name, shape, fanIn: inChannels * kernel.Aggregate((a, b) => a * b), part), shape, stride);
    }

    /// <summary>A transposed convolution.</summary>
    public TransposedConvolution Upsampling(string name, int inChannels, int outChannels, long[] stride, BayesianStages part)
    {
        long[] shape = [inChannels, outChannels, .. stride];
        return new(Weight(name, shape, fanIn: inChannels, part), shape);
    }

    /// <summary>A matrix product.</summary>
    public Linear Linear(string name, int inFeatures, int outFeatures, BayesianStages part)
    {
        long[] shape = [outFeatures, inFeatures];
        return new(Weight(name, shape, fanIn: inFeatures, part), shape);
    }

    /// <summary>Two blocks of convolution, norm and leaky ReLU; the first has the stride.</summary>
    public int Stage(string name, int input, int inChannels, int outChannels, long[] kernel, long[] stride, BayesianStages part)
    {
        var node = Block($"{name}_conv0", input, inChannels, outChannels, kernel, stride, part);
        return Block($"{name}_conv1", node, outChannels, outChannels, kernel, One, part);
    }

    /// <summary>Convolution, norm and leaky ReLU.</summary>
    public int Block(string name, int input, int inChannels, int outChannels, long[] kernel, long[] stride, BayesianStages part)
    {
        var node = NormalisedConvolution(name, input, inChannels, outChannels, kernel, stride, part);
        return Add($"{name}_act", new LeakyRelu(options.NegativeSlope), node);
    }

    /// <summary>Leaky ReLU of the sum of two convolutions and a shortcut.</summary>
    /// <remarks>Source: He et al. 2016, arXiv:1512.03385, section 3.3; the norm stands behind each convolution, the last activation behind the sum.</remarks>
    public int ResidualBlock(string name, int input, int inChannels, int outChannels, long[] kernel, long[] stride, BayesianStages part)
    {
        var node = Block($"{name}_conv0", input, inChannels, outChannels, kernel, stride, part);
        node = NormalisedConvolution($"{name}_conv1", node, outChannels, outChannels, kernel, One, part);

        var shortcut = input;
        var isStrided = stride.Any(s => s > 1);
        var remaining = stride;
        if (isStrided && options.Shortcut == ShortcutKind.AveragePooling)
        {
            shortcut = Add($"{name}_pool", new AveragePooling(stride), shortcut);
            remaining = One;
        }

        if (inChannels != outChannels || remaining.Any(s => s > 1))
        {
            shortcut = NormalisedConvolution($"{name}_shortcut", shortcut, inChannels, outChannels, One, remaining, part);
        }

        var sum = Add($"{name}_sum", new Addition(), node, shortcut);
        return Add($"{name}_act", new LeakyRelu(options.NegativeSlope), sum);
    }

    /// <summary>Channel dropout where the network has it.</summary>
    /// <param name="stage">Name of the stage.</param>
    /// <param name="input">Its last layer.</param>
    /// <param name="channels">C.</param>
    /// <param name="part">The part it belongs to.</param>
    public int Dropout(string stage, int input, int channels, BayesianStages part) =>
        options.Posterior == Posterior.ChannelDropout && (options.DropoutPlacement == DropoutPlacement.AllStages || part > BayesianStages.All)
            ? Add($"{stage}_dropout", new ChannelDropout($"mask/{stage}", channels, options.DropProbability), input)
            : input;

    private int NormalisedConvolution(string name, int input, int inChannels, int outChannels, long[] kernel, long[] stride, BayesianStages part)
    {
        var node = Add(name, Convolution(name, inChannels, outChannels, kernel, stride, part), input);
        return options.Norm switch
        {
            NormKind.Instance => Add($"{name}_norm", new InstanceNormalisation(outChannels), node),
            NormKind.Group => Add($"{name}_norm", new GroupNormalisation(outChannels, GreatestCommonDivisor(outChannels, options.NormGroups)), node),
            NormKind.Batch => Add($"{name}_norm", new BatchNormalisation(outChannels), node),
            _ => node,
        };
    }

    /// <summary>He et al. 2015, arXiv:1502.01852, equation 15.</summary>
    private IWeight Weight(string layer, long[] shape, long fanIn, BayesianStages part)
    {
        var deviation = Math.Sqrt(2 / ((1 + options.NegativeSlope * options.NegativeSlope) * fanIn));
        var initial = randn(shape, generator: generator).mul_(deviation);
        return options.Posterior == Posterior.MeanField && part >= options.BayesianStages
            ? new GaussianWeight($"noise/{layer}", initial, Math.Max(options.SigmaFloor, options.InitialSigmaRatio * deviation),
                sharedPrior ?? new GaussianPrior(options.PriorSigmaRatio * Math.Sqrt(2.0 / fanIn)), options.PriorMean, options.Estimator)
            : new PointWeight(initial);
    }

    private static int GreatestCommonDivisor(int a, int b) => b == 0 ? a : GreatestCommonDivisor(b, a % b);
}
