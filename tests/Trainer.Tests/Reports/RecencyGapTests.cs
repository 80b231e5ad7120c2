using Credence.Trainer.Reports;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Reports;

public sealed class RecencyGapTests
{
    [Fact]
    public void The_gap_of_a_worked_run()
    {
        var gap = RecencyGap.Of([Epoch(1.2, 1.0), Epoch(1.4, 1.0), Epoch(1.6, 1.0), Epoch(null, null)])!;

        Assert.Equal(0.4, gap.Mean, tolerance: 1e-12);
        Assert.Equal(0.2 / Math.Sqrt(3), gap.StandardError!.Value, tolerance: 1e-12); // gaps 0.2, 0.4, 0.6: sd 0.2
        Assert.Equal((1.0, 3), (gap.LastSeen, gap.Epochs));
        Assert.Null(RecencyGap.Of([Epoch(null, null)]));
        Assert.Null(RecencyGap.Of([Epoch(1, 1)])!.StandardError);
    }

    [Theory]
    [InlineData(5, 0.1, 0.0, true)]
    [InlineData(4, 0.1, 0.0, false)] // too few epochs
    [InlineData(5, 0.04, 0.0, false)] // too small a share of the loss
    [InlineData(6, 0.1, 0.2, false)] // below twice its standard error: 0.2 sqrt(6 / 5) / sqrt(6) = 0.089
    [InlineData(5, -0.1, 0.0, false)]
    public void A_gap_is_large_when_it_lasts_and_matters(int epochs, double mean, double swing, bool isLarge) =>
        Assert.Equal(isLarge, RecencyGap.Of([.. Enumerable.Range(0, epochs).Select(n => Epoch(1 + mean + (n % 2 == 0 ? swing : -swing), 1))])!.IsLarge);

    private static EpochReport Epoch(double? first, double? last) => new(0, 0, 0, [], 0, 0, 0, 0, first, last, [], false, 0);
}
