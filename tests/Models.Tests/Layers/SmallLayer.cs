using Credence.Models.Layers;
using Credence.Models.Priors;

namespace Credence.Models.Tests.Layers;

/// <summary>One Gaussian layer of each kind, in float64, with an input that fits.</summary>
internal sealed record SmallLayer(IWeightedLayer Layer, GaussianWeight Weight, Tensor Input)
{
    public static readonly string[] Kinds = ["2-D convolution", "strided 3-D convolution", "transposed convolution", "linear"];

    public static SmallLayer Create(string kind, WeightEstimator estimator, IPrior? prior = null)
    {
        using var generator = new Generator(7);
        long[] shape = kind switch
        {
            "2-D convolution" => [3, 2, 1, 3, 3],
            "strided 3-D convolution" => [3, 2, 3, 3, 3],
            "transposed convolution" => [2, 3, 2, 2, 2],
            _ => [3, 4],
        };
        long[] inputShape = kind == "linear" ? [2, 4] : [2, 2, 2, 4, 2];
        var weight = new GaussianWeight("noise/layer", randn(shape, generator: generator), 0.3, prior ?? new GaussianPrior(0.7), estimator: estimator);
        IWeightedLayer layer = kind switch
        {
            "2-D convolution" => new Convolution(weight, shape, [1, 1, 1]),
            "strided 3-D convolution" => new Convolution(weight, shape, [2, 2, 2]),
            "transposed convolution" => new TransposedConvolution(weight, shape),
            _ => new Linear(weight, shape),
        };
        using (no_grad())
        {
            layer.Bias.copy_(randn(layer.Bias.shape, generator: generator));
            weight.Rho.add_(randn(shape, generator: generator), 0.3);
        }

        ((Module)layer).to(float64);
        return new(layer, weight, randn(inputShape, float64, generator: generator));
    }

    /// <summary>The output of a training pass whose noise depends on the seed alone.</summary>
    public Tensor Run(ulong seed)
    {
        using var generator = new Generator(seed);
        return Layer.Forward([Input], new TrainingNoise(generator, CPU));
    }
}
