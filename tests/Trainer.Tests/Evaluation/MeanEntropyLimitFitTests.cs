using Credence.Inference.Model;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Tests.Evaluation;

/// <summary>Worked by hand.</summary>
public sealed class MeanEntropyLimitFitTests
{
    [Fact]
    public void A_limit_is_what_one_patient_in_twenty_exceeds_and_a_class_with_too_few_patients_has_none()
    {
        var cases = Enumerable.Range(1, 40).Select(n => Case($"{n}", 1, n % 2, 0.01 * n, n <= 18 ? 0.5 : null)).ToList();
        var fit = new MeanEntropyLimitFit(cases);
        Assert.Equal(new MeanEntropyLimit { Samples = 16, Limits = [0.01 * 39, null] }, fit.Fit()); // the 41 x 0.95 rounded up = 39th of 40
        Assert.Equal([1 / 40.0, null], fit.Exceeded()); // of 20 the largest: 0.40 of the even cases, 0.39 of the odd ones, which one of the even exceeds
        Assert.Null(new MeanEntropyLimitFit(cases[..18]).Fit());
    }

    [Fact]
    public void A_patient_counts_once_with_the_least_sure_scan_and_the_least_sure_network_sets_the_limit()
    {
        List<OutOfFoldSamples> cases = [.. Enumerable.Range(0, 19).SelectMany(n => new[] { Case($"{n}", 1, 0, 0.1), Case($"{n}", 1, 0, n == 7 ? 0.4 : 0.2), Case($"{n}", 2, 0, 0.3) })];
        Assert.Equal(0.4, Limit(cases)); // of 19 the largest
        Assert.Equal(0.3, Limit([.. cases.Where(c => c.Patient != "7"), Case("7", 1, 0, 0.2), Case("7", 2, 0, 0.3)]));
        Assert.Null(new MeanEntropyLimitFit([.. cases.Where(c => c.Network == 1 || c.Patient != "7")]).Fit()); // 18 patients of the second network
        Assert.Null(new MeanEntropyLimitFit([.. cases.Select(c => c with { MeanEntropies = [c.Network == 2 ? null : 0.1] })]).Fit()); // the second network finds nothing
    }

    private static double? Limit(IReadOnlyList<OutOfFoldSamples> cases) => Assert.Single(new MeanEntropyLimitFit(cases).Fit()!.Limits);

    private static OutOfFoldSamples Case(string patient, ulong network, int fold, params double?[] entropies) => new(fold, network, patient, [.. entropies.Select(_ => new SampledVolume(1, 1, 1, 16, 0))], entropies);
}
