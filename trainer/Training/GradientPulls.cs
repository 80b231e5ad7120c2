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

/// <summary>Means of the gradients of each layer over the steps of an epoch.</summary>
internal sealed class GradientPulls
{
    private readonly List<IReadOnlyList<GradientPull>> steps = [];

    public void Add(IReadOnlyList<GradientPull> layers) => steps.Add(layers);

    /// <param name="network">The network, with the weights that the epoch ended with.</param>
    /// <param name="noise">Used by priors whose KL is estimated by sampling.</param>
    public IReadOnlyList<LayerReport> ByLayer(Network network, INoiseSource noise)
    {
        var posteriors = PosteriorStatistics.Measure(network, noise).ToDictionary(p => p.Layer);
        var names = network.Nodes.Where(n => n.Layer is IWeightedLayer).Select(n => n.Name);
        return
        [
            .. names.Select((name, layer) =>
            {
                var pulls = steps.Select(s => s[layer]).ToList();
                double Mean(Func<GradientPull, double> figure) => pulls.Select(figure).DefaultIfEmpty(0).Average();
                return new LayerReport(name, Mean(p => p.DataNorm), Mean(p => p.KlNorm), pulls.Average(p => p.Cosine), posteriors.GetValueOrDefault(name));
            }),
        ];
    }
}
