namespace Credence.Models;

/// <summary>Everything that determines the shape of a 3-D U-Net. Stored in every checkpoint.</summary>
public sealed record NetworkOptions
{
    /// <summary>Number of input channels C.</summary>
    public required int InputChannels { get; init; }

    /// <summary>Number of classes K, background included.</summary>
    public required int Classes { get; init; }

    /// <summary>Channels at full resolution; doubled at every level.</summary>
    public int Width { get; init; } = 16;

    /// <summary>Upper bound of the channels at any level.</summary>
    public int MaximumWidth { get; init; } = 320;

    /// <summary>Stride (D, H, W) from each level to the next; its length is the number of levels minus 1.</summary>
    public IReadOnlyList<IReadOnlyList<long>> Strides { get; init; } = [[2, 2, 2], [2, 2, 2]];

    /// <summary>Kernel edge (D, H, W) at each level; odd. Empty means 3 x 3 x 3 everywhere.</summary>
    public IReadOnlyList<IReadOnlyList<long>> Kernels { get; init; } = [];

    /// <summary>What the weights are.</summary>
    public Posterior Posterior { get; init; } = Posterior.Plain;

    /// <summary>Channel dropout: probability that a channel is dropped, in (0, 1).</summary>
    public double DropProbability { get; init; } = 0.1;

    /// <summary>Mean-field: standard deviation (not variance) of the zero-mean Gaussian prior.</summary>
    public double PriorSigma { get; init; } = 1;

    /// <summary>Mean-field: standard deviation of the posterior at the start, as a share of the He standard deviation sqrt(2 / fan-in) of the layer.</summary>
    public double InitialSigmaRatio { get; init; } = 0.1;

    /// <summary>Slope of the leaky ReLU for negative values.</summary>
    public double NegativeSlope { get; init; } = 0.01;
}
