using Credence.MedicalIO;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Tests;

public sealed class PatchSamplerTests
{
    private static readonly Size3 Edge = new(12, 10, 8);

    [Fact]
    public void A_step_of_a_seed_is_the_same_minibatch_whatever_came_before()
    {
        var (first, second) = (Sampler(new AugmentationOptions()), Sampler(new AugmentationOptions()));
        first.Draw(0, 2);
        first.Draw(1, 2);

        var (a, b) = (first.Draw(7, 2), second.Draw(7, 2));

        Assert.Equal(a.Images, b.Images);
        Assert.Equal(a.Targets, b.Targets);
        Assert.NotEqual(a.Images, first.Draw(8, 2).Images);
    }

    [Fact]
    public void Without_augmentation_a_patch_is_a_block_of_the_case()
    {
        var sampler = Sampler(AugmentationOptions.None, patch: new(4, 4, 4));
        for (var step = 0; step < 20; step++)
        {
            var batch = sampler.Draw(step, 1);
            // Every voxel of the ramp says where it comes from, so the first voxel gives the position of all.
            var origin = (int)batch.Images[0];
            for (var v = 0; v < 64; v++)
            {
                var expected = origin + v % 4 + Edge.Width * (v / 4 % 4 + Edge.Height * (v / 16));
                Assert.Equal(expected, batch.Images[v], tolerance: 1e-3f);
                Assert.Equal(IsForeground(expected) ? 1 : 0, batch.Targets[v]);
            }
        }
    }

    [Fact]
    public void Forced_foreground_puts_a_foreground_voxel_into_every_patch()
    {
        var sampler = Sampler(AugmentationOptions.None, patch: new(4, 4, 4), foreground: 1);

        Assert.All(Enumerable.Range(0, 50), step => Assert.True(sampler.Draw(step, 1).ForegroundFraction > 0));
        Assert.Contains(Enumerable.Range(0, 50), step => Sampler(AugmentationOptions.None, new(4, 4, 4), foreground: 0).Draw(step, 1).ForegroundFraction == 0);
    }

    [Fact]
    public void Patches_with_foreground_are_counted()
    {
        var batch = Sampler(AugmentationOptions.None, patch: new(4, 4, 4), foreground: 0).Draw(0, 40);

        Assert.Equal(batch.Targets.Chunk(4 * 4 * 4).Count(patch => patch.Any(t => t != 0)), batch.WithForeground);
        Assert.InRange(batch.WithForeground, 1, 39);
    }

    [Fact]
    public void A_case_smaller_than_the_patch_lies_whole_inside_it()
    {
        var batch = Sampler(AugmentationOptions.None, patch: new(16, 16, 16)).Draw(3, 1);

        Assert.Equal(Case().Classes.Count(c => c != 0), batch.Targets.Count(t => t != 0));
        Assert.Equal(Case().Channels.Sum(), batch.Images.Sum(), tolerance: 1);
    }

    [Fact]
    public void Every_case_is_seen_once_before_any_comes_again()
    {
        var cases = Enumerable.Range(0, 6).Select(n => new TrainingCase($"{n}", new(2, 2, 2), [.. Enumerable.Repeat((float)n, 8)], new byte[8], 2)).ToList();
        var sampler = new PatchSampler(cases, new(2, 2, 2), new(1, 1, 1), 1, 0.5, AugmentationOptions.None, seed: 4);

        for (var round = 0; round < 3; round++)
        {
            var seen = Enumerable.Range(0, 3).SelectMany(step => sampler.Draw(round * 3 + step, 2).Images.Where((_, v) => v % 8 == 0)).Order();
            Assert.Equal([0f, 1, 2, 3, 4, 5], seen);
        }
    }

    /// <summary>Oracle: the rotation of an isotropic Gaussian blob about the patch centre is the blob itself; a flip mirrors a ramp.</summary>
    [Fact]
    public void Rotation_turns_about_the_centre_and_keeps_millimetres()
    {
        var size = new Size3(24, 24, 12);
        var spacing = new Vector3D(1, 1, 2); // anisotropic: a rotation of the index would deform the blob
        var blob = new float[size.Count];
        for (var v = 0; v < blob.Length; v++)
        {
            var (x, y, z) = (v % 24 - 11.5, v / 24 % 24 - 11.5, 2 * (v / 576 - 5.5));
            blob[v] = (float)Math.Exp(-(x * x + y * y + z * z) / 32);
        }

        var options = AugmentationOptions.None with { RotationProbability = 1, MaximumRotation = 40 };
        var sampler = new PatchSampler([new("blob", size, blob, new byte[blob.Length], 2)], size, spacing, 1, 0, options, seed: 9);

        foreach (var step in Enumerable.Range(0, 5))
        {
            var rotated = sampler.Draw(step, 1).Images;
            Assert.True(blob.Zip(rotated).Max(p => Math.Abs(p.First - p.Second)) < 0.06, "the blob changed its shape");
        }
    }

    [Fact]
    public void Flip_mirrors_image_and_target_together()
    {
        var options = AugmentationOptions.None with { FlipAxes = "i" };
        var sampler = new PatchSampler([Case()], Edge, new(1, 1, 1), 1, 0, options, seed: 3);
        var mirrored = 0;
        foreach (var step in Enumerable.Range(0, 16))
        {
            var batch = sampler.Draw(step, 1);
            mirrored += batch.Images[0] > batch.Images[1] ? 1 : 0;
            for (var v = 0; v < batch.Images.Length; v++)
            {
                Assert.Equal(IsForeground((int)Math.Round(batch.Images[v])) ? 1 : 0, batch.Targets[v]);
            }
        }

        Assert.InRange(mirrored, 1, 15);
    }

    [Fact]
    public void Intensity_changes_stay_finite_and_gamma_keeps_the_moments()
    {
        var options = AugmentationOptions.None with { GammaProbability = 1, NoiseProbability = 1, BrightnessProbability = 1 };
        var varied = Sampler(options).Draw(0, 2).Images;
        Assert.All(varied, v => Assert.True(float.IsFinite(v)));

        var (plain, gamma) = (Sampler(AugmentationOptions.None).Draw(0, 1).Images, Sampler(AugmentationOptions.None with { GammaProbability = 1 }).Draw(0, 1).Images);
        Assert.NotEqual(plain, gamma);
        Assert.Equal(plain.Average(), gamma.Average(), tolerance: 0.1f);
    }

    /// <summary>A rotation keeps volumes; so do labels of the nearest voxel in the mean, and a majority of interpolated classes does not: docs/decisions/0045-labels-of-the-nearest-voxel.md.</summary>
    [Fact]
    public void A_lesion_of_two_voxels_keeps_its_volume_in_the_mean()
    {
        var size = new Size3(24, 24, 24);
        var classes = new byte[size.Count];
        classes[5 + 24 * (8 + 24 * 9)] = classes[6 + 24 * (8 + 24 * 9)] = 1;
        var options = AugmentationOptions.None with { RotationProbability = 1, MaximumRotation = 40 };
        var sampler = new PatchSampler([new("lesion", size, new float[size.Count], classes, 2)], size, new(1, 1, 1), 1, 0, options, seed: 3);

        var volumes = Enumerable.Range(0, 300).Select(step => sampler.Draw(step, 1).Targets.Sum()).ToList();

        var (mean, square) = (volumes.Average(), volumes.Average(v => (double)v * v));
        Assert.Equal(2, mean, tolerance: 4 * Math.Sqrt((square - mean * mean) / volumes.Count));
        Assert.True(square > mean * mean, "nothing was turned");
    }

    [Fact]
    public void Deformation_moves_image_and_target_together()
    {
        var size = new Size3(24, 24, 24);
        var (ball, classes) = (new float[size.Count], new byte[size.Count]);
        for (var v = 0; v < ball.Length; v++)
        {
            var distance = Math.Sqrt(Math.Pow(v % 24 - 11.5, 2) + Math.Pow(v / 24 % 24 - 11.5, 2) + Math.Pow(v / 576 - 11.5, 2));
            (ball[v], classes[v]) = ((float)(7 - distance), (byte)(distance < 7 ? 1 : 0));
        }

        var options = AugmentationOptions.None with { DeformationProbability = 1, MaximumDeformation = 3 };
        var sampler = new PatchSampler([new("ball", size, ball, classes, 2)], size, new(1, 1, 1), 1, 0, options, seed: 2);
        var moved = new List<int>();
        foreach (var step in Enumerable.Range(0, 8))
        {
            var batch = sampler.Draw(step, 1);
            moved.Add(batch.Targets.Zip(classes).Count(p => p.First != p.Second));
            // A voxel whose nearest neighbour is in the ball has a distance that is less than half a diagonal above the radius. Beyond the case the image is 0.
            Assert.All(batch.Images.Zip(batch.Targets), p => Assert.True(p.First == 0 || (p.Second == 1 ? p.First > -0.87 : p.First < 0.87), $"class {p.Second} where the image says {p.First}"));
        }

        Assert.InRange(moved.Max(), 100, 2500); // of the 1472 voxels of the ball and those around it
    }

    /// <summary>On a flat scan the logarithm of what is above the darkest voxel is the field: a cubic along each axis, whose fourth differences are 0.</summary>
    [Fact]
    public void A_receive_field_is_a_smooth_factor_of_the_scan_and_keeps_its_moments()
    {
        var (size, patch) = (new Size3(16, 16, 16), new Size3(16, 16, 24));
        var voxels = Enumerable.Repeat(2f, (int)size.Count).ToArray();
        voxels[0] = 0.5f;
        var options = AugmentationOptions.None with { ReceiveFieldProbability = 1, MaximumReceiveField = 4 };
        var sampler = new PatchSampler([new("flat", size, voxels, new byte[size.Count], 2)], patch, new(1, 1, 1), 1, 0, options, seed: 2);
        var deviations = new List<double>();
        foreach (var step in Enumerable.Range(0, 20))
        {
            var varied = sampler.Draw(step, 1).Images;
            var first = Array.FindIndex(varied, v => v != 0);
            var scan = varied.AsSpan(first, voxels.Length).ToArray();
            Assert.All(varied[..first].Concat(varied[(first + voxels.Length)..]), v => Assert.Equal(0, v));
            var field = Array.ConvertAll(scan[1..], v => Math.Log(v - scan[0]));
            foreach (var row in (int[])[15, 31, 255])
            {
                var line = field[row..(row + 16)];
                Assert.All(Enumerable.Range(0, 12), n => Assert.Equal(0, line[n] - 4 * line[n + 1] + 6 * line[n + 2] - 4 * line[n + 3] + line[n + 4], tolerance: 1e-3));
            }

            Assert.Equal(voxels.Average(), scan.Average(), tolerance: 1e-4f);
            Assert.Equal(voxels.Average(v => v * v), scan.Average(v => v * v), tolerance: 1e-3f);
            deviations.Add(Math.Sqrt(field.Average(v => v * v) - Math.Pow(field.Average(), 2)));
        }

        // Uniform from 0 to ln 4 / 2 over the patch; the scan fills two thirds of it.
        Assert.InRange(deviations.Average(), 0.2, 0.45);
        Assert.InRange(deviations.Max(), 0.4, 0.85);
    }

    /// <summary>An option that is off draws nothing: a run without it is what it was before there was one.</summary>
    [Fact]
    public void Fields_change_no_other_draw()
    {
        var (off, likely) = (Sampler(new AugmentationOptions()), Sampler(new AugmentationOptions { DeformationProbability = 1, ReceiveFieldProbability = 1 }));
        var on = Sampler(new AugmentationOptions { DeformationProbability = 1, MaximumDeformation = 1e-9, ReceiveFieldProbability = 1, MaximumReceiveField = 1 + 1e-9 });
        foreach (var step in Enumerable.Range(0, 8))
        {
            var expected = off.Draw(step, 2);
            Assert.Equal(expected.Images, likely.Draw(step, 2).Images);
            // The ramp has 4096 values: float32 keeps three digits behind the point.
            Assert.All(expected.Images.Zip(on.Draw(step, 2).Images), p => Assert.Equal(p.First, p.Second, tolerance: 0.05f));
        }
    }

    [Fact]
    public void A_strength_scales_from_nothing_to_more()
    {
        var usual = new AugmentationOptions { FlipAxes = "" };

        Assert.Equal(usual, usual.Scaled(1));
        Assert.Equal(Sampler(AugmentationOptions.None).Draw(0, 4).Images, Sampler(usual.Scaled(0)).Draw(0, 4).Images);
        var twice = usual.Scaled(2);
        Assert.Equal((0.6, 40, 0.6, 0.3, 0.3, 0.3, 0.5, 0.6), (twice.RotationProbability, twice.MaximumRotation, twice.ScaleProbability, twice.NoiseProbability, twice.MaximumNoise, twice.BrightnessProbability, twice.MaximumBrightness, twice.GammaProbability));
        double[] limits = [twice.MinimumScale, twice.MaximumScale, twice.MinimumGamma, twice.MaximumGamma];
        Assert.All(limits.Zip((double[])[0.64, 1.5625, 0.49, 2.25]), p => Assert.Equal(p.Second, p.First, tolerance: 1e-12));
        Assert.Equal(1, usual.Scaled(30).GammaProbability);
    }

    private static PatchSampler Sampler(AugmentationOptions augmentation, Size3? patch = null, double foreground = 0.5) =>
        new([Case()], patch ?? Edge, new(1, 1, 1), 1, foreground, augmentation, seed: 1);

    /// <summary>A ramp whose value is the voxel's offset.</summary>
    private static TrainingCase Case() => new(
        "ramp", Edge, [.. Enumerable.Range(0, (int)Edge.Count).Select(v => (float)v)],
        [.. Enumerable.Range(0, (int)Edge.Count).Select(v => IsForeground(v) ? (byte)1 : (byte)0)], 2);

    private static bool IsForeground(int offset) => offset is >= 500 and < 503;
}
