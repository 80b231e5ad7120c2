using Credence.Models.Layers;

namespace Credence.Models.Tests.Layers;

public sealed class ChannelDropoutTests
{
    private const double P = 0.3;

    /// <summary>Margins: 5 standard errors of the share of 16,000 draws, and of the products of neighbours, which are independent.</summary>
    [Fact]
    public void A_training_pass_drops_whole_channels_of_each_example_for_itself_and_keeps_the_mean()
    {
        const int Examples = 200, Channels = 80;
        using var scope = NewDisposeScope();
        using var generator = new Generator(4);
        var layer = new ChannelDropout("mask/layer", Channels, P);
        var input = randn([Examples, Channels, 2, 3, 2], float64, generator: generator);

        var factor = layer.Forward([input], new TrainingNoise(generator, CPU)) / input; // (N, C, D, H, W)

        var first = factor[.., .., ..1, ..1, ..1];
        Assert.True(factor.allclose(first.expand_as(factor)));
        var isDropped = first.eq(0).view(Examples, Channels).to(float64);
        Assert.True(where(first.eq(0), 1 / (1 - P), first).allclose(full_like(first, 1 / (1 - P)), rtol: 1e-6));
        var error = Math.Sqrt(P * (1 - P) / (Examples * Channels));
        Assert.Equal(P, isDropped.mean().item<double>(), tolerance: 5 * error);
        Assert.Equal(1, factor.mean().item<double>(), tolerance: 5 * error / (1 - P));
        var centred = isDropped - P;
        var variance = P * (1 - P);
        Assert.Equal(0, (centred[1..] * centred[..^1]).mean().item<double>(), tolerance: 5 * variance / Math.Sqrt((Examples - 1) * Channels));
        Assert.Equal(0, (centred[.., 1..] * centred[.., ..^1]).mean().item<double>(), tolerance: 5 * variance / Math.Sqrt(Examples * (Channels - 1)));
    }

    [Fact]
    public void A_given_mask_multiplies_and_no_noise_changes_nothing()
    {
        using var scope = NewDisposeScope();
        var layer = new ChannelDropout("mask/layer", 3, P);
        var input = arange(2 * 3 * 4, dtype: float32).view(2, 3, 1, 2, 2);
        var given = new GivenNoise(new Dictionary<string, Tensor> { ["mask/layer"] = tensor(new[] { 0f, 2, 1 }).view(1, 3, 1, 1, 1) });

        Assert.Equal(Enumerable.Range(0, 24).Select(n => n * (float)(n / 4 % 3 == 0 ? 0 : n / 4 % 3 == 1 ? 2 : 1)), layer.Forward([input], given).data<float>().ToArray());
        Assert.True(layer.Forward([input], new MeanNoise()).equal(input).all().item<bool>());
    }

    [Fact]
    public void It_asks_for_one_mask_a_channel_by_name()
    {
        var noise = new ChannelDropout("mask/layer", 7, P).Noise;

        Assert.Equal(("mask/layer", P), (noise.Name, noise.DropProbability));
        Assert.Equal([1L, 7, 1, 1, 1], noise.Shape);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    public void A_probability_outside_0_and_1_is_refused(double p) => Assert.Throws<ArgumentOutOfRangeException>(() => new ChannelDropout("mask/layer", 2, p));

    [Fact]
    public void A_pass_leaves_no_tensor_behind_but_its_result()
    {
        using var generator = new Generator(1);
        var layer = new ChannelDropout("mask/layer", 2, P);
        using var input = ones([2, 2, 3, 3, 3]);
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;

        layer.Forward([input], new TrainingNoise(generator, CPU)).Dispose();
        layer.Forward([input], new MeanNoise()).Dispose();

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }
}
