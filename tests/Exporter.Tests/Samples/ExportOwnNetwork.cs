using Credence.Exporter;
using Credence.Exporter.Modules;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Credence.Samples;

/// <summary>A module of one's own: two convolutions beside a shortcut.</summary>
internal sealed class ResidualBlock : Module<Tensor, Tensor>
{
    internal readonly Conv3d First;
    internal readonly Conv3d Second;

    public ResidualBlock(long channels)
        : base(nameof(ResidualBlock))
    {
        First = Conv3d(channels, channels, 3, padding: 1);
        Second = Conv3d(channels, channels, 3, padding: 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return (input + Second.call(First.call(input).relu())).MoveToOuterDisposeScope();
    }
}

internal static class ExportOwnNetwork
{
    public static Sequential Build() => Sequential(
        ("stem", Conv3d(1, 8, 3, padding: 1)),
        ("norm", InstanceNorm3d(8)),
        ("down", Conv3d(8, 16, 2, stride: 2)),
        ("block", new ResidualBlock(16)),
        ("dropout", Dropout3d(0.2)),
        ("up", ConvTranspose3d(16, 8, 2, stride: 2)),
        ("activation", SiLU()),
        ("output", Conv3d(8, 2, 1)));

    public static ExportResult Export(Sequential trained, string output) => SequentialExport.Export(trained, new()
    {
        Output = output,
        Name = "my lesions",
        Channels = ["FLAIR"],
        Classes = [new(0, "background"), new(1, "lesion")],
        Spacing = new(1, 1, 1),
        PatchSize = new(32, 32, 32),
        Stride = new(2, 2, 2),
        SamplesDropout = true,
        Modules = ModuleRegistry.Usual().Add<ResidualBlock>((block, graph, input) =>
        {
            var first = graph.Node("Relu", [graph.Write("first", block.First, input)]);
            return graph.Node("Add", [input, graph.Write("second", block.Second, first)]);
        }),
    });
}
