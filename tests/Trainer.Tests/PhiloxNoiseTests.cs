using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

public sealed class PhiloxNoiseTests
{
    private const int Examples = 64;

    private delegate double[] Draw(PhiloxNoise noise, int examples);

    /// <summary>Oracle: the noise of the whole minibatch; a pass over a part of it must find its rows.</summary>
    [Fact]
    public void An_example_has_the_same_noise_in_whatever_pass_it_is()
    {
        using var scope = NewDisposeScope();
        foreach (var draw in Draws())
        {
            var (whole, first, rest) = (draw(Noise(), 5), draw(Noise(), 2), draw(Noise(firstExample: 2), 3));
            Assert.Equal(whole, first.Concat(rest));
        }

        Assert.Equal(Weights(Noise()), Weights(Noise(firstExample: 3))); // one draw for all examples
    }

    [Fact]
    public void Noise_has_the_distribution_that_a_layer_asks_for()
    {
        using var scope = NewDisposeScope();
        var count = Examples * 40 * 8.0;
        var normal = Noise().Activation("layer", [Examples, 40, 2, 2, 2]);
        Assert.Equal(0, normal.mean().item<float>(), 4 / Math.Sqrt(count));
        Assert.Equal(1, normal.square().mean().item<float>(), 4 * Math.Sqrt(2 / count));
        Assert.Equal(3, normal.pow(4).mean().item<float>(), 4 * Math.Sqrt(96 / count));

        var mask = Noise().ChannelMask("layer", Examples, 40, 0.3);
        Assert.Equal(0.7, mask.ne(0).to(float32).mean().item<float>(), 4 * Math.Sqrt(0.21 / (Examples * 40)));
        Assert.Equal((float)(1 / 0.7), mask.max().item<float>());

        var signs = Noise().Signs("layer", [Examples, 40, 1, 1, 1]);
        Assert.True(signs.abs().eq(1).all().item<bool>());
        Assert.Equal(0, signs.mean().item<float>(), 4 / Math.Sqrt(Examples * 40));
    }

    [Fact]
    public void Seeds_steps_draws_examples_and_streams_of_weights_are_independent()
    {
        using var scope = NewDisposeScope();
        var noise = Noise();
        var vectors = new[] { Weights(noise), Weights(noise), Weights(Noise(seed: 8)), Weights(Noise(step: 1)), Weights(Noise(weights: 1)), Activation(noise, 1), Activation(noise, 1), Activation(new(7, 0, 1, 0, CPU, float32, firstDraw: 2), 1) };

        for (var a = 0; a < vectors.Length; a++)
        {
            for (var b = 0; b < a; b++)
            {
                var correlation = vectors[a].Zip(vectors[b], (x, y) => x * y).Average();
                Assert.True(Math.Abs(correlation) < 5 / Math.Sqrt(vectors[a].Length), $"{a} and {b}: {correlation}");
            }
        }
    }

    private static PhiloxNoise Noise(ulong seed = 7, long step = 0, int firstExample = 0, int weights = 0) => new(seed, step, firstExample, weights, CPU, float32);

    private static Draw[] Draws() => [Activation, (noise, examples) => Numbers(noise.ChannelMask("layer", examples, 7, 0.5)), (noise, examples) => Numbers(noise.Signs("layer", [examples, 7, 1, 1, 1]))];

    private static double[] Weights(PhiloxNoise noise) => Numbers(noise.Gaussian("layer", [16, 8, 2, 2, 2]));

    private static double[] Activation(PhiloxNoise noise, int examples) => Numbers(noise.Activation("layer", [examples, 16, 4, 4, 4]));

    private static double[] Numbers(Tensor tensor) => tensor.to(float64).data<double>().ToArray();
}
