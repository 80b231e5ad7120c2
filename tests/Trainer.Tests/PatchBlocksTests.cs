using Credence.Trainer.Sampling;

namespace Credence.Trainer.Tests;

/// <summary>Sampling and varying on a device. Oracle: the host's loops, which share the draws and no code with grid_sample and tensor operations.</summary>
public sealed class PatchBlocksTests
{
    public static TheoryData<string> Devices => ["cpu", Cuda.Name];

    private static readonly AugmentationOptions Everything = new()
    {
        RotationProbability = 0.8,
        ScaleProbability = 0.8,
        FlipAxes = "ijk",
        DeformationProbability = 0.8,
        MaximumDeformation = 2,
        NoiseProbability = 0.5,
        BrightnessProbability = 0.5,
        GammaProbability = 0.5,
        ReceiveFieldProbability = 0.5,
        MaximumReceiveField = 2,
    };

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_device_makes_the_same_minibatches_as_the_host(string name)
    {
        var device = Cuda.DeviceOrSkip(name);
        foreach (var options in new[] { AugmentationOptions.None, Everything })
        {
            var sampler = RandomCases.Sampler(options);
            for (var step = 0; step < 12; step++)
            {
                using var scope = NewDisposeScope();
                using var blocks = sampler.Cut(step, 3, new(0, 3), device);
                var host = sampler.Draw(step, 3);
                var (images, targets) = blocks.ToTensors(device);
                var (expectedImages, expectedTargets) = host.ToTensors(CPU);

                Assert.Equal(expectedImages.shape, images.shape);
                // Positions are rounded to float32 in units of half the block: about 1e-6 voxels, times intensities that change by up to 4 a voxel.
                Assert.True((images.cpu() - expectedImages).abs().max().item<float>() < 5e-5f);
                Assert.True(targets.cpu().equal(expectedTargets).all().item<bool>());
                Assert.Equal(host.ForegroundFraction, blocks.ForegroundFraction, tolerance: 1e-6);
            }
        }
    }

    /// <summary>The sampled and the varied minibatch differ, or the test above would compare nothing.</summary>
    [Fact]
    public void Variation_changes_the_minibatch()
    {
        var (plain, varied) = (RandomCases.Sampler(AugmentationOptions.None).Draw(0, 3), RandomCases.Sampler(new AugmentationOptions { NoiseProbability = 1 }).Draw(0, 3));

        Assert.NotEqual(plain.Images, varied.Images);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Noise_is_the_same_on_host_and_device_and_normal(string name)
    {
        var device = Cuda.DeviceOrSkip(name);
        using var scope = NewDisposeScope();
        var host = new float[100_002];
        PatchNoise.Add(host, sigma: 1, seed: 0xF1234567);
        var drawn = PatchNoise.Draw(host.Length, 0xF1234567, device).cpu();

        Assert.True((drawn - tensor(host)).abs().max().item<float>() < 1e-5f);
        var standardError = 1 / Math.Sqrt(host.Length);
        Assert.Equal(0, drawn.mean().item<float>(), tolerance: 4 * standardError);
        Assert.Equal(1, drawn.square().mean().item<float>(), tolerance: 4 * Math.Sqrt(2) * standardError);
        Assert.Equal(0, (drawn[..^1] * drawn[1..]).mean().item<float>(), tolerance: 4 * standardError);
        Assert.False(drawn.allclose(PatchNoise.Draw(host.Length, 0xF1234568, CPU)));
    }

    [Fact]
    public void Moving_a_minibatch_leaves_no_tensor_behind()
    {
        var sampler = RandomCases.Sampler(Everything);
        void Move(long step)
        {
            using var scope = NewDisposeScope();
            using var blocks = sampler.Cut(step, 2, new(0, 2), CPU);
            blocks.ToTensors(CPU);
        }

        Move(0);
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        for (var step = 1; step < 6; step++)
        {
            Move(step);
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }
}
