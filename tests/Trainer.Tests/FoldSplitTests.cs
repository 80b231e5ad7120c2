using Credence.Trainer.Datasets;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

public sealed class FoldSplitTests
{
    [Fact]
    public void Folds_of_one_seed_validate_every_case_once()
    {
        var dataset = Dataset(23);
        var splits = Enumerable.Range(0, 5).Select(fold => FoldSplit.Create(dataset, 5, fold, seed: 3)).ToList();

        Assert.Equal(dataset.Cases.Select(c => c.Id).Order(StringComparer.Ordinal), splits.SelectMany(s => s.Validation).Order(StringComparer.Ordinal));
        Assert.All(splits, s => Assert.Empty(s.Training.Intersect(s.Validation)));
        Assert.All(splits, s => Assert.Equal(23, s.Training.Count + s.Validation.Count));
        Assert.All(splits, s => Assert.InRange(s.Validation.Count, 4, 5));
    }

    [Fact]
    public void Same_seed_same_split_and_another_seed_another()
    {
        Assert.Equal(FoldSplit.Create(Dataset(23), 5, 2, 3).Validation, FoldSplit.Create(Dataset(23), 5, 2, 3).Validation);
        Assert.NotEqual(FoldSplit.Create(Dataset(23), 5, 2, 3).Validation, FoldSplit.Create(Dataset(23), 5, 2, 4).Validation);
    }

    [Fact]
    public void Fewer_cases_than_folds_are_refused() =>
        Assert.Contains("4 cases; expected at least one for each of 5 folds", Assert.Throws<DatasetException>(() => FoldSplit.Create(Dataset(4), 5, 0, 1)).Message, StringComparison.Ordinal);

    private static Dataset Dataset(int cases) => new("data", "test", [new("MRI")], [new(0, "background"), new(1, "lesion")],
        [.. Enumerable.Range(0, cases).Select(n => new CaseFiles($"case{n:D2}", ["image"], "mask"))], []);
}
