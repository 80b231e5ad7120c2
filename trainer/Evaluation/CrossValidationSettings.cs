using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Credence.Inference.Metrics;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;
using Credence.Trainer.Training;

namespace Credence.Trainer.Evaluation;

/// <summary>What all networks of a cross-validation or a sweep share; kept as <c>settings.json</c>, so that one report never mixes two settings.</summary>
/// <param name="Data">Folder with the data set.</param>
/// <param name="DataHash">SHA-256 over its training cases.</param>
/// <param name="Samples">Monte Carlo samples of the out-of-fold predictions.</param>
/// <param name="Options">How the networks are trained; data, run, fold, seed, device, threads and workers are not part of it.</param>
internal sealed record CrossValidationSettings(string Data, string DataHash, int Samples, TrainingOptions Options)
{
    private const string FileName = "settings.json";

    /// <summary>The rules of the metrics, where they are not the default.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] // the hashes of jobs with the default stay what they were
    public EvaluationOptions? Rules { get; init; }

    /// <summary>Takes what is shared out of the options.</summary>
    public static CrossValidationSettings Of(string data, string dataHash, int samples, TrainingOptions options) => new(data, dataHash, samples, options with
    {
        Data = "",
        Run = "",
        Fold = 0,
        Seed = 0,
        Device = "auto",
        Threads = 0,
        SamplingWorkers = 1,
        TestLock = null,
    });

    /// <summary>Identifies a job of these settings, judged by its last weights; the data count by their hash, not by their place.</summary>
    public string JobHash(CrossValidationJob job) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(this with { Data = "" }, TrainerJson.Lines) + job.Name + CheckpointChoice.Last)));

    /// <summary>Writes the settings into a new folder, or compares them with those that are there.</summary>
    /// <exception cref="DatasetException">The folder belongs to other settings; the error names each difference.</exception>
    public void Claim(string folder)
    {
        if (File.Exists(Path.Combine(folder, FileName)))
        {
            var earlier = Read(folder);
            var differences = Differences("", Node(earlier), Node(this)).ToList();
            if (differences.Count > 0)
            {
                throw new DatasetException(folder, $"results with other settings: {string.Join("; ", differences)}", "the same options and data",
                    "Give the options it was started with, or another folder with --out.");
            }
        }

        Directory.CreateDirectory(folder);
        OutputFile.WriteText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, TrainerJson.Indented) + "\n");
    }

    /// <summary>Reads the settings of a cross-validation.</summary>
    /// <exception cref="DatasetException">The folder holds none.</exception>
    public static CrossValidationSettings Read(string folder) =>
        TrainerJson.Read<CrossValidationSettings>(Path.Combine(folder, FileName), "settings", "a folder of `credence-train cross-validate` or `elbo`", "Check the path.");

    private static JsonNode? Node(CrossValidationSettings settings) => JsonSerializer.SerializeToNode(settings with { Data = "" }, TrainerJson.Indented);

    private static IEnumerable<string> Differences(string name, JsonNode? earlier, JsonNode? now)
    {
        if (earlier is JsonObject a && now is JsonObject b)
        {
            return a.Select(p => p.Key).Union(b.Select(p => p.Key)).SelectMany(key => Differences(name.Length == 0 ? key : $"{name}.{key}", a[key], b[key]));
        }

        return JsonNode.DeepEquals(earlier, now) ? [] : [$"{name} was {earlier?.ToJsonString() ?? "null"}, now {now?.ToJsonString() ?? "null"}"];
    }
}
