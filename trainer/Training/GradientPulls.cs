using Credence.Models;
using Credence.Models.Layers;

namespace Credence.Trainer.Training;

/// <summary>One layer of a network over one epoch.</summary>
/// <param name="Name">The layer.</param>
/// <param name="DataGradientNorm">Norm of the gradient of the data term, mean over the steps.</param>
/// <param name="KlGradientNorm">Norm of the gradient of the weighted KL, mean over the steps.</param>
/// <param name="GradientCosine">Cosine between the two, mean over the steps that have one; null where none has.</param>
/// <param name="Posterior">The posterior when the epoch was over; null for a layer whose weights are points.</param>
internal sealed record LayerReport(string Name, double DataGradientNorm, double KlGradientNorm, double? GradientCosine, PosteriorStatistics? Posterior);

/// <summary>Sums of the gradients of a layer over steps.</summary>
/// <param name="Data">Norms of the gradient of the data term.</param>
/// <param name="Kl">Norms of the gradient of the weighted KL.</param>
/// <param name="Cosine">Cosines between the two, of the steps that have one.</param>
/// <param name="Cosines">Steps that have one.</param>
internal readonly record struct PullSums(double Data, double Kl, double Cosine, int Cosines);

/// <summary>Means of the gradients of each layer over the steps of an epoch.</summary>
internal static class GradientPulls
{
    /// <summary>Adds a step.</summary>
    /// <param name="sums">By layer; empty before the first step.</param>
    /// <param name="step">By layer.</param>
    public static IReadOnlyList<PullSums> Add(IReadOnlyList<PullSums> sums, IReadOnlyList<GradientPull> step) =>
        [.. step.Select((pull, layer) =>
        {
            var sum = sums.Count == 0 ? default : sums[layer];
            return new PullSums(sum.Data + pull.DataNorm, sum.Kl + pull.KlNorm, sum.Cosine + (pull.Cosine ?? 0), sum.Cosines + (pull.Cosine is null ? 0 : 1));
        })];

    /// <param name="epoch">Its sums.</param>
    /// <param name="network">The network, with the weights that the epoch ended with.</param>
    /// <param name="noise">Used by priors whose KL is estimated by sampling.</param>
    public static IReadOnlyList<LayerReport> ByLayer(EpochSums epoch, Network network, INoiseSource noise)
    {
        var posteriors = PosteriorStatistics.Measure(network, noise).ToDictionary(p => p.Layer);
        var names = network.Nodes.Where(n => n.Layer is IWeightedLayer).Select(n => n.Name);
        return
        [
            .. names.Select((name, layer) =>
            {
                var (sum, steps) = (epoch.Layers.Count == 0 ? default : epoch.Layers[layer], Math.Max(1, epoch.Steps));
                return new LayerReport(name, sum.Data / steps, sum.Kl / steps, sum.Cosines == 0 ? null : sum.Cosine / sum.Cosines, posteriors.GetValueOrDefault(name));
            }),
        ];
    }
}
