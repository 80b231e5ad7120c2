using Credence.Exporter;
using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.Models.Checkpoints;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Evaluation;

public sealed class RunEvaluationTests
{
    [Fact]
    public void The_last_weights_are_judged_without_the_best_and_the_report_says_what_the_cases_decided()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        Fit(Options(data, folder.Path) with { Epochs = 2, Patience = 5 });

        var best = Evaluate(data, folder.Path, CheckpointChoice.Best);
        var last = Evaluate(data, folder.Path, CheckpointChoice.Last);
        File.Delete(folder.File("best.safetensors"));

        Assert.Equal((EmptyCasePolicy.Undefined, MatchingRule.OneToOne, 1.0), (last.Rules!.EmptyCases, last.Rules.Lesions.Matching, last.Rules.SurfaceTolerance));
        Assert.Contains("\"surfaceTolerance\": 1", File.ReadAllText(folder.File("evaluation/evaluation.json")), StringComparison.Ordinal);
        Assert.StartsWith("the epoch of the weights was chosen on these cases", best.Selection, StringComparison.Ordinal);
        Assert.StartsWith("the end of training was chosen on these cases (--patience)", last.Selection, StringComparison.Ordinal);
        Assert.Equal((CheckpointChoice.Best, CheckpointChoice.Last), (best.Checkpoint, last.Checkpoint));
        Assert.Equal(last.Cases.SelectMany(c => c.Values), Evaluate(data, folder.Path, CheckpointChoice.Last).Cases.SelectMany(c => c.Values));
    }

    /// <summary>After one epoch both checkpoints hold the averages; the last one has the weights in training beside them.</summary>
    [Fact]
    public void The_last_weights_of_a_run_with_an_average_are_the_averaged_ones()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        Fit(Options(data, folder.Path) with { AverageDecay = 0.9, LearningRate = 0.05, StepsPerEpoch = 8 });

        Assert.Equal(
            Evaluate(data, folder.Path, CheckpointChoice.Best).Cases.SelectMany(c => c.Values), Evaluate(data, folder.Path, CheckpointChoice.Last).Cases.SelectMany(c => c.Values));
    }

    [Fact]
    public void The_exported_last_weights_of_a_run_with_an_average_are_the_averaged_ones()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        Fit(Options(data, folder.Path) with { AverageDecay = 0.9, LearningRate = 0.05, StepsPerEpoch = 8 });
        IReadOnlyList<float> Export(string checkpoint)
        {
            OnnxExport.Export(new() { Runs = [folder.File(checkpoint)], Output = folder.File("model.onnx") });
            return ModelFile.Load(folder.File("model.onnx")).Manifest.SelfTest!.DefaultLogits;
        }

        Assert.Equal(Export("best.safetensors"), Export("last.safetensors"));
        using var last = Checkpoint.Load(folder.File("last.safetensors"));
        Assert.Contains(last.Tensors.Keys, k => k.StartsWith("network/", StringComparison.Ordinal) && last.Tensors[k].not_equal(last.Tensors[$"training/{k[8..]}"]).any().item<bool>());
    }

    private static TrainingOptions Options(SmallDataset data, string run) =>
        new() { Data = data.Path, Run = run, Epochs = 1, StepsPerEpoch = 3, Width = 4, BatchSize = 2, Folds = 2, Device = "cpu" };

    private static void Fit(TrainingOptions options) => TrainingLoop.Fit(options, new SilentObserver(), TimeProvider.System, CancellationToken.None);

    private static EvaluationReport Evaluate(SmallDataset data, string run, CheckpointChoice checkpoint) => RunEvaluation.Run(
        new() { Runs = [run], Data = data.Path, Output = Path.Combine(run, "evaluation"), Checkpoint = checkpoint, Device = "cpu" }, _ => { }, TimeProvider.System, CancellationToken.None);
}
