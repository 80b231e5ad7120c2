using System.Text.Json;
using Credence.Inference.Model;
using Credence.Models.Checkpoints;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Training;

/// <summary>Refuses to go on with a run whose data or plan have changed: the weights would be of two different tasks.</summary>
internal static class ResumeCheck
{
    /// <summary>Compares the data with those of the checkpoint.</summary>
    /// <param name="checkpoint">The last checkpoint of the run.</param>
    /// <param name="data">Folder of the data set, for the error.</param>
    /// <param name="dataHash">Of the data that are there.</param>
    /// <exception cref="DatasetException">They are others.</exception>
    public static void RefuseOtherData(Checkpoint checkpoint, string data, string dataHash)
    {
        if (Manifest(checkpoint)?.Provenance.DataHash is { } trained && trained != dataHash)
        {
            throw new DatasetException(data, $"data {dataHash[..16]}", $"data {trained[..16]}, on which {checkpoint.Path} was trained",
                "Restore the scans and masks, or start a run of its own in another folder.");
        }
    }

    /// <summary>Compares the plan with that of the checkpoint.</summary>
    /// <param name="checkpoint">The last checkpoint of the run.</param>
    /// <param name="options">Of the run that goes on.</param>
    /// <param name="path">The file of the plan, for the error.</param>
    /// <param name="plan">The plan that is there, with the overrides of the options.</param>
    /// <exception cref="DatasetException">It is another; the error names each difference.</exception>
    public static void RefuseOtherPlan(Checkpoint checkpoint, TrainingOptions options, string path, TrainingPlan plan)
    {
        if (Manifest(checkpoint) is not { } trained)
        {
            return;
        }

        var network = checkpoint.Network;
        var differences = Differences(
        [
            .. Input(plan, trained), ("patchSize", plan.PatchSize, trained.PatchSize),
            ("examples an epoch", (long)options.StepsPerEpoch * plan.BatchSize, trained.Provenance.ExamplesPerEpoch),
            ("width", (long)plan.Width, (long)network.Width), ("strides", Text(plan.Strides), Text(network.Strides)), ("kernels", Text(plan.Kernels), Text(network.Kernels)),
            ("classes", Text(plan.Classes), Text(trained.Classes)),
        ]);
        if (differences.Count > 0)
        {
            throw new DatasetException(path, string.Join("; ", differences), $"the plan of {checkpoint.Path}", "Restore the plan, or start a run of its own in another folder.");
        }
    }

    /// <summary>Compares what a network sees of a scan with what the one that it starts from saw.</summary>
    /// <param name="start">The checkpoint that it starts from.</param>
    /// <param name="plan">Of the network that begins.</param>
    /// <returns>The differences in words; empty where there are none, or where the checkpoint does not say.</returns>
    /// <exception cref="ModelFileException">The same channels stand in another order: each would meet the weights of another.</exception>
    public static IReadOnlyList<string> OtherInput(Checkpoint start, TrainingPlan plan)
    {
        if (Manifest(start) is not { } trained)
        {
            return [];
        }

        var (now, before) = (plan.Channels.Select(c => c.Name).ToList(), trained.Channels.Select(c => c.Name).ToList());
        return !now.SequenceEqual(before) && now.Order(StringComparer.Ordinal).SequenceEqual(before.Order(StringComparer.Ordinal))
            ? throw new ModelFileException(start.Path, $"channels in the order {string.Join(", ", before)}", string.Join(", ", now), $"List the channels in {Dataset.DescriptionFile} in the order of the start.")
            : Differences(Input(plan, trained));
    }

    private static IEnumerable<(string Name, object Found, object Expected)> Input(TrainingPlan plan, ModelManifest trained) =>
    [
        ("channels", Text(plan.Channels), Text(trained.Channels)), ("spacing", plan.Spacing, trained.Spacing), ("interpolation", plan.Interpolation, trained.Interpolation),
        ("crop", plan.Crop, trained.Crop), ("normalisation", plan.Normalisation, trained.Normalisation),
    ];

    private static List<string> Differences(IEnumerable<(string Name, object Found, object Expected)> values) =>
        [.. values.Where(v => !v.Found.Equals(v.Expected)).Select(v => FormattableString.Invariant($"{v.Name} {v.Found} instead of {v.Expected}"))];

    private static string Text<T>(T value) => JsonSerializer.Serialize(value, TrainerJson.Lines);

    private static ModelManifest? Manifest(Checkpoint checkpoint)
    {
        try
        {
            return checkpoint.Metadata.TryGetValue(ModelManifest.MetadataKey, out var text) ? JsonSerializer.Deserialize(text, ManifestJson.Default.ModelManifest) : null;
        }
        catch (JsonException e)
        {
            throw new ModelFileException(checkpoint.Path, $"a manifest that cannot be read ({e.Message})", "a checkpoint of this version of credence-train", "Train the run again.", e);
        }
    }
}
