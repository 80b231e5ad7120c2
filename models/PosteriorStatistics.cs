using Credence.Models.Layers;

namespace Credence.Models;

/// <summary>What the posterior of one layer looks like.</summary>
/// <param name="Layer">Name of the layer.</param>
/// <param name="Weights">Number of weights.</param>
/// <param name="Kl">KL divergence from the prior, summed over the weights, nats.</param>
/// <param name="KlPerWeight"><paramref name="Kl"/> / <paramref name="Weights"/>, nats.</param>
/// <param name="SignalToNoise">Median of |μ| / σ.</param>
/// <param name="SignalShare">Share of weights with |μ| / σ above 1.</param>
/// <param name="CollapsedShare">
/// Share of weights about which the data say nothing: σ within 5 % of one of the prior's (<see cref="Priors.IPrior.ClosestSigmas"/>) and the mean within 5 % of
/// that from the prior mean. With a Gaussian prior such a weight has a KL of less than 0.004 nats.
/// </param>
public sealed record PosteriorStatistics(
    string Layer, long Weights, double Kl, double KlPerWeight, double SignalToNoise, double SignalShare, double CollapsedShare)
{
    private const double Near = 0.05;

    /// <summary>Measures every layer whose weights are distributions.</summary>
    /// <param name="network">The network.</param>
    /// <param name="noise">Used by priors whose KL divergence is estimated by sampling.</param>
    /// <returns>In the order of computation; empty for a plain network.</returns>
    public static IReadOnlyList<PosteriorStatistics> Measure(Network network, INoiseSource noise)
    {
        using var pause = FinalizerPause.Begin();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        return [.. network.LayerKlDivergences(noise).Select(Measure)];
    }

    private static PosteriorStatistics Measure(LayerKl layer)
    {
        var weight = layer.Weight;
        var sigma = nn.functional.softplus(weight.Rho);
        var ratio = weight.Mean.abs() / sigma;
        var offset = weight.PriorMean is { } centre ? weight.Mean - centre : weight.Mean;
        var isCollapsed = weight.Prior.ClosestSigmas.Select(closest => ((sigma / closest - 1).abs() <= Near).logical_and(offset.abs() <= Near * closest))
            .Aggregate((a, b) => a.logical_or(b));
        double Share(Tensor condition) => condition.to(ScalarType.Float32).mean().item<float>();
        var kl = layer.Kl.to(ScalarType.Float64).item<double>();
        return new(
            layer.Layer, layer.Weights, kl, kl / layer.Weights, ratio.median().to(ScalarType.Float64).item<double>(), Share(ratio > 1), Share(isCollapsed));
    }
}
