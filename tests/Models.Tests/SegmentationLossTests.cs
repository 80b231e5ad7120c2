using Credence.Models.Losses;

namespace Credence.Models.Tests;

public sealed class SegmentationLossTests
{
    /// <summary>Oracle: loops over voxels in double precision.</summary>
    [Fact]
    public void Dice_cross_entropy_agrees_with_loops_over_voxels()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        long[] shape = [2, 3, 4, 5, 6];
        var logits = 3 * randn(shape, generator: generator);
        var target = randint(0, 3, [2, 4, 5, 6], dtype: int64, generator: generator);

        var voxels = 4 * 5 * 6;
        var l = logits.data<float>().ToArray();
        var t = target.data<long>().ToArray();
        double crossEntropy = 0, dice = 0;
        for (var n = 0; n < 2; n++)
        {
            var (overlap, total) = (new double[3], new double[3]);
            for (var v = 0; v < voxels; v++)
            {
                var exponentials = Enumerable.Range(0, 3).Select(k => Math.Exp(l[(n * 3 + k) * voxels + v])).ToArray();
                var label = t[n * voxels + v];
                crossEntropy -= Math.Log(exponentials[label] / exponentials.Sum()) / (2 * voxels);
                for (var k = 0; k < 3; k++)
                {
                    var p = exponentials[k] / exponentials.Sum();
                    overlap[k] += label == k ? p : 0;
                    total[k] += p + (label == k ? 1 : 0);
                }
            }

            dice += (2 * overlap[1] / total[1] + 2 * overlap[2] / total[2]) / 4;
        }

        using var terms = SegmentationLoss.Compute(SegmentationLossKind.DiceCrossEntropy, logits, target);

        Assert.Equal(crossEntropy, terms.NegativeLogLikelihood.item<float>(), tolerance: 1e-5);
        Assert.Equal(crossEntropy + 1 - dice, terms.Total.item<float>(), tolerance: 1e-5);
    }

    [Fact]
    public void Cross_entropy_alone_is_the_likelihood()
    {
        using var scope = NewDisposeScope();
        using var terms = SegmentationLoss.Compute(SegmentationLossKind.CrossEntropy, randn([1L, 2, 4, 4, 4]), zeros([1L, 4, 4, 4], int64));

        Assert.Equal(terms.NegativeLogLikelihood.item<float>(), terms.Total.item<float>());
        Assert.True(SegmentationLoss.IsLogLikelihood(SegmentationLossKind.CrossEntropy));
        Assert.False(SegmentationLoss.IsLogLikelihood(SegmentationLossKind.DiceCrossEntropy));
    }

    [Theory]
    [InlineData(0L)]
    [InlineData(1L)]
    public void Empty_and_full_targets_give_finite_losses_and_gradients(long label)
    {
        using var scope = NewDisposeScope();
        foreach (var extreme in new[] { -80.0, 0, 80 })
        {
            var logits = full([1, 2, 4, 4, 4], extreme);
            logits[TensorIndex.Colon, 0] = -extreme;
            logits.requires_grad = true;
            using var terms = SegmentationLoss.Compute(SegmentationLossKind.DiceCrossEntropy, logits, full([1, 4, 4, 4], label, int64));
            terms.Total.backward();

            Assert.True(float.IsFinite(terms.Total.item<float>()), $"loss {terms.Total.item<float>()} at {extreme}");
            Assert.True(logits.grad!.isfinite().all().item<bool>(), $"gradient at {extreme}");
        }
    }

    [Fact]
    public void Perfect_prediction_costs_nothing()
    {
        using var scope = NewDisposeScope();
        var target = zeros([1, 4, 4, 4], int64);
        target[0, 1, 2, 3] = 1;
        var logits = 100 * stack([(target == 0).to(float32), target.to(float32)], dim: 1);
        using var terms = SegmentationLoss.Compute(SegmentationLossKind.DiceCrossEntropy, logits, target);

        Assert.Equal(0, terms.Total.item<float>(), tolerance: 1e-5);
    }

    [Fact]
    public void Shapes_that_differ_are_named()
    {
        using var scope = NewDisposeScope();
        var e = Assert.Throws<ArgumentException>(() => SoftDiceLoss.Compute(zeros([1L, 2, 4, 4, 4]), zeros([1L, 2, 4, 4, 5])));

        Assert.Equal("Target has shape (1, 2, 4, 4, 5) but probability has (1, 2, 4, 4, 4); they must be equal. (Parameter 'target')", e.Message);
    }
}
