using Credence.Models;
using Credence.Models.Layers;
using Credence.Models.Losses;

namespace Credence.Trainer.Training;

/// <summary>How strongly each term of the objective pulls at a set of parameters.</summary>
/// <param name="DataNorm">Euclidean norm of the gradient of the data term.</param>
/// <param name="KlNorm">Euclidean norm of the gradient of the weighted KL.</param>
/// <param name="Cosine">Cosine between the two; null where one is 0.</param>
internal readonly record struct GradientPull(double DataNorm, double KlNorm, double? Cosine)
{
    /// <summary>From sums over elements: squares of both gradients, and their products.</summary>
    internal static GradientPull FromSums(double dataSquares, double klSquares, double products)
    {
        var lengths = Math.Sqrt(dataSquares) * Math.Sqrt(klSquares);
        return new(Math.Sqrt(dataSquares), Math.Sqrt(klSquares), lengths > 0 ? products / lengths : null);
    }
}

/// <summary>The value of the objective in one step, and how strongly each of its two terms pulls.</summary>
/// <param name="Loss">Data term in its unit + weighted KL.</param>
/// <param name="NegativeLogLikelihood">Cross entropy, nats per voxel.</param>
/// <param name="Kl">Summed over all weights, nats.</param>
/// <param name="Total">Over all parameters.</param>
/// <param name="Layers">Over the kernel of each layer, in the order of <see cref="Network.Weights"/>.</param>
internal sealed record ObjectiveValues(double Loss, double NegativeLogLikelihood, double Kl, GradientPull Total, IReadOnlyList<GradientPull> Layers);

/// <summary>Adds the gradient of the KL to that of the data term, and measures both before.</summary>
internal static class ObjectiveGradients
{
    /// <summary>Leaves the sum of both gradients in the parameters.</summary>
    /// <param name="network">Its gradients are those of the data term, of the whole minibatch.</param>
    /// <param name="data">What the data term came to, in its unit.</param>
    /// <param name="klFactor">Factor of the KL.</param>
    /// <param name="noise">Used by priors whose KL is estimated by sampling.</param>
    public static ObjectiveValues AddKl(Network network, LossTerms data, double klFactor, INoiseSource noise)
    {
        using var scope = NewDisposeScope();
        // Every figure stays a tensor until the end: one transfer from the device a step.
        var none = zeros(1, data.Total.dtype, data.Total.device)[0];
        var dataSquares = network.parameters().ToDictionary(p => p.Handle, p => p.grad is { } gradient ? gradient.square().sum() : none);
        var (klSquares, products) = (new Dictionary<nint, Tensor>(), new Dictionary<nint, Tensor>());
        var kl = none;
        var distributions = network.GaussianWeights.SelectMany(w => w.parameters()).ToList();
        if (distributions.Count > 0)
        {
            kl = network.KlDivergence(noise);
            var gradients = autograd.grad([kl], distributions.Cast<Tensor>().ToList());
            using var noGradient = no_grad();
            foreach (var (parameter, gradient) in distributions.Zip(gradients))
            {
                gradient.mul_(klFactor);
                klSquares[parameter.Handle] = gradient.square().sum();
                if (parameter.grad is { } sum)
                {
                    products[parameter.Handle] = (sum * gradient).sum();
                    sum.add_(gradient);
                }
                else
                {
                    parameter.grad = gradient.clone().DetachFromDisposeScope(); // a pass without noise does not reach ρ
                }
            }
        }

        Tensor Sum(IEnumerable<Tensor> figures) => figures.Aggregate(none, (sum, figure) => sum + figure);
        var layers = network.Weights.Select(w => ((nn.Module)w).parameters().Select(p => p.Handle).ToList()).ToList();
        Tensor[] figures =
        [
            data.Total, data.NegativeLogLikelihood, kl.detach(), Sum(dataSquares.Values), Sum(klSquares.Values), Sum(products.Values),
            .. layers.Select(layer => Sum(layer.Select(p => dataSquares[p]))),
            .. layers.Select(layer => Sum(layer.Where(klSquares.ContainsKey).Select(p => klSquares[p]))),
            .. layers.Select(layer => Sum(layer.Where(products.ContainsKey).Select(p => products[p]))),
        ];
        var values = stack(figures).cpu().to(float64).data<double>();
        const int First = 6; // of the figures by layer
        return new(
            values[0] + klFactor * values[2], values[1], values[2], GradientPull.FromSums(values[3], values[4], values[5]),
            [.. layers.Select((_, n) => GradientPull.FromSums(values[First + n], values[First + layers.Count + n], values[First + 2 * layers.Count + n]))]);
    }
}
