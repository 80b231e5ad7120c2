using System.Text.Json;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Checkpoints;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Training;

/// <summary>The files of one run.</summary>
/// <param name="path">The folder.</param>
/// <param name="isWriter">Whether this process writes: of those that train together, one does. In the others, everything that writes does nothing.</param>
internal sealed class RunFolder(string path, bool isWriter = true)
{
    /// <summary>Metadata of a checkpoint: how far the run has come.</summary>
    public const string ProgressKey = "credence.progress";

    /// <summary>Tensor of a checkpoint: state of the optimiser, as bytes.</summary>
    public const string OptimiserKey = "optimiser/state";

    /// <summary>The newest weights, with everything needed to go on.</summary>
    public string LastCheckpoint => Path.Combine(path, "last.safetensors");

    /// <summary>The weights of the best epoch, by <c>--select</c>.</summary>
    public string BestCheckpoint => Path.Combine(path, "best.safetensors");

    /// <summary>One JSON object a step and an epoch.</summary>
    public string Log => Path.Combine(path, "log.jsonl");

    /// <summary>What the scans look like.</summary>
    public string Fingerprint => Path.Combine(path, "fingerprint.json");

    /// <summary>Decisions that follow from the data.</summary>
    public string Plan => Path.Combine(path, TrainingPlan.FileName);

    private string Claimed => Path.Combine(path, ".lock");

    private string Options => Path.Combine(path, "options.json");

    private string Warnings => Path.Combine(path, "warnings.json");

    private string Split => Path.Combine(path, "split.json");

    /// <summary>Makes this process the only one that writes the run, until the result is disposed or the process ends, in whatever way.</summary>
    /// <exception cref="DatasetException">Another process writes the run.</exception>
    public IDisposable? Claim()
    {
        if (!isWriter)
        {
            return null;
        }

        Directory.CreateDirectory(path);
        var claim = OutputFile.TryClaim(Claimed)
            ?? throw new DatasetException(path, "a run that another process is writing", "a folder that nothing else writes", "Wait until it ends, or give another folder with --out.");
        foreach (var unfinished in Directory.GetFiles(path, "*.part"))
        {
            File.Delete(unfinished); // of a process that was killed while it wrote
        }

        return claim;
    }

    /// <summary>Refuses a folder that already holds a run, so that none is overwritten by accident.</summary>
    public void RefuseExistingRun()
    {
        if (File.Exists(LastCheckpoint))
        {
            throw new DatasetException(path, "a run with a checkpoint", "a new or empty folder", "Go on with --resume, or give another folder with --out.");
        }
    }

    /// <summary>Reads the options that the run was started with.</summary>
    /// <exception cref="DatasetException">There are none, or one of them is not possible any more.</exception>
    public TrainingOptions ReadOptions() =>
        TrainerJson.Read<TrainingOptions>(Options, "options", "a run that was started with `credence-train fit`", "Start the run without --resume.");

    /// <summary>Reads the split that the run was started with.</summary>
    /// <exception cref="DatasetException">There is none, or the data set holds other cases now.</exception>
    public FoldSplit ReadSplit(Dataset dataset)
    {
        var split = TrainerJson.Read<FoldSplit>(Split, "split", "a run that was started with `credence-train fit`", "Start the run without --resume.");
        var cases = split.Training.Concat(split.Validation).ToHashSet(StringComparer.Ordinal);
        var changed = dataset.Cases.Select(c => c.Id).ToHashSet(StringComparer.Ordinal);
        changed.SymmetricExceptWith(cases);
        return changed.Order(StringComparer.Ordinal).FirstOrDefault() is { } other
            ? throw new DatasetException(Split, $"a split in which case {other} is {(cases.Contains(other) ? "listed" : "missing")}", $"the cases of {dataset.Folder}",
                "The data set has changed since the run was started; start a run of its own.")
            : split;
    }

    /// <summary>Writes what the run consists of beside its plan, for people and for <see cref="ReadOptions"/>.</summary>
    public void Write(TrainingOptions options, FoldSplit split)
    {
        Write(Split, split);
        Write(Options, options);
    }

    /// <summary>Writes the plan.</summary>
    public void Write(TrainingPlan plan)
    {
        if (isWriter)
        {
            Directory.CreateDirectory(path);
            plan.Write(Plan);
        }
    }

    /// <summary>Writes the fingerprint.</summary>
    public void Write(TrainingFingerprint fingerprint) => Write(Fingerprint, fingerprint);

    /// <summary>Writes what the run warned about.</summary>
    public void Write(IReadOnlyList<string> warnings) => Write(Warnings, warnings, end: "\n");

    /// <summary>What the run warned about, in order; null for a run that kept no record.</summary>
    public IReadOnlyList<string>? ReadWarnings()
    {
        try
        {
            return File.Exists(Warnings) ? JsonSerializer.Deserialize<List<string>>(File.ReadAllText(Warnings), TrainerJson.Indented) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Builds the network of a run that begins: with fresh weights, or with those it starts from, whose take-over is written to <c>start.json</c>.</summary>
    /// <param name="options">Of the run.</param>
    /// <param name="network">Shape and kind.</param>
    /// <param name="plan">What it will see.</param>
    /// <param name="generator">Source of fresh weights.</param>
    /// <param name="warn">Told what was not taken over, and what the start saw otherwise.</param>
    /// <exception cref="DatasetException">The network to start from is not there, or the options contradict each other.</exception>
    /// <exception cref="ModelFileException">It cannot be read, or does not fit.</exception>
    public Network StartNetwork(TrainingOptions options, NetworkOptions network, TrainingPlan plan, Generator generator, Action<string> warn)
    {
        Network built;
        try
        {
            built = Network.Build(network, generator);
        }
        catch (ArgumentException e)
        {
            throw new DatasetException(path, $"network options that contradict each other ({e.Message})", "options of one network", "Change the options.", e);
        }

        if (options.StartFrom is not { } start)
        {
            return built;
        }

        try
        {
            using var checkpoint = Checkpoint.Load(FindCheckpoint(start));
            var differences = ResumeCheck.OtherInput(checkpoint, plan);
            if (differences.Count > 0)
            {
                warn($"{start} was trained on another input: {string.Join("; ", differences)}.");
            }

            var report = NetworkStart.Apply(built, checkpoint, options.MopedDelta);
            Write(Path.Combine(path, "start.json"), report);
            if (report.Fresh.Count + report.Unused.Count > 0)
            {
                warn($"of {start}, {report.Unused.Count} tensors were not used, and {report.Fresh.Count} of the network are fresh; start.json names them.");
            }

            if (options.MopedDelta != new TrainingOptions { Data = "", Run = "" }.MopedDelta && report.MadeGaussian.Count == 0)
            {
                warn($"--moped-delta has no effect: {start} has Gaussian weights where this network has, and their sigmas were taken over.");
            }

            return built;
        }
        catch (Exception e)
        {
            built.Dispose();
            if (e is CheckpointException unfit)
            {
                throw new ModelFileException(unfit.Path, unfit.Found, unfit.Expected, unfit.Remedy, unfit);
            }

            throw;
        }
    }

    /// <summary>What a run needs beside the weights to go on: its progress, and the state of its optimiser.</summary>
    /// <exception cref="CheckpointException">The checkpoint lacks them.</exception>
    public static (RunProgress Progress, Tensor OptimiserState) ReadState(Checkpoint checkpoint)
    {
        RunProgress? progress = null;
        try
        {
            progress = checkpoint.Metadata.TryGetValue(ProgressKey, out var text) ? JsonSerializer.Deserialize<RunProgress>(text, TrainerJson.Indented) : null;
        }
        catch (JsonException)
        {
            // the same as none
        }

        return progress is not null && checkpoint.Tensors.TryGetValue(OptimiserKey, out var state)
            ? (progress, state)
            : throw new CheckpointException(checkpoint.Path, $"no readable \"{ProgressKey}\" or no \"{OptimiserKey}\"", "the last checkpoint of a run",
                "Only last.safetensors can be resumed; start the run again in a new folder.");
    }

    /// <summary>Writes a checkpoint.</summary>
    public void Save(string file, Network network, ModelManifest manifest, RunProgress progress, IReadOnlyDictionary<string, Tensor> tensors)
    {
        if (isWriter)
        {
            Checkpoint.Save(file, network, tensors, new Dictionary<string, string>
            {
                [ModelManifest.MetadataKey] = JsonSerializer.Serialize(manifest, ManifestJson.Default.ModelManifest),
                [ProgressKey] = JsonSerializer.Serialize(progress, TrainerJson.Indented),
            });
            OutputFile.FlushFolder(path);
        }
    }

    private void Write<T>(string file, T content, string end = "")
    {
        if (isWriter)
        {
            Directory.CreateDirectory(path);
            OutputFile.WriteText(file, JsonSerializer.Serialize(content, TrainerJson.Indented) + end);
        }
    }

    /// <summary>The scans that a network has seen, as <see cref="FoldSplit.SeenScans"/>; null where that is not recorded beside it.</summary>
    /// <param name="start">A run, or one of its checkpoints.</param>
    /// <exception cref="DatasetException">There is no checkpoint, or the record cannot be read.</exception>
    public static IReadOnlyList<string>? SeenBy(string start)
    {
        var split = new RunFolder(Path.GetDirectoryName(Path.GetFullPath(FindCheckpoint(start)))!).Split;
        return File.Exists(split) ? TrainerJson.Read<FoldSplit>(split, "split", "that of a run of `credence-train`", "Restore it, or give another start.").SeenScans : null;
    }

    /// <summary>The file itself, or the last weights of a run: its best epoch was chosen on cases that may validate here too.</summary>
    private static string FindCheckpoint(string start) => new[] { start, new RunFolder(start).LastCheckpoint }.FirstOrDefault(File.Exists)
        ?? throw new DatasetException(start, "no last.safetensors", "the folder of a run, or a checkpoint", "Check --start-from; of a cross-validation, give one of its runs, such as seed-1-fold-0.");
}
