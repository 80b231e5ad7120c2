using System.Text;
using System.Text.Json;
using Credence.MedicalIO;

namespace Credence.Trainer.Training;

/// <summary>What happened in one step; one line of <c>log.jsonl</c>.</summary>
/// <param name="Step">From 0.</param>
/// <param name="Epoch">From 0.</param>
/// <param name="LearningRate">Of this step.</param>
/// <param name="Loss">What was minimised: data term in its unit + weighted KL.</param>
/// <param name="NegativeLogLikelihood">Cross entropy, nats per voxel.</param>
/// <param name="Kl">Summed over all weights, nats.</param>
/// <param name="KlFactor">What the KL was multiplied by, temper included.</param>
/// <param name="WeightedKl">Kl x KlFactor.</param>
/// <param name="DataGradientNorm">Euclidean norm of the gradient of the data term, before clipping.</param>
/// <param name="KlGradientNorm">Euclidean norm of the gradient of the weighted KL.</param>
/// <param name="GradientCosine">Cosine between the two gradients; null where one is 0.</param>
/// <param name="ForegroundFraction">Share of foreground voxels in the minibatch.</param>
/// <param name="Seconds">Since the start of the run, interruptions not counted.</param>
/// <param name="WaitSeconds">How long the step waited for its minibatch: 0 while sampling keeps up.</param>
/// <param name="StepSeconds">Transfer, forward and backward pass, and optimiser.</param>
/// <param name="CommunicationSeconds">Of the step, with other processes, waiting for them included; 0 where there are none.</param>
internal sealed record StepReport(
    long Step, int Epoch, double LearningRate, double Loss, double NegativeLogLikelihood, double Kl, double KlFactor, double WeightedKl,
    double DataGradientNorm, double KlGradientNorm, double? GradientCosine, double ForegroundFraction, double Seconds,
    double WaitSeconds, double StepSeconds, double CommunicationSeconds);

/// <summary>What an epoch came to; one line of <c>log.jsonl</c>.</summary>
/// <param name="Epoch">From 0.</param>
/// <param name="Step">Steps taken so far.</param>
/// <param name="ValidationDice">Mean foreground Dice over the validation cases, by the deployment code path with the posterior mean.</param>
/// <param name="DiceByClass">Per foreground class, in order; null where no case has the class.</param>
/// <param name="ValidationNegativeLogLikelihood">Cross entropy of the probability maps, nats per voxel, mean over the validation cases.</param>
/// <param name="TrainingLoss">Mean over the epoch.</param>
/// <param name="ForegroundFraction">Share of foreground voxels in the patches of the epoch.</param>
/// <param name="PatchesWithForeground">Share of the patches that hold any foreground voxel.</param>
/// <param name="FirstSeenLoss">Loss, at the end of the epoch, on its first minibatches; null when not measured.</param>
/// <param name="LastSeenLoss">Loss, at the end of the epoch, on its last minibatches; null when not measured.</param>
/// <param name="Layers">Every layer with a kernel.</param>
/// <param name="IsBest">Whether it is the best so far.</param>
/// <param name="Seconds">Since the start of the run, interruptions not counted.</param>
internal sealed record EpochReport(
    int Epoch, long Step, double ValidationDice, IReadOnlyList<double?> DiceByClass, double ValidationNegativeLogLikelihood, double TrainingLoss,
    double ForegroundFraction, double PatchesWithForeground, double? FirstSeenLoss, double? LastSeenLoss, IReadOnlyList<LayerReport> Layers, bool IsBest, double Seconds);

/// <summary>The machine-readable log of a run: one JSON object a line.</summary>
internal sealed class TrainingLog : IDisposable
{
    private readonly StreamWriter writer;

    private TrainingLog(StreamWriter writer) => this.writer = writer;

    /// <summary>Opens the log. What was written after the checkpoint that the run goes on from is dropped: it will be written again.</summary>
    /// <param name="path">File.</param>
    /// <param name="progress">Of the checkpoint.</param>
    public static TrainingLog Open(string path, RunProgress progress)
    {
        if (File.Exists(path))
        {
            OutputFile.WriteText(path, string.Concat(File.ReadLines(path).Where(line => IsBefore(line, progress)).Select(line => line + "\n")));
        }

        return new(new StreamWriter(path, append: true, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)));
    }

    /// <summary>The epochs of a log, in order.</summary>
    public static IReadOnlyList<EpochReport> ReadEpochs(string path) =>
        [.. File.ReadLines(path).Where(IsEpoch).Select(line => JsonSerializer.Deserialize<EpochReport>(line, TrainerJson.Lines)!)];

    /// <summary>The steps of a log that belong to finished epochs, in order; a run that was interrupted may have cut the line of a later one.</summary>
    public static IReadOnlyList<StepReport> ReadSteps(string path)
    {
        var lines = File.ReadAllLines(path);
        return [.. lines.Take(Array.FindLastIndex(lines, IsEpoch) + 1).Where(line => !IsEpoch(line)).Select(line => JsonSerializer.Deserialize<StepReport>(line, TrainerJson.Lines)!)];
    }

    public void Write(StepReport report) => writer.WriteLine(JsonSerializer.Serialize(report, TrainerJson.Lines));

    public void Write(EpochReport report)
    {
        writer.WriteLine(JsonSerializer.Serialize(report, TrainerJson.Lines));
        Flush();
    }

    /// <summary>Writes to the disk what is still in memory: a checkpoint must not be ahead of the log.</summary>
    public void Flush()
    {
        writer.Flush();
        ((FileStream)writer.BaseStream).Flush(flushToDisk: true);
    }

    public void Dispose() => writer.Dispose();

    private static bool IsEpoch(string line) => line.Contains("\"validationDice\"", StringComparison.Ordinal);

    private static bool IsBefore(string line, RunProgress progress)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            // A checkpoint behind the last step of an epoch may lack the epoch's own line, which is then written again.
            return json.RootElement.TryGetProperty("loss", out _)
                ? json.RootElement.GetProperty("step").GetInt64() < progress.Step
                : json.RootElement.GetProperty("epoch").GetInt64() < progress.Epoch;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return false; // the last line of an interrupted run may be cut
        }
    }
}
