using TorchSharp;
using TorchSharp.Modules;

namespace Credence.Exporter.Modules;

/// <summary>The modules of TorchSharp that keep (N, C, D, H, W), as they compute in evaluation mode.</summary>
internal static class UsualModules
{
    public static void AddTo(ModuleRegistry registry) => registry
        .Add<Conv3d>(Convolve)
        .Add<ConvTranspose3d>(ConvolveTransposed)
        .Add<BatchNorm3d>((m, graph, x) => Batch(graph, x, m.weight, m.bias, m.running_mean, m.running_var, m.num_features, m.eps))
        .Add<InstanceNorm3d>(Instance)
        .Add<GroupNorm>(Group)
        .Add<ReLU>((_, graph, x) => graph.Node("Relu", [x]))
        .Add<LeakyReLU>((m, graph, x) => graph.Node("LeakyRelu", [x], OnnxAttribute.Number("alpha", m.negative_slope)))
        .Add<PReLU>((m, graph, x) =>
        {
            using var slope = m.weight.reshape(-1, 1, 1, 1); // (C, 1, 1, 1), or one for all channels
            return graph.Node("PRelu", [x, graph.Constant("slope", slope)]);
        })
        .Add<ReLU6>((_, graph, x) => graph.Node("Clip", [x, graph.Scalar("low", 0), graph.Scalar("high", 6)]))
        .Add<ELU>((m, graph, x) => graph.Node("Elu", [x], OnnxAttribute.Number("alpha", m.alpha)))
        .Add<SiLU>((_, graph, x) => graph.Node("Mul", [x, graph.Node("Sigmoid", [x])]))
        .Add<GELU>(Gelu)
        .Add<Sigmoid>((_, graph, x) => graph.Node("Sigmoid", [x]))
        .Add<Tanh>((_, graph, x) => graph.Node("Tanh", [x]))
        .Add<Hardswish>((_, graph, x) => graph.Node("HardSwish", [x]))
        .Add<Mish>((_, graph, x) => graph.Node("Mul", [x, graph.Node("Tanh", [graph.Node("Softplus", [x])])]))
        .Add<MaxPool3d>(PoolMaximum)
        .Add<AvgPool3d>(PoolAverage)
        .Add<AdaptiveAvgPool3d>((m, graph, x) => m.output_size.All(edge => edge == 1)
            ? graph.Node("GlobalAveragePool", [x])
            : throw new NotSupportedException($"an output of {string.Join(" x ", m.output_size)}; 1 x 1 x 1 can be written"))
        .Add<Upsample>(Enlarge)
        .Add<Dropout3d>((_, _, x) => x) // of a network that is not sampled
        .Add<Dropout>((_, _, x) => x)
        .Add<Identity>((_, _, x) => x);

    private static string Convolve(Conv3d m, ModuleGraph graph, string x)
    {
        Refuse(m.padding_mode != PaddingModes.Zeros, $"padding of mode {m.padding_mode}; zeros can be written");
        long[] before = [.. m.padding ?? [0, 0, 0]], after = before;
        if (m.padding_type is { } kind)
        {
            long[] all = kind == Padding.Valid ? [0, 0, 0] : [.. m.kernel_size.Zip(m.dilation, (k, d) => d * (k - 1))];
            (before, after) = ([.. all.Select(p => p / 2)], [.. all.Select(p => p - p / 2)]);
        }

        return graph.Node("Conv", Weights(graph, x, m.weight, m.bias), OnnxAttribute.WholeNumbers("strides", m.stride), OnnxAttribute.WholeNumbers("pads", [.. before, .. after]),
            OnnxAttribute.WholeNumbers("dilations", m.dilation), OnnxAttribute.WholeNumber("group", m.groups));
    }

    private static string ConvolveTransposed(ConvTranspose3d m, ModuleGraph graph, string x) =>
        graph.Node("ConvTranspose", Weights(graph, x, m.weight, m.bias), OnnxAttribute.WholeNumbers("strides", m.stride), OnnxAttribute.WholeNumbers("pads", Twice(Three(m.padding, 0))),
            OnnxAttribute.WholeNumbers("output_padding", m.output_padding), OnnxAttribute.WholeNumbers("dilations", m.dilation), OnnxAttribute.WholeNumber("group", m.groups));

    private static List<string> Weights(ModuleGraph graph, string x, Parameter weight, Parameter? bias) =>
        bias is null ? [x, graph.Constant("weight", weight)] : [x, graph.Constant("weight", weight), graph.Constant("bias", bias)];

    private static string Batch(ModuleGraph graph, string x, Parameter? scale, Parameter? shift, torch.Tensor? mean, torch.Tensor? variance, long channels, double epsilon)
    {
        Refuse(mean is null || variance is null, "no running statistics: its output depends on the other examples of the batch");
        return graph.Node("BatchNormalization",
            [x, .. ScaleAndShift(graph, scale, shift, channels), graph.Constant("mean", mean!), graph.Constant("variance", variance!)], OnnxAttribute.Number("epsilon", epsilon));
    }

    private static string Instance(InstanceNorm3d m, ModuleGraph graph, string x) => m.track_running_stats
        ? Batch(graph, x, m.weight, m.bias, m.running_mean, m.running_var, m.num_features, m.eps)
        : ScaleAndShiftChannels(graph, Standardise(graph, x, m.eps), m.weight, m.bias);

    private static string[] ScaleAndShift(ModuleGraph graph, Parameter? scale, Parameter? shift, long channels) =>
    [
        scale is null ? graph.Constant("scale", Filled(1, channels)) : graph.Constant("scale", scale),
        shift is null ? graph.Constant("shift", Filled(0, channels)) : graph.Constant("shift", shift),
    ];

    private static string Standardise(ModuleGraph graph, string x, double epsilon)
    {
        var (centred, deviation) = Standardisation.Write((operation, _, inputs, attributes) => graph.Node(operation, inputs, attributes), x, graph.Scalar("epsilon", (float)epsilon));
        return graph.Node("Div", [centred, deviation]);
    }

    private static string ScaleAndShiftChannels(ModuleGraph graph, string x, Parameter? weight, Parameter? bias)
    {
        if (weight is null)
        {
            return x;
        }

        using var scale = weight.reshape(1, -1, 1, 1, 1);
        using var shift = bias!.reshape(1, -1, 1, 1, 1);
        return graph.Node("Add", [graph.Node("Mul", [x, graph.Constant("scale", scale)]), graph.Constant("shift", shift)]);
    }

    /// <summary>As <c>NetworkToOnnx</c> does: over the channels of a group, joined along D.</summary>
    private static string Group(GroupNorm m, ModuleGraph graph, string x)
    {
        var joined = graph.Node("Reshape", [x, graph.Constant("groups", 0, m.num_groups, -1, 0, 0)]); // 0 keeps an edge, -1 takes what is left
        return ScaleAndShiftChannels(graph, graph.Node("Reshape", [Standardise(graph, joined, m.eps), graph.Node("Shape", [x])]), m.weight, m.bias);
    }

    /// <summary>x Φ(x), by the error function or by the tangent that approximates it (Hendrycks and Gimpel 2016, arXiv:1606.08415).</summary>
    private static string Gelu(GELU m, ModuleGraph graph, string x)
    {
        string Times(string a, string b) => graph.Node("Mul", [a, b]);
        var isApproximate = m.approximate != GELU.Approximate.none;
        var inner = isApproximate
            ? graph.Node("Tanh", [Times(graph.Scalar("factor", (float)Math.Sqrt(2 / Math.PI)), graph.Node("Add", [x, Times(graph.Scalar("cubic", 0.044715f), Times(x, Times(x, x)))]))])
            : graph.Node("Erf", [Times(x, graph.Scalar("factor", (float)Math.Sqrt(0.5)))]);
        return Times(Times(x, graph.Scalar("half", 0.5f)), graph.Node("Add", [inner, graph.Scalar("one", 1)]));
    }

    private static string PoolMaximum(MaxPool3d m, ModuleGraph graph, string x)
    {
        Refuse(m.ceil_mode, "ceil_mode; edges that the stride divides need none");
        var kernel = Three(m.kernel_size);
        return graph.Node("MaxPool", [x], OnnxAttribute.WholeNumbers("kernel_shape", kernel), OnnxAttribute.WholeNumbers("strides", Three(m.stride, kernel)),
            OnnxAttribute.WholeNumbers("pads", Twice(Three(m.padding, 0))), OnnxAttribute.WholeNumbers("dilations", Three(m.dilation, 1)));
    }

    private static string PoolAverage(AvgPool3d m, ModuleGraph graph, string x)
    {
        Refuse(m.ceil_mode, "ceil_mode; edges that the stride divides need none");
        Refuse(m.divisor_override is not null, "a divisor of its own");
        var kernel = Three(m.kernel_size);
        return graph.Node("AveragePool", [x], OnnxAttribute.WholeNumbers("kernel_shape", kernel), OnnxAttribute.WholeNumbers("strides", Three(m.stride, kernel)),
            OnnxAttribute.WholeNumbers("pads", Twice(Three(m.padding, 0))), OnnxAttribute.WholeNumber("count_include_pad", m.count_include_pad ? 1 : 0));
    }

    private static string Enlarge(Upsample m, ModuleGraph graph, string x)
    {
        Refuse(m.mode != torch.UpsampleMode.Nearest, $"mode {m.mode}; nearest can be written, and a convolution behind it makes it smooth");
        Refuse(m.scale_factor.Length == 0, "a fixed size: space is dynamic in the file; a scale factor can be written");
        float[] factors = [.. m.scale_factor.Length == 1 ? Enumerable.Repeat((float)m.scale_factor[0], 3) : m.scale_factor.ToArray().Select(f => (float)f)];
        return graph.Node("Resize", [x, "", graph.Constant("scales", [1, 1, .. factors])], OnnxAttribute.Word("mode", "nearest"),
            OnnxAttribute.Word("coordinate_transformation_mode", "asymmetric"), OnnxAttribute.Word("nearest_mode", "floor"));
    }

    private static void Refuse(bool isWrong, string what)
    {
        if (isWrong)
        {
            throw new NotSupportedException(what);
        }
    }

    private static long[] Three(long[] edges) => edges.Length == 1 ? [edges[0], edges[0], edges[0]] : edges;

    private static long[] Three(long[]? edges, long otherwise) => Three(edges, [otherwise, otherwise, otherwise]);

    private static long[] Three(long[]? edges, long[] otherwise) => edges is { Length: > 0 } ? Three(edges) : otherwise;

    private static long[] Twice(long[] pads) => [.. pads, .. pads];

    private static float[] Filled(float value, long count) => [.. Enumerable.Repeat(value, (int)count)];
}
