using System.Text.Json;
using Credence.Inference.Metrics;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Evaluation;

/// <summary>The cases that an evaluation looks at.</summary>
internal enum EvaluationSplit
{
    /// <summary>Those that validate in every run given.</summary>
    Validation,

    /// <summary>The held-out test set; counted in its lock.</summary>
    Test,
}

/// <summary>Which test set was looked at.</summary>
/// <param name="Hash">Its content.</param>
/// <param name="Lock">The record of all looks.</param>
/// <param name="Looks">How often it had been looked at, this time included.</param>
internal sealed record TestSetUse(string Hash, string Lock, int Looks)
{
    /// <inheritdoc/>
    public override string ToString() => $"this test set has been looked at {Looks} {(Looks == 1 ? "time" : "times")}";
}

/// <summary>How runs do on a data set; kept as <c>evaluation.json</c>.</summary>
internal sealed record EvaluationReport
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "evaluation.json";

    /// <summary>Program and version.</summary>
    public required string Program { get; init; }

    /// <summary>Folder with the data set.</summary>
    public required string Data { get; init; }

    /// <summary>Which of its cases.</summary>
    public required EvaluationSplit Split { get; init; }

    /// <summary>The runs; several are averaged as an ensemble.</summary>
    public required IReadOnlyList<string> Runs { get; init; }

    /// <summary>Which weights of each run.</summary>
    public CheckpointChoice Checkpoint { get; init; }

    /// <summary>What of the weights was decided on the cases that are judged; null for nothing.</summary>
    public string? Selection { get; init; }

    /// <summary>Monte Carlo samples a member.</summary>
    public required int Samples { get; init; }

    /// <summary>Seed of the samples.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Data hash of the training cases, from the first run.</summary>
    public required string DataHash { get; init; }

    /// <summary>The test set; null for validation cases.</summary>
    public TestSetUse? TestSet { get; init; }

    /// <summary>How often the test set had been looked at when this was written, whatever was judged; empty in reports that did not record it.</summary>
    public string TestSetLock { get; init; } = "";

    /// <summary>In a cross-validation, what was asked for: a hash of settings, data, seed and fold.</summary>
    public string? Job { get; init; }

    /// <summary>The rules of the metrics; null in reports that did not record them.</summary>
    public EvaluationOptions? Rules { get; init; }

    /// <summary>Per metric, over patients.</summary>
    public required IReadOnlyList<PatientSummary> Summary { get; init; }

    /// <summary>Per case.</summary>
    public required IReadOnlyList<CaseResult> Cases { get; init; }

    /// <summary>Writes the report into a folder.</summary>
    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        OutputFile.WriteText(Path.Combine(folder, FileName), JsonSerializer.Serialize(this, TrainerJson.Indented) + "\n");
    }

    /// <summary>Reads the report of a folder.</summary>
    /// <exception cref="DatasetException">There is none, or it cannot be read.</exception>
    public static EvaluationReport Read(string folder) =>
        TrainerJson.Read<EvaluationReport>(Path.Combine(folder, FileName), "report", "what `credence-train evaluate` writes", "Evaluate the run again.");
}
