using Credence.Models.Architecture;
using Credence.Models.Layers;

namespace Credence.Models;

/// <summary>The 3-D U-Net: strided convolutions down, transposed convolutions up, skip connections between.</summary>
/// <remarks>
/// Each stage of the decoder, and of a plain encoder, is two blocks of convolution, norm and leaky ReLU; the first convolution of a lower stage has the stride.
/// Source: Çiçek et al. 2016, arXiv:1606.06650, with the choices of Isensee et al. 2021 (nnU-Net, doi:10.1038/s41592-020-01008-z).
/// </remarks>
public static class UNet
{
    private static readonly long[] One = [1, 1, 1];

    /// <summary>Builds a network with fresh weights, He-initialised for the leaky ReLU.</summary>
    /// <param name="options">Shape and kind.</param>
    /// <param name="generator">Source of the initial weights (on the CPU); same seed, same network.</param>
    /// <returns>A network that turns (N, C, D, H, W) into (N, K, D, H, W).</returns>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public static Network Build(NetworkOptions options, Generator generator)
    {
        using var pause = FinalizerPause.Begin();
        options = options with { Kind = NetworkKind.UNet };
        options.Check();
        var builder = new LayerBuilder(options, generator);
        var skips = Encoder.Build(builder, options, lowestPart: BayesianStages.All);
        var (node, channels) = skips[^1];
        var stages = new List<(int Level, int Node, int Channels)>();
        for (var level = options.Levels - 2; level >= 0; level--)
        {
            var name = $"decoder{level}";
            var width = options.WidthAt(level);
            var up = builder.Add($"{name}_up", builder.Upsampling($"{name}_up", channels, width, [.. options.Strides[level]], BayesianStages.Decoder), node);
            var joined = builder.Add($"{name}_join", new Concatenation(), up, skips[level].Node);
            var part = level == 0 ? BayesianStages.LastStage : BayesianStages.Decoder;
            node = builder.Stage(name, joined, width + skips[level].Channels, width, options.KernelAt(level), One, part);
            node = builder.Dropout(name, node, width, part);
            channels = width;
            stages.Add((level, node, channels));
        }

        builder.Add("output", builder.Convolution("output", channels, options.Classes, One, One, BayesianStages.OutputLayer), node);

        // Outputs that only help in training are points. The lowest stage of the decoder gets none: its weight would be 0.
        var points = new LayerBuilder(options with { Posterior = Posterior.Plain }, generator);
        NetworkNode Auxiliary((int Level, int Node, int Channels) stage) => new(
            $"auxiliary{stage.Level}", points.Convolution($"auxiliary{stage.Level}", stage.Channels, options.Classes, One, One, BayesianStages.OutputLayer), [stage.Node]);
        return new Network(options, builder.Nodes, options.HasDeepSupervision ? [.. stages.Skip(1).SkipLast(1).Reverse().Select(Auxiliary)] : []);
    }
}
