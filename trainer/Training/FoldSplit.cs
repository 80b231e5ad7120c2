using Credence.Trainer.Datasets;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>Which cases train and which validate; kept in the run folder as <c>split.json</c>.</summary>
/// <param name="Folds">Number of folds.</param>
/// <param name="Fold">The fold that validates, from 0.</param>
/// <param name="Training">Ids of the training cases.</param>
/// <param name="Validation">Ids of the validation cases.</param>
public sealed record FoldSplit(int Folds, int Fold, IReadOnlyList<string> Training, IReadOnlyList<string> Validation)
{
    /// <summary>Splits the cases: shuffled by the seed, then dealt out in turn, so that the folds of one seed never overlap.</summary>
    /// <exception cref="DatasetException">There are fewer cases than folds.</exception>
    public static FoldSplit Create(Dataset dataset, int folds, int fold, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(folds, 2);
        ArgumentOutOfRangeException.ThrowIfNegative(fold);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(fold, folds);
        if (dataset.Cases.Count < folds)
        {
            throw new DatasetException(dataset.Folder, $"{dataset.Cases.Count} cases", $"at least one for each of {folds} folds", "Add cases, or give fewer folds with --folds.");
        }

        var ids = dataset.Cases.Select(c => c.Id).ToArray();
        new Random(PatchSampler.Mix(seed, 2, 0)).Shuffle(ids);
        var isValidation = ids.Select((id, n) => (id, n % folds == fold)).ToLookup(p => p.Item2, p => p.id);
        return new(folds, fold, [.. isValidation[false].Order(StringComparer.Ordinal)], [.. isValidation[true].Order(StringComparer.Ordinal)]);
    }
}
