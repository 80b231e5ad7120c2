using Credence.Inference;
using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.Trainer.Distributed;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Training;

/// <summary>How a network does on the validation cases.</summary>
/// <param name="MeanDice">Mean over foreground classes of the mean over cases; 0 when nothing can be measured.</param>
/// <param name="DiceByClass">Mean over the cases that have the class in reference or prediction, per foreground class; null where none has.</param>
/// <param name="NegativeLogLikelihood">Cross entropy of the probability maps, nats per voxel, mean over cases; 0 without cases.</param>
internal sealed record ValidationScores(double MeanDice, IReadOnlyList<double?> DiceByClass, double NegativeLogLikelihood)
{
    /// <summary>The figures by name, for the manifest.</summary>
    public IReadOnlyDictionary<string, double> ByName(IReadOnlyList<ClassDescription> classes) =>
        classes.Skip(1).Zip(DiceByClass).Where(p => p.Second is not null)
            .Select(p => KeyValuePair.Create($"validation Dice {p.First.Name}", p.Second!.Value))
            .Append(KeyValuePair.Create("validation Dice mean foreground", MeanDice))
            .Append(KeyValuePair.Create("validation NLL per voxel", NegativeLogLikelihood))
            .ToDictionary();
}

/// <summary>Validates with the code that runs in deployment: sliding window, way back to the source grid, decision. Processes share the cases; the scores are the same however many there are.</summary>
internal sealed class Validation(TrainingData data, IPatchNetwork network, IProcessGroup group)
{
    public ValidationScores Run(CancellationToken cancellation)
    {
        var foreground = data.Plan.Classes.Skip(1).ToList();
        var figures = new double[data.Split.Validation.Count * (1 + foreground.Count)]; // of each case: cross entropy, Dice of each class; 0 where another process computes them
        group.Together(() => Judge(figures, foreground, cancellation));
        group.Sum(figures);
        var cases = figures.Chunk(1 + foreground.Count).ToList();
        IReadOnlyList<double?> byClass =
        [
            .. foreground.Select((_, c) => cases.Select(f => f[1 + c]).Where(dice => !double.IsNaN(dice)).ToList()).Select(s => s.Count > 0 ? s.Average() : (double?)null),
        ];
        return new(byClass.OfType<double>().DefaultIfEmpty(0).Average(), byClass, cases.Select(f => f[0]).DefaultIfEmpty(0).Average());
    }

    private bool Judge(double[] figures, List<ClassDescription> foreground, CancellationToken cancellation)
    {
        var manifest = data.Manifest("validation", new() { Data = "", Run = "" }, RunProgress.Start, new(0, [], 0), "", default);
        foreach (var @case in data.Validation)
        {
            cancellation.ThrowIfCancellationRequested();
            var prediction = VolumePredictor.Predict(@case.Prepared, network, manifest, new PredictOptions { Samples = 1 }, TimeProvider.System, null, cancellation);
            var own = figures.AsSpan(@case.Number * (1 + foreground.Count), 1 + foreground.Count);
            own[0] = OutOfFoldProbabilities.Join(@case.Reference, data.Plan.Classes, prediction.Probabilities).NegativeLogLikelihood;
            for (var c = 0; c < foreground.Count; c++)
            {
                own[1 + c] = DiceScore.Compute(prediction.Segmentation, @case.Reference, foreground[c].Label);
            }
        }

        return true;
    }
}
