using Credence.Inference;
using Credence.Inference.Metrics;
using Credence.Inference.Model;

namespace Credence.Trainer.Training;

/// <summary>Dice over the validation cases.</summary>
/// <param name="Mean">Mean over foreground classes of the mean over cases; 0 when nothing can be measured.</param>
/// <param name="ByClass">Mean over the cases that have the class in reference or prediction, per foreground class; null where none has.</param>
public sealed record ValidationDice(double Mean, IReadOnlyList<double?> ByClass)
{
    /// <summary>The figures by name, for the manifest.</summary>
    public IReadOnlyDictionary<string, double> ByName(IReadOnlyList<ClassDescription> classes) =>
        classes.Skip(1).Zip(ByClass).Where(p => p.Second is not null)
            .Select(p => KeyValuePair.Create($"validation Dice {p.First.Name}", p.Second!.Value))
            .Append(KeyValuePair.Create("validation Dice mean foreground", Mean))
            .ToDictionary();
}

/// <summary>Validates with the code that runs in deployment: sliding window, way back to the source grid, decision.</summary>
internal sealed class Validation(TrainingData data, IPatchNetwork network)
{
    public ValidationDice Run(CancellationToken cancellation)
    {
        var foreground = data.Plan.Classes.Skip(1).ToList();
        var scores = foreground.Select(_ => new List<double>()).ToList();
        var manifest = data.Manifest("validation", new() { Data = "", Run = "" }, new(0, 0, 0, 0), new(0, []), "", default);
        foreach (var @case in data.Validation)
        {
            cancellation.ThrowIfCancellationRequested();
            var prediction = VolumePredictor.Predict(@case.Prepared, network, manifest, new PredictOptions { Samples = 1 }, null, cancellation);
            for (var c = 0; c < foreground.Count; c++)
            {
                var dice = DiceScore.Compute(prediction.Segmentation, @case.Reference, foreground[c].Label);
                if (!double.IsNaN(dice))
                {
                    scores[c].Add(dice);
                }
            }
        }

        IReadOnlyList<double?> byClass = [.. scores.Select(s => s.Count > 0 ? s.Average() : (double?)null)];
        return new(byClass.OfType<double>().DefaultIfEmpty(0).Average(), byClass);
    }
}
