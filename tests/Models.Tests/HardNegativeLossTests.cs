using Credence.Models.Losses;

namespace Credence.Models.Tests;

public sealed class HardNegativeLossTests
{
    private const int Voxels = 20_000, LesionVoxels = 100;

    /// <summary>Oracle: counts by hand.</summary>
    [Theory]
    [InlineData(40, 0.0, 960)] // the warm-up begins with all negatives
    [InlineData(40, 0.25, 540)] // and shrinks them linearly
    [InlineData(40, 0.5, 120)] // to k = 3 a lesion voxel
    [InlineData(40, 1.0, 120)]
    [InlineData(5, 1.0, 15)] // however small the lesion
    [InlineData(0, 1.0, 50)] // the floor of an example without lesion
    [InlineData(400, 1.0, 600)] // no more than there are
    [InlineData(1000, 0.0, 0)]
    public void Negatives_shrink_from_all_to_k_a_lesion_voxel(long lesionVoxels, double progress, long kept)
    {
        using var scope = NewDisposeScope();
        var loss = new HardNegativeLoss(K: 3, Floor: 50, WarmUp: 0.5);

        Assert.Equal(kept, loss.Kept(tensor(new[] { lesionVoxels }).view(1, 1), voxels: 1000, progress).item<double>());
    }

    [Fact]
    public void Each_example_is_mined_by_itself()
    {
        using var scope = NewDisposeScope();
        var target = zeros([2, 1, 1, 5], int64);
        target[0, 0, 0, 0] = 1;
        var logits = zeros([2, 2, 1, 1, 5], float64);
        logits[0, 1] = tensor(new[] { 0.0, 1, 2, 3, 4 });
        logits[1, 1] = tensor(new[] { 9.0, 5, 6, 7, 8 });
        using var terms = LossSum.Parse("hard-negatives(k=2, floor=1, warm-up=0)").Compute(logits, target, 1);

        // One lesion voxel and its two hardest negatives; of the empty example the one that the floor asks for.
        double[] kept = [Math.Log(2), Math.Log(1 + Math.Exp(3)), Math.Log(1 + Math.Exp(4)), Math.Log(1 + Math.Exp(9))];
        Assert.Equal(kept.Average(), terms.Total.item<double>(), tolerance: 1e-12);
    }

    /// <summary>
    /// Why mining from the first step learns nothing, in the smallest model that shows it: logit = slope x intensity + bias at the bias that mining itself
    /// ends at. Lesions are brighter than tissue, but the brightest 300 of 19,900 tissue voxels are brighter still, and the darkest darker: whichever
    /// way the slope leaves 0, the mined negatives are those that push it back, so a constant is a minimum. All negatives together show the difference.
    /// </summary>
    [Theory]
    [InlineData(0.0, 0.01)]
    [InlineData(0.0, -0.01)]
    [InlineData(0.5, 0.01)]
    [InlineData(0.5, -0.01)]
    public void Mining_can_hold_the_model_at_a_constant_and_the_warm_up_frees_it(double warmUp, double slope)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(6);
        var intensity = randn([1, 1, 1, Voxels], float64, generator: generator);
        intensity[0, 0, 0, TensorIndex.Slice(0, LesionVoxels)] += 2; // tissue N(0, 1), lesions N(2, 1)
        var target = zeros([1, 1, 1, Voxels], int64);
        target[0, 0, 0, TensorIndex.Slice(0, LesionVoxels)] = 1;
        var loss = new LossSum([new(1, new HardNegativeLoss(K: 3, Floor: 100, warmUp))]);
        var weight = tensor(slope, float64).requires_grad_();
        var bias = warmUp == 0 ? Math.Log(1.0 / 3) : Math.Log((double)LesionVoxels / (Voxels - LesionVoxels)); // p = the share of lesion voxels among the kept

        var logit = weight * intensity + bias;
        using var terms = loss.Compute(stack([zeros_like(logit), logit], dim: 1), target, progress: 0);
        terms.Total.backward();

        var movesTo = -Math.Sign(weight.grad!.item<double>());
        Assert.Equal(warmUp == 0 ? -Math.Sign(slope) : 1, movesTo); // back to 0, or towards bright
    }
}
