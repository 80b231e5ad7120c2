using Credence.Models.Losses;

namespace Credence.Models.Tests;

public sealed class LikelihoodTests
{
    private static readonly NetworkOptions FourLevels = new() { InputChannels = 1, Classes = 2, Strides = [[2, 2, 2], [2, 2, 2], [2, 2, 2]] };

    [Theory]
    [InlineData("cross-entropy", false, 0, "ELBO")]
    [InlineData("dice", false, 0, "generalised Bayes (the loss is no log-likelihood)")]
    [InlineData("cross-entropy", true, 0, "generalised Bayes (deep supervision counts every voxel at several resolutions)")]
    [InlineData("cross-entropy", false, 0.01, "generalised Bayes (patches are made to hold foreground)")]
    [InlineData("0.5 cross-entropy", true, 1, "generalised Bayes (the loss is no log-likelihood, and deep supervision counts every voxel at several resolutions, and patches are made to hold foreground)")]
    public void Objective_is_called_an_ELBO_where_nothing_departs_from_it_and_else_each_departure_is_named(string loss, bool isSupervised, double foregroundProbability, string expected)
    {
        var likelihood = Likelihood.Of(LossSum.Parse(loss), FourLevels with { HasDeepSupervision = isSupervised }, foregroundProbability);

        Assert.Equal(
            $"{expected}: MeanPerVoxel + a KL factor of 1/(N V) = 1/(8 x 6) (PerVoxel), lambda = 0.5",
            (new Elbo(DataTerm.MeanPerVoxel, KlScaling.PerVoxel, 4, 8, 6) { Temper = 0.5 }).Describe(likelihood));
        Assert.Equal(expected == "ELBO", likelihood.IsOfDataSet);
    }

    /// <summary>Three levels have no output to supervise.</summary>
    [Fact]
    public void Deep_supervision_without_outputs_is_no_departure()
    {
        var supervised = FourLevels with { HasDeepSupervision = true };

        Assert.True(Likelihood.Of(LossSum.Parse("cross-entropy"), supervised with { Strides = [[2, 2, 2], [2, 2, 2]] }, 0).IsOfDataSet);
    }
}
