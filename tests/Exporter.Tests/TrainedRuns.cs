using Credence.Inference.Model;
using Credence.Models;

namespace Credence.Exporter.Tests;

/// <summary>Runs of one architecture with different seeds: an ensemble to be.</summary>
internal sealed class TrainedRuns : IDisposable
{
    public TrainedRuns(int count, NetworkOptions options, Func<ModelManifest, ModelManifest>? change = null, Action<Network>? weights = null) =>
        Runs = [.. Enumerable.Range(0, count).Select(n => new TrainedRun(options, change, weights: weights, seed: 10 + (ulong)n))];

    public IReadOnlyList<TrainedRun> Runs { get; }

    public IReadOnlyList<string> Folders => [.. Runs.Select(r => r.Folder)];

    public string Output => Runs[0].Output;

    public ExportOptions Options => new() { Runs = Folders, Output = Output };

    public void Dispose()
    {
        foreach (var run in Runs)
        {
            run.Dispose();
        }
    }
}
