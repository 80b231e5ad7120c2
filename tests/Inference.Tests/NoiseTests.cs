using System.Text.Json.Nodes;
using Credence.Inference.Model;
using Credence.Inference.Sampling;

namespace Credence.Inference.Tests;

public sealed class NoiseTests
{
    /// <summary>Known answers of Random123 (Salmon et al. 2011), file kat_vectors.</summary>
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_gives_the_known_answers(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint x0, uint x1, uint x2, uint x3) =>
        Assert.Equal((x0, x1, x2, x3), Philox4x32.Block((c0, c1, c2, c3), (k0, k1)));

    /// <summary>Golden tensors made by Golden/make_noise.py.</summary>
    [Fact]
    public void Whole_tensors_are_those_that_a_Python_client_draws()
    {
        var golden = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "noise.json")))!.AsArray();
        Assert.NotEmpty(golden);
        foreach (var tensor in golden)
        {
            var drop = tensor!["drop"]?.GetValue<double>();
            var input = new NoiseInput("n", drop is null ? NoiseDistribution.Gaussian : NoiseDistribution.Bernoulli,
                [.. tensor["shape"]!.AsArray().Select(s => s!.GetValue<long>())], drop ?? 0);
            var index = tensor["index"]!.GetValue<int>();
            var inputs = Enumerable.Repeat(new NoiseInput("other", NoiseDistribution.Gaussian, [1]), index).Append(input).ToList();

            var drawn = NoiseSample.Draw(inputs, ulong.Parse(tensor["seed"]!.GetValue<string>(), System.Globalization.CultureInfo.InvariantCulture), tensor["sample"]!.GetValue<int>()).Tensors[index];

            var expected = tensor["values"]!.AsArray().Select(v => v!.GetValue<float>()).ToArray();
            Assert.Equal(expected.Length, drawn.Length);
            Assert.All(expected.Zip(drawn), p => Assert.Equal(p.First, p.Second, tolerance: 1e-6f));
        }
    }

    [Fact]
    public void Gaussian_noise_is_standard_normal_and_bernoulli_noise_keeps_its_mean()
    {
        const int Count = 400_000;
        var tensors = NoiseSample.Draw([new("g", NoiseDistribution.Gaussian, [Count]), new("b", NoiseDistribution.Bernoulli, [Count], 0.3)], 5, 9).Tensors;
        double Moment(int tensor, int power) => tensors[tensor].Average(v => Math.Pow(v, power));

        // Tolerances are 4 standard errors of each moment.
        Assert.Equal(0, Moment(0, 1), tolerance: 4 / Math.Sqrt(Count));
        Assert.Equal(1, Moment(0, 2), tolerance: 4 * Math.Sqrt(2.0 / Count));
        Assert.Equal(3, Moment(0, 4), tolerance: 4 * Math.Sqrt(96.0 / Count));
        Assert.Equal(1, Moment(1, 1), tolerance: 4 * Math.Sqrt(0.3 / 0.7 / Count));
    }

    [Fact]
    public void Seed_sample_and_input_each_change_the_draw()
    {
        NoiseInput[] two = [new("a", NoiseDistribution.Gaussian, [8]), new("b", NoiseDistribution.Gaussian, [8])];
        var reference = NoiseSample.Draw(two, 1, 0).Tensors;

        Assert.Equal(reference[0], NoiseSample.Draw(two, 1, 0).Tensors[0]);
        Assert.NotEqual(reference[0], reference[1]);
        Assert.NotEqual(reference[0], NoiseSample.Draw(two, 2, 0).Tensors[0]);
        Assert.NotEqual(reference[0], NoiseSample.Draw(two, 1, 1).Tensors[0]);
        Assert.NotEqual(reference[0], NoiseSample.Draw(two, 1UL + (1UL << 32), 0).Tensors[0]);
    }
}
