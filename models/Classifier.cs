using Credence.Models.Architecture;
using Credence.Models.Layers;

namespace Credence.Models;

/// <summary>The 3-D classifier: the encoder of the U-Net, the mean of each channel over space, and a linear layer.</summary>
public static class Classifier
{
    /// <summary>Builds a network with fresh weights, He-initialised for the leaky ReLU.</summary>
    /// <param name="options">Shape; without deep supervision.</param>
    /// <param name="generator">Source of the initial weights (on the CPU); same seed, same network.</param>
    /// <returns>A network that turns (N, C, D, H, W) into (N, K).</returns>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public static Network Build(NetworkOptions options, Generator generator)
    {
        using var pause = FinalizerPause.Begin();
        options = options with { Kind = NetworkKind.Classifier };
        options.Check();
        var builder = new LayerBuilder(options, generator);
        var (node, channels) = Encoder.Build(builder, options, lowestPart: BayesianStages.LastStage)[^1];
        node = builder.Add("pooling", new GlobalAveragePooling(), node);
        builder.Add("output", builder.Linear("output", channels, options.Classes, BayesianStages.OutputLayer), node);
        return new Network(options, builder.Nodes);
    }
}
