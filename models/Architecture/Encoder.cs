namespace Credence.Models.Architecture;

/// <summary>The path from the image down to the lowest level, shared by all kinds of networks.</summary>
internal static class Encoder
{
    private static readonly int[] PresetBlocks = [1, 3, 4, 6]; // of nnU-Net's residual encoders; 6 at every lower level

    /// <summary>Adds the stages.</summary>
    /// <param name="builder">Receives the layers.</param>
    /// <param name="options">Of the network.</param>
    /// <param name="lowestPart">The part that the lowest level belongs to; the levels above belong to <see cref="BayesianStages.All"/>.</param>
    /// <returns>Last layer and channels of each level, full resolution first.</returns>
    public static IReadOnlyList<(int Node, int Channels)> Build(LayerBuilder builder, NetworkOptions options, BayesianStages lowestPart)
    {
        var levels = new List<(int Node, int Channels)>();
        var (node, channels) = (Network.Image, options.InputChannels);
        for (var level = 0; level < options.Levels; level++)
        {
            var part = level == options.Levels - 1 ? lowestPart : BayesianStages.All;
            long[] stride = level == 0 ? [1, 1, 1] : [.. options.Strides[level - 1]];
            var (name, width, kernel) = ($"encoder{level}", options.WidthAt(level), options.KernelAt(level));
            if (options.Encoder == EncoderKind.Plain)
            {
                node = builder.Stage(name, node, channels, width, kernel, stride, part);
            }
            else
            {
                if (level == 0)
                {
                    node = builder.Block("stem", node, channels, width, kernel, stride, part);
                    channels = width;
                }

                var blocks = options.ResidualBlocks.Count > 0 ? options.ResidualBlocks[level] : PresetBlocks[Math.Min(level, PresetBlocks.Length - 1)];
                for (var block = 0; block < blocks; block++)
                {
                    node = builder.ResidualBlock(
                        $"{name}_block{block}", node, block == 0 ? channels : width, width, kernel, block == 0 ? stride : [1, 1, 1], part);
                }
            }

            node = level > 0 ? builder.Dropout(name, node, width, part) : node;
            channels = width;
            levels.Add((node, channels));
        }

        return levels;
    }
}
