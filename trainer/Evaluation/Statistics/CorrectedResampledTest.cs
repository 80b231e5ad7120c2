using Credence.Inference.Statistics;

namespace Credence.Trainer.Evaluation.Statistics;

/// <summary>Corrected resampled t-test: compares two methods over the folds of a cross-validation, whose training sets overlap.</summary>
/// <remarks>
/// t = d̄ / √((1/J + n₂/n₁) s²), with J - 1 degrees of freedom; d̄ and s² are mean and variance of the J paired differences, n₁ and n₂ the numbers of training and
/// validation cases. Without the second term the overlap makes the test find differences where there are none.
/// Source: Nadeau and Bengio 2003, "Inference for the generalization error", Machine Learning 52:239, section 4.2. They draw J splits at random; k folds are the nearest thing a cross-validation has.
/// </remarks>
/// <param name="Statistic">t.</param>
/// <param name="PValue">Two-sided.</param>
/// <param name="Folds">J: seeds that share a fold count once, with their mean.</param>
/// <param name="Interval">95 % interval of the mean difference.</param>
internal sealed record CorrectedResampledTest(double Statistic, double PValue, int Folds, Interval Interval)
{
    /// <summary>Tests.</summary>
    /// <param name="differences">One a fold: the mean difference over its validation cases and seeds.</param>
    /// <param name="validationShare">n₂ / n₁, mean over the folds.</param>
    /// <returns>Null below two folds, or where all differences are equal.</returns>
    public static CorrectedResampledTest? Test(IReadOnlyList<double> differences, double validationShare)
    {
        var folds = differences.Count;
        if (folds < 2)
        {
            return null;
        }

        var mean = differences.Average();
        var variance = differences.Sum(d => (d - mean) * (d - mean)) / (folds - 1);
        if (variance == 0)
        {
            return null;
        }

        var error = Math.Sqrt((1.0 / folds + validationShare) * variance);
        var half = StudentT.TwoSidedQuantile(0.05, folds - 1) * error;
        return new(mean / error, StudentT.TwoSidedP(mean / error, folds - 1), folds, new(mean - half, mean + half));
    }
}
