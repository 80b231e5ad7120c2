using Credence.Exporter.Modules;

namespace Credence.Exporter;

/// <summary>Writes the mean and the deviation of instance and group norm over D, H and W, axis by axis.</summary>
/// <remarks>
/// ONNX Runtime's InstanceNormalization adds up the squares of all voxels in one float32. On scans, whose background is one value, each of these additions is rounded in the same
/// direction: of 90,000 voxels the deviation is wrong in the fifth digit and, behind some ten layers, a probability in the fourth. Means of means over one axis at a
/// time keep float32's seven digits (docs/decisions/0042-norms-axis-by-axis.md).
/// </remarks>
internal static class Standardisation
{
    private static readonly int[] Axes = [4, 3, 2];

    /// <summary>Adds a node: operation, name, inputs, attributes; returns its output.</summary>
    public delegate string AddNode(string operation, string name, IEnumerable<string> inputs, params OnnxAttribute[] attributes);

    /// <summary>Writes x - mean and the square root of variance + epsilon.</summary>
    /// <param name="node">Adds a node.</param>
    /// <param name="input">(N, C, D, H, W).</param>
    /// <param name="epsilon">A constant without axes, or with one of length 1.</param>
    /// <returns>(N, C, D, H, W) and (N, C, 1, 1, 1).</returns>
    public static (string Centred, string Deviation) Write(AddNode node, string input, string epsilon)
    {
        string Mean(string name, string x) => Axes.Aggregate(x, (tensor, axis) => node("ReduceMean", $"{name}{axis}", [tensor], OnnxAttribute.WholeNumbers("axes", [axis])));
        var centred = node("Sub", "centred", [input, Mean("mean", input)]);
        var variance = Mean("variance", node("Mul", "squared", [centred, centred]));
        return (centred, node("Sqrt", "deviation", [node("Add", "raised", [variance, epsilon])]));
    }
}
