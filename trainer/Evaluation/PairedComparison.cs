using System.Globalization;
using System.Text.Json.Serialization;
using Credence.Inference.Statistics;
using Credence.Trainer.Datasets;
using Credence.Trainer.Evaluation.Statistics;

namespace Credence.Trainer.Evaluation;

/// <summary>The difference of two results, patient by patient: second minus first.</summary>
/// <param name="First">Name of the first.</param>
/// <param name="Second">Name of the second.</param>
/// <param name="Metric">What is compared.</param>
/// <param name="Patients">Patients that both have a value for; a patient with several cases counts once, with their mean.</param>
/// <param name="UndefinedPairs">Cases of both for which either has no value, which are in none of the figures.</param>
/// <param name="MeanDifference">Mean over patients.</param>
/// <param name="Interval">95 % interval (bootstrap, BCa).</param>
/// <param name="StandardisedDifference">Mean over standard deviation of the differences (Cohen's d_z); null where they are all equal.</param>
/// <param name="Wilcoxon">Signed-rank test; null where all differences are 0.</param>
/// <param name="AdjustedPValue">Wilcoxon's p value by Holm's correction, where several pairs are compared; else as it is.</param>
/// <param name="CrossValidation">Corrected resampled t-test; null unless both are cross-validations with the same folds and seeds.</param>
/// <param name="Differences">By patient.</param>
internal sealed record PairedComparison(
    string First, string Second, string Metric, int Patients, int UndefinedPairs, double MeanDifference, Interval? Interval, double? StandardisedDifference,
    WilcoxonSignedRank? Wilcoxon, double? AdjustedPValue, CorrectedResampledTest? CrossValidation, IReadOnlyDictionary<string, double> Differences)
{
    private const int Seed = 1;
    private const double Level = 0.05;

    /// <summary>The comparison in one sentence.</summary>
    [JsonPropertyOrder(-1)]
    public string Sentence
    {
        get
        {
            static string Number(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
            var direction = MeanDifference == 0 ? "the same as" : $"{Number(Math.Abs(MeanDifference))} {(MeanDifference > 0 ? "higher" : "lower")} than";
            var interval = Interval is null ? "" : $"; 95 % interval of the difference {Number(Interval.Low)} to {Number(Interval.High)}";
            var p = AdjustedPValue is { } value ? $"; Wilcoxon p = {value.ToString("G2", CultureInfo.InvariantCulture)}" : "";
            var verdict = AdjustedPValue < Level
                ? "chance alone would rarely give a difference like this"
                : "these patients do not tell the two apart, which does not prove them equal";
            var undefined = UndefinedPairs > 0 ? $" ({UndefinedPairs} cases without a value left out)" : "";
            return $"{Metric} of {Second} is {direction} that of {First} on average over {Patients} patients{undefined}{interval}{p}: {verdict}.";
        }
    }

    /// <summary>Compares every pair of results; the p values of several pairs are corrected together.</summary>
    /// <exception cref="DatasetException">Two results have no case with a value in common.</exception>
    public static IReadOnlyList<PairedComparison> All(IReadOnlyList<ComparedResult> results, string metric)
    {
        var pairs = results.SelectMany((a, n) => results.Skip(n + 1).Select(b => Compare(a, b, metric))).ToList();
        var tested = pairs.Where(p => p.Wilcoxon is not null).ToList();
        var adjusted = HolmCorrection.Adjust([.. tested.Select(p => p.Wilcoxon!.PValue)]);
        return [.. pairs.Select(p => tested.IndexOf(p) is >= 0 and var index ? p with { AdjustedPValue = adjusted[index] } : p)];
    }

    private static PairedComparison Compare(ComparedResult first, ComparedResult second, string metric)
    {
        RefuseOtherCases(first, second);
        var values = first.Cases.ToDictionary(c => c.Id, c => c.Value(metric));
        var differences = second.Cases
            .Select(c => (c.Patient, Difference: c.Value(metric) - values.GetValueOrDefault(c.Id)))
            .Where(c => c.Difference is not null)
            .GroupBy(c => c.Patient, c => c.Difference!.Value)
            .OrderBy(p => p.Key, StringComparer.Ordinal)
            .ToDictionary(p => p.Key, p => p.Average());
        if (differences.Count == 0)
        {
            throw new DatasetException(second.Name, $"no case with a value of {metric} that {first.Name} has too",
                $"the same cases, and one of the metrics {string.Join(", ", second.Cases.SelectMany(c => c.Values.Keys).Distinct().Take(8))}", "Compare results on the same cases; choose with --metric.");
        }

        var list = differences.Values.ToList();
        var mean = list.Average();
        var sigma = list.Count > 1 ? Math.Sqrt(list.Sum(d => (d - mean) * (d - mean)) / (list.Count - 1)) : 0;
        return new(
            first.Name, second.Name, metric, list.Count, second.Cases.Count(c => values.ContainsKey(c.Id) && (c.Value(metric) - values[c.Id]) is null), mean, Bootstrap.OfMean(list, Seed), sigma > 0 ? mean / sigma : null,
            WilcoxonSignedRank.Test(list), null, OverFolds(first, second, metric), differences);
    }

    /// <summary>Cases pair by name; that they are the same scans and masks, only the hashes say: those of the cases, or in older reports that of the data.</summary>
    private static void RefuseOtherCases(ComparedResult first, ComparedResult second)
    {
        var hashes = first.Cases.ToDictionary(c => c.Id, c => c.ContentHash);
        var judged = second.Cases.Select(c => (c.Id, Expected: hashes.GetValueOrDefault(c.Id), Found: c.ContentHash)).Where(c => c.Expected is not null && c.Found is not null).ToList();
        if (judged.FirstOrDefault(c => c.Found != c.Expected) is { Id: { } other })
        {
            throw new DatasetException(second.Name, $"another scan or mask of case {other} than in {first.Name}", "the same in both", "Evaluate both again, with the same --data.");
        }

        if (judged.Count > 0)
        {
            return;
        }

        static (string Kind, string? Hash) Source(ComparedResult side) => side.TestSet is { } test ? ("test set", test.Hash) : ("validation cases of data", side.DataHash);
        var (a, b) = (Source(first), Source(second));
        if (a.Hash is { } expected && b.Hash is { } found && a != b)
        {
            throw new DatasetException(second.Name, $"{b.Kind} {Short(found)}", $"{a.Kind} {Short(expected)} as in {first.Name}",
                "Compare results on the same scans and masks; evaluate both runs again with the same --data.");
        }

        static string Short(string hash) => hash.Length > 16 ? hash[..16] : hash;
    }

    internal static CorrectedResampledTest? OverFolds(ComparedResult first, ComparedResult second, string metric)
    {
        var runs = first.Folds.Join(second.Folds, r => (r.Seed, r.Fold), r => (r.Seed, r.Fold), (a, b) => (A: a, B: b)).ToList();
        bool HaveSameCases((FoldResult A, FoldResult B) run) => run.A.Cases.Select(c => c.Id).ToHashSet(StringComparer.Ordinal).SetEquals(run.B.Cases.Select(c => c.Id));
        if (runs.Count == 0 || runs.Count != first.Folds.Count || runs.Count != second.Folds.Count || !runs.All(HaveSameCases))
        {
            return null;
        }

        // Seeds share the folds, so that they are no resamples of their own: they are averaged first.
        var folds = runs.GroupBy(r => r.A.Fold, r => (
            Difference: r.B.Cases.Join(r.A.Cases, c => c.Id, c => c.Id, (b, a) => b.Value(metric) - a.Value(metric)).Average(), Cases: r.A.Cases.Count)).ToList();
        var sizes = folds.Select(f => (double)f.First().Cases).ToList();
        var share = sizes.Average(size => size / (sizes.Sum() - size));
        return CorrectedResampledTest.Test([.. folds.Select(f => f.Average(r => r.Difference)).OfType<double>()], share);
    }
}
