using Credence.Trainer.Datasets;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>Which cases train and which validate; kept in the run folder as <c>split.json</c>.</summary>
/// <param name="Folds">Number of folds.</param>
/// <param name="Fold">The fold that validates, from 0.</param>
/// <param name="Training">Ids of the training cases.</param>
/// <param name="Validation">Ids of the validation cases.</param>
internal sealed record FoldSplit(int Folds, int Fold, IReadOnlyList<string> Training, IReadOnlyList<string> Validation)
{
    /// <summary>How the cases were split, in words.</summary>
    public string Rule { get; init; } = "not recorded";

    /// <summary>Seed of the folds; null where it was not recorded.</summary>
    public ulong? Seed { get; init; }

    /// <summary>SHA-256 over the voxels of every scan that the network will have seen: of the training cases, and of what the network that it starts from had seen. null where that is not recorded.</summary>
    public IReadOnlyList<string>? SeenScans { get; init; }

    /// <summary>Records which scans the network will have seen.</summary>
    /// <param name="scans">SHA-256 of the scan of each case.</param>
    /// <param name="start">The run or checkpoint that it starts from; null for fresh weights.</param>
    /// <exception cref="DatasetException">The start has seen cases of the validation side, which would be predicted too well, or is not there.</exception>
    public FoldSplit Remember(IReadOnlyDictionary<string, string> scans, string? start)
    {
        var before = start is null ? [] : RunFolder.SeenBy(start)?.ToHashSet(StringComparer.Ordinal);
        var known = Validation.Where(id => before?.Contains(scans[id]) is true).ToList();
        return known.Count > 0
            ? throw new DatasetException(start!, $"a network that has seen {known.Count} of the {Validation.Count} validation cases of fold {Fold}, such as {known[0]}", "one that has seen none of them",
                "Start from a run of the same data, --folds, --fold and --split-seed; `cross-validate --start-from` takes the folder of a cross-validation, of which each network starts from its own.")
            : this with { SeenScans = before is null ? null : [.. before.Union(Training.Select(id => scans[id]), StringComparer.Ordinal).Order(StringComparer.Ordinal)] };
    }

    /// <summary>Refuses options that ask for another fold than this one.</summary>
    /// <param name="options">Of the run that goes on.</param>
    /// <exception cref="DatasetException">Number of folds, fold or seed differ.</exception>
    public void RefuseOther(TrainingOptions options)
    {
        var seed = options.SplitSeed ?? options.Seed;
        if ((options.Folds, options.Fold, Seed is null ? null : seed) != (Folds, Fold, Seed))
        {
            throw new DatasetException(options.Run, FormattableString.Invariant($"a run of fold {Fold} of {Folds}{(Seed is null ? "" : $", split with seed {Seed}")}"),
                FormattableString.Invariant($"fold {options.Fold} of {options.Folds}, split with seed {seed}, as asked for"), "Give the fold and the seeds that the run was started with, or another folder.");
        }
    }

    /// <summary>Splits the cases: patients stay together, and every fold gets its share of small and large lesion loads.</summary>
    /// <remarks>
    /// Patients are ranked by their number of cases, then by their mean log lesion volume, and cut into strata of as many patients as there are folds;
    /// the seed shuffles each stratum. Each patient in turn goes to the fold with the fewest cases and, of these, to the one with the smallest sum of log volumes.
    /// The folds of one seed are disjoint and hold every case.
    /// </remarks>
    /// <param name="dataset">The cases and their patients.</param>
    /// <param name="lesionVolumes">Foreground volume of each case, mL.</param>
    /// <param name="folds">Number of folds.</param>
    /// <param name="fold">The fold that validates, from 0.</param>
    /// <param name="seed">Same seed, same folds.</param>
    /// <exception cref="DatasetException">There are fewer patients than folds.</exception>
    public static FoldSplit Create(Dataset dataset, IReadOnlyDictionary<string, double> lesionVolumes, int folds, int fold, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(folds, 2);
        ArgumentOutOfRangeException.ThrowIfNegative(fold);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(fold, folds);
        double Load(string id) => Math.Log(1 + 1000 * lesionVolumes[id]); // of mm³, so that an empty case has load 0 and a voxel counts
        var patients = dataset.Cases.Select(c => c.Id)
            .GroupBy(id => dataset.Patients[id], StringComparer.Ordinal)
            .Select(p => (Ids: p.ToList(), Load: p.Sum(Load)))
            .OrderByDescending(p => p.Ids.Count).ThenByDescending(p => p.Load).ThenBy(p => p.Ids[0], StringComparer.Ordinal)
            .ToList();
        if (patients.Count < folds)
        {
            throw new DatasetException(dataset.Folder, $"{patients.Count} patients", $"at least one for each of {folds} folds", "Add cases, or give fewer folds with --folds.");
        }

        var random = new Random(PatchSampler.Mix(seed, 2, 0));
        var members = Enumerable.Range(0, folds).Select(_ => new List<string>()).ToArray();
        var loads = new double[folds];
        foreach (var stratum in patients.Chunk(folds))
        {
            random.Shuffle(stratum);
            foreach (var (ids, load) in stratum)
            {
                var target = Enumerable.Range(0, folds).MinBy(f => (members[f].Count, loads[f]));
                members[target].AddRange(ids);
                loads[target] += load;
            }
        }

        return new(
            folds, fold,
            [.. members.Where((_, f) => f != fold).SelectMany(m => m).Order(StringComparer.Ordinal)],
            [.. members[fold].Order(StringComparer.Ordinal)])
        {
            Rule = $"patients together ({dataset.Patients.Rule}), balanced by log lesion volume, seed {seed}",
            Seed = seed,
        };
    }
}
