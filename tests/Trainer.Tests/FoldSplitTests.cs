using System.Text.Json;
using CsCheck;
using Credence.Trainer.Datasets;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

public sealed class FoldSplitTests
{
    [Fact]
    public void Folds_of_one_seed_validate_every_case_once()
    {
        var (dataset, volumes) = Cases(23);
        var splits = Folds(dataset, volumes, 5, seed: 3);

        Assert.Equal(dataset.Cases.Select(c => c.Id).Order(StringComparer.Ordinal), splits.SelectMany(s => s.Validation).Order(StringComparer.Ordinal));
        Assert.All(splits, s => Assert.Empty(s.Training.Intersect(s.Validation)));
        Assert.All(splits, s => Assert.Equal(23, s.Training.Count + s.Validation.Count));
        Assert.All(splits, s => Assert.InRange(s.Validation.Count, 4, 5));
    }

    [Fact]
    public void Same_seed_same_split_and_another_seed_another()
    {
        var (dataset, volumes) = Cases(23);
        Assert.Equal(FoldSplit.Create(dataset, volumes, 5, 2, 3).Validation, FoldSplit.Create(dataset, volumes, 5, 2, 3).Validation);
        Assert.NotEqual(FoldSplit.Create(dataset, volumes, 5, 2, 3).Validation, FoldSplit.Create(dataset, volumes, 5, 2, 4).Validation);
    }

    [Fact]
    public void Fewer_patients_than_folds_are_refused()
    {
        var (dataset, volumes) = Cases(4);
        Assert.Contains("4 patients; expected at least one for each of 5 folds", Assert.Throws<DatasetException>(() => FoldSplit.Create(dataset, volumes, 5, 0, 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_patient_is_on_two_sides() =>
        Gen.Select(Gen.Int[2, 5], Gen.Int[1, 6].Array[6, 15], Gen.UInt).Sample((folds, sizes, seed) =>
        {
            var patients = sizes.SelectMany((size, patient) => Enumerable.Range(0, size).Select(n => (Case: $"case{patient}_{n}", Patient: $"p{patient}"))).ToList();
            var (dataset, volumes) = Cases([.. patients.Select(p => p.Case)], new Random((int)(seed % 1000)));
            dataset = dataset with { Patients = Patients(patients.ToDictionary(p => p.Case, p => p.Patient)) };

            return Folds(dataset, volumes, folds, seed).All(split =>
                !split.Training.Select(c => dataset.Patients[c]).Intersect(split.Validation.Select(c => dataset.Patients[c])).Any()
                && split.Training.Count + split.Validation.Count == patients.Count
                && split.Validation.Count > 0);
        }, iter: 200, seed: "0N0XIzNsQ0O2", threads: 1);

    [Fact]
    public void Folds_differ_less_in_lesion_load_than_random_ones()
    {
        var (balanced, random) = (0.0, 0.0);
        for (var seed = 0; seed < 50; seed++)
        {
            var (dataset, volumes) = Cases([.. Enumerable.Range(0, 30).Select(n => $"case{n:D2}")], new Random(seed));
            double Load(string id) => Math.Log(1 + 1000 * volumes[id]);
            double Spread(IEnumerable<IEnumerable<string>> folds)
            {
                var means = folds.Select(f => f.Average(Load)).ToList();
                return means.Max() - means.Min();
            }

            var shuffled = dataset.Cases.Select(c => c.Id).ToArray();
            new Random(1000 + seed).Shuffle(shuffled);
            balanced += Spread(Folds(dataset, volumes, 5, (ulong)seed).Select(s => s.Validation));
            random += Spread(shuffled.Chunk(6));
        }

        Assert.InRange(balanced / random, 0, 0.4);
    }

    [Fact]
    public void The_rule_is_kept_with_the_split()
    {
        var (dataset, volumes) = Cases(6);
        var json = JsonSerializer.Serialize(FoldSplit.Create(dataset, volumes, 3, 0, 7), TrainerJson.Indented);

        Assert.Equal("patients together (every case a patient), balanced by log lesion volume, seed 7", JsonSerializer.Deserialize<FoldSplit>(json, TrainerJson.Indented)!.Rule);
    }

    private static PatientGroups Patients(Dictionary<string, string> map) => PatientGroups.Read(
        new() { ["patients"] = JsonSerializer.SerializeToNode(map) }, "dataset.json", [.. map.Keys]);

    private static List<FoldSplit> Folds(Dataset dataset, Dictionary<string, double> volumes, int folds, ulong seed) =>
        [.. Enumerable.Range(0, folds).Select(fold => FoldSplit.Create(dataset, volumes, folds, fold, seed))];

    private static (Dataset, Dictionary<string, double>) Cases(int count) => Cases([.. Enumerable.Range(0, count).Select(n => $"case{n:D2}")], new Random(count));

    /// <summary>Cases with log-normal lesion volumes, some of them without a lesion.</summary>
    private static (Dataset Dataset, Dictionary<string, double> Volumes) Cases(IReadOnlyList<string> ids, Random random) => (
        new("data", "test", [new("MRI")], [new(0, "background"), new(1, "lesion")], [.. ids.Select(id => new CaseFiles(id, ["image"], "mask"))], []),
        ids.ToDictionary(id => id, _ => random.NextDouble() < 0.1 ? 0 : Math.Exp(6 * random.NextDouble() - 3)));
}
