using System.Text.Json;
using System.Text.Json.Serialization;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Evaluation;

/// <summary>All networks of a cross-validation, and how many processes share them; kept as <c>jobs.json</c>, so that whoever merges knows what is missing.</summary>
/// <param name="Seeds">Every fold is trained once with each.</param>
/// <param name="Folds">Number of folds.</param>
/// <param name="Shards">Number of processes.</param>
internal sealed record CrossValidationJobs(IReadOnlyList<ulong> Seeds, int Folds, int Shards)
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "jobs.json";

    /// <summary>Seed by seed, fold by fold.</summary>
    [JsonIgnore]
    public IReadOnlyList<CrossValidationJob> All => [.. Seeds.SelectMany(seed => Enumerable.Range(0, Folds).Select(fold => new CrossValidationJob(seed, fold)))];

    /// <summary>Writes them into the folder of the cross-validation; each process writes the same.</summary>
    public void Write(string folder) => OutputFile.WriteText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, TrainerJson.Indented) + "\n");

    /// <summary>Seeds that a folder has been asked for last; none where there is no list yet.</summary>
    public static IReadOnlyList<ulong> SeedsIn(string folder) => File.Exists(Path.Combine(folder, FileName)) ? Read(folder).Seeds : [];

    /// <summary>Reads those of a folder.</summary>
    /// <exception cref="DatasetException">There are none, or they cannot be read.</exception>
    public static CrossValidationJobs Read(string folder) =>
        TrainerJson.Read<CrossValidationJobs>(Path.Combine(folder, FileName), "list of networks", "a folder of `credence-train cross-validate`", "Check the path, or run cross-validate there once more.");

    /// <summary>The shard that a job belongs to.</summary>
    public Shard ShardOf(CrossValidationJob job) => new Shard(1, Shards).All.First(s => s.Select(All).Contains(job));
}
