using System.Text.Json;
using System.Text.Json.Serialization;
using Credence.Inference;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Batch;

/// <summary>What a batch ran, and how far it came: <c>batch.json</c>, or one a process where several share the work.</summary>
internal sealed record BatchManifest
{
    /// <summary>Program and version.</summary>
    public required string Program { get; init; }

    /// <summary>Name of the model.</summary>
    public required string Model { get; init; }

    /// <summary>SHA-256 of the model file.</summary>
    public required string ModelSha256 { get; init; }

    /// <summary>SHA-256 of the trusted public key that the model is signed with; null where no keys were given, and nothing checked.</summary>
    public string? ModelSigner { get; init; }

    /// <summary>What the model may be used for.</summary>
    public required string IntendedUse { get; init; }

    /// <summary>SHA-256 of the options that change results.</summary>
    public required string OptionsSha256 { get; init; }

    /// <summary>Whether there is a page over all cases.</summary>
    public required bool HasPage { get; init; }

    /// <summary>Which of the processes this is, from 1.</summary>
    public required int Shard { get; init; }

    /// <summary>Number of processes that share the work.</summary>
    public required int Shards { get; init; }

    /// <summary>Cases over all processes; null where that is not known, while a folder is watched.</summary>
    public int? Total { get; init; }

    /// <summary>Cases of this process; null as <see cref="Total"/>.</summary>
    public int? Cases { get; init; }

    /// <summary>Of them, predicted in this run.</summary>
    public int Done { get; init; }

    /// <summary>Of them, predicted before.</summary>
    public int Unchanged { get; init; }

    /// <summary>Of them, not predicted.</summary>
    public int Failed { get; init; }

    /// <summary>When this run began, UTC, ISO 8601.</summary>
    public required string StartedAt { get; init; }

    /// <summary>When it was through with all cases; null until then, so also after an interruption.</summary>
    public string? FinishedAt { get; init; }

    /// <summary>Name of the file of a process.</summary>
    public static string FileOf(Shard shard) => $"batch{shard.Suffix}.json";

    /// <summary>What a run begins with.</summary>
    public static BatchManifest Begin(LesionSegmenter segmenter, string optionsSha256, bool hasPage, Shard shard, int? cases, int? total, TimeProvider clock) => new()
    {
        Program = $"credence-infer {typeof(BatchManifest).Assembly.GetName().Version?.ToString(3)}",
        Model = segmenter.Manifest.Name,
        ModelSha256 = segmenter.ModelSha256,
        ModelSigner = segmenter.ModelSigner,
        IntendedUse = segmenter.Manifest.IntendedUse,
        OptionsSha256 = optionsSha256,
        HasPage = hasPage,
        Shard = shard.Number,
        Shards = shard.Count,
        Total = total,
        Cases = cases,
        StartedAt = Now(clock),
    };

    /// <summary>The present time as the files have it.</summary>
    public static string Now(TimeProvider clock) => clock.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Reads a file; null where there is none, or one that is cut or of another version.</summary>
    public static BatchManifest? Read(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), BatchManifestJson.Default.BatchManifest) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Writes it into the output of the batch.</summary>
    public void Write(string output) =>
        OutputFile.WriteText(Path.Combine(output, FileOf(new(Shard, Shards))), JsonSerializer.Serialize(this, BatchManifestJson.Default.BatchManifest) + "\n");
}

[JsonSerializable(typeof(BatchManifest))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, NewLine = "\n")]
internal sealed partial class BatchManifestJson : JsonSerializerContext;
