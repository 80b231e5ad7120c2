using System.Text.Json;
using System.Text.Json.Serialization;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Planning;

/// <summary>Every decision that follows from the data, written as <c>plan.json</c> for people to read and change.</summary>
internal sealed record TrainingPlan
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "plan.json";

    /// <summary>Name of the data set.</summary>
    public required string Name { get; init; }

    /// <summary>Contrasts, in the order of the network's input.</summary>
    public required IReadOnlyList<ChannelDescription> Channels { get; init; }

    /// <summary>Classes, background first.</summary>
    public required IReadOnlyList<ClassDescription> Classes { get; init; }

    /// <summary>mm between voxel centres, along i, j, k of RAS.</summary>
    public required Vector3D Spacing { get; init; }

    /// <summary>How scans are resampled to <see cref="Spacing"/>.</summary>
    public Interpolation Interpolation { get; init; } = Interpolation.Linear;

    /// <summary>What the network sees of a scan: the smallest box that holds this region.</summary>
    public Region Crop { get; init; } = Region.Whole;

    /// <summary>How intensities are brought to a common scale.</summary>
    public required NormalisationDescription Normalisation { get; init; }

    /// <summary>Size of a training patch in voxels.</summary>
    public required Size3 PatchSize { get; init; }

    /// <summary>Patches a step.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Channels of the network at full resolution.</summary>
    public required int Width { get; init; }

    /// <summary>Stride (D, H, W) from each level of the network to the next.</summary>
    public required IReadOnlyList<IReadOnlyList<long>> Strides { get; init; }

    /// <summary>Kernel edge (D, H, W) at each level.</summary>
    public required IReadOnlyList<IReadOnlyList<long>> Kernels { get; init; }

    /// <summary>Why each value is what it is.</summary>
    public required IReadOnlyDictionary<string, string> Reasons { get; init; }

    /// <summary>Ids of the cases that were measured; null where it was not recorded.</summary>
    public IReadOnlyList<string>? MeasuredCases { get; init; }

    /// <summary>The part of the plan that turns scans into input of the network.</summary>
    [JsonIgnore]
    public PreprocessingRecipe Preprocessing => new(Spacing, Interpolation, Crop, Normalisation);

    /// <summary>Product of all strides: every patch edge is a multiple of it.</summary>
    [JsonIgnore]
    public Size3 Stride => new(
        (int)Strides.Aggregate(1L, (p, s) => p * s[2]), (int)Strides.Aggregate(1L, (p, s) => p * s[1]), (int)Strides.Aggregate(1L, (p, s) => p * s[0]));

    /// <summary>Reads a plan, which a person may have edited.</summary>
    /// <exception cref="DatasetException">The file is not a plan, or its values contradict each other.</exception>
    public static TrainingPlan Read(string path)
    {
        TrainingPlan? plan;
        try
        {
            plan = JsonSerializer.Deserialize<TrainingPlan>(File.ReadAllText(path), TrainerJson.Indented);
        }
        catch (JsonException e)
        {
            throw new DatasetException(path, $"JSON that is not a plan ({e.Message})", "a plan written by `credence-train plan`", "Correct it, or delete it to plan again.", e);
        }

        if (plan is null || plan.Strides.Any(s => s.Count != 3) || plan.Kernels.Count != plan.Strides.Count + 1
            || plan.Kernels.Any(k => k.Count != 3 || k.Any(edge => edge < 1 || edge % 2 == 0)) || plan.Strides.Any(s => s.Any(edge => edge is < 1 or > 8)))
        {
            throw new DatasetException(path, "strides or kernels that are not (D, H, W) triples of sensible numbers",
                "one odd kernel triple a level, one stride triple between levels", "Correct it, or delete it to plan again.");
        }

        if (plan.Preprocessing.Fault() is var (found, expected))
        {
            throw new DatasetException(path, found, expected, "Correct it, or delete it to plan again.");
        }

        var (patch, stride) = (plan.PatchSize, plan.Stride);
        if (plan.BatchSize < 1 || plan.Width < 1 || patch.Width < 1 || patch.Height < 1 || patch.Depth < 1
            || patch.Width % stride.Width != 0 || patch.Height % stride.Height != 0 || patch.Depth % stride.Depth != 0)
        {
            throw new DatasetException(path, $"patch {patch}, batch {plan.BatchSize}, width {plan.Width}", $"positive numbers, the patch a multiple of {stride}", "Correct it, or delete it to plan again.");
        }

        return plan;
    }

    /// <summary>The plan itself, where it is one for a data set.</summary>
    /// <param name="dataset">Whose scans are read in its own order of channels, and its labels by their place among its classes.</param>
    /// <param name="path">The file of the plan, for the error.</param>
    /// <exception cref="DatasetException">It is for other channels or classes: the model file would name what the network has not seen.</exception>
    public TrainingPlan For(Dataset dataset, string path)
    {
        return Channels.SequenceEqual(dataset.Channels) && Classes.SequenceEqual(dataset.Classes)
            ? this
            : throw new DatasetException(path, Dataset.Describe(Channels, Classes), $"{Dataset.Describe(dataset.Channels, dataset.Classes)}, as in {dataset.Folder}", "Delete it to plan again, or describe the data set as it was.");
    }

    /// <summary>Writes the plan as indented JSON.</summary>
    public void Write(string path) => OutputFile.WriteText(path, JsonSerializer.Serialize(this, TrainerJson.Indented));
}
