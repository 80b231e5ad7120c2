using Credence.Inference;
using Credence.Trainer.Datasets;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Evaluation;

public sealed class EnsembleTests
{
    /// <summary>Oracle: three members one by one, and scipy's definition of the entropy of their mean: -sum p ln p, in float64.</summary>
    [Fact]
    public void An_ensemble_says_the_mean_of_its_members_and_the_entropy_of_that_mean()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        string[] runs = [.. Enumerable.Range(1, 3).Select(n => folder.File($"run{n}"))];
        foreach (var (run, n) in runs.Select((run, n) => (run, n)))
        {
            TrainingLoop.Fit(
                new() { Data = data.Path, Run = run, Epochs = 1, StepsPerEpoch = 8, Width = 4, BatchSize = 2, Folds = 2, SplitSeed = 1, Seed = (ulong)n + 1, LearningRate = 1e-2, Device = "cpu" },
                new SilentObserver(), TimeProvider.System, CancellationToken.None);
        }

        var dataset = Dataset.Open(data.Path);
        var @case = CaseReader.Read(dataset, dataset.Cases[0]);
        using var ensemble = Ensemble.Load(runs, CheckpointChoice.Last, TorchSharp.torch.CPU);
        var said = ensemble.Predict(@case, new() { Samples = 1 }, CancellationToken.None);

        var alone = runs.Select(run =>
        {
            using var member = TrainedMember.Load(run, CheckpointChoice.Last, TorchSharp.torch.CPU);
            return member.Predict(@case, new() { Samples = 1 }, CancellationToken.None).Probabilities.Single().Voxels;
        }).ToList();
        var mean = Enumerable.Range(0, alone[0].Length).Select(v => alone.Average(m => (double)m[v])).ToList();
        var map = Assert.Single(said.Probabilities).Voxels;
        Assert.Contains(Enumerable.Range(0, mean.Count), v => alone.Max(m => m[v]) - alone.Min(m => m[v]) > 0.01); // the members differ
        Assert.All(mean.Index(), p => Assert.Equal(p.Item, map[p.Index], tolerance: 1e-6));
        Assert.All(mean.Index(), p => Assert.Equal(
            p.Item is 0 or 1 ? 0 : -p.Item * Math.Log(p.Item) - (1 - p.Item) * Math.Log(1 - p.Item), said.PredictiveEntropy.Voxels[p.Index], tolerance: 1e-5));
        Assert.Equal(mean.Select(p => (byte)(p > 0.5 ? 1 : 0)), said.Segmentation.Labels);
    }
}
