using Credence.Models;
using Credence.Models.Losses;

namespace Credence.Trainer.Training;

/// <summary>The value of the objective in one step, and how strongly each of its two terms pulls.</summary>
/// <param name="Loss">Data term in its unit + weighted KL.</param>
/// <param name="NegativeLogLikelihood">Cross entropy, nats per voxel.</param>
/// <param name="Kl">Summed over all weights, nats.</param>
/// <param name="DataNorm">Norm of the gradient of the data term.</param>
/// <param name="KlNorm">Norm of the gradient of the weighted KL.</param>
/// <param name="Cosine">Cosine between the two; null where one is 0.</param>
internal readonly record struct ObjectiveValues(
    double Loss, double NegativeLogLikelihood, double Kl, double DataNorm, double KlNorm, double? Cosine);

/// <summary>Computes the gradients of data term and KL one after the other, so that both can be measured before they are added.</summary>
internal static class ObjectiveGradients
{
    /// <summary>Leaves the sum of both gradients in the parameters.</summary>
    /// <param name="network">Its gradients must be 0.</param>
    /// <param name="loss">Loss of the minibatch; mean per voxel.</param>
    /// <param name="dataFactor">Brings the mean per voxel into the unit of the data term.</param>
    /// <param name="klFactor">Factor of the KL.</param>
    public static ObjectiveValues Backward(Network network, LossTerms loss, double dataFactor, double klFactor)
    {
        using var scope = NewDisposeScope();
        var data = dataFactor == 1 ? loss.Total : loss.Total * dataFactor;
        data.backward();

        var gradients = network.parameters().Select(p => p.grad).OfType<Tensor>().ToList();
        var dataNorm = Norm(gradients).item<float>();
        var distributions = network.GaussianWeights.SelectMany(w => w.parameters()).Cast<Tensor>().ToList();
        if (distributions.Count == 0)
        {
            return new(data.item<float>(), loss.NegativeLogLikelihood.item<float>(), 0, dataNorm, 0, null);
        }

        var kl = network.KlDivergence();
        var klGradients = autograd.grad([kl], distributions);
        using var noGradient = no_grad();
        var product = zeros(1, device: kl.device)[0];
        foreach (var (parameter, gradient) in distributions.Zip(klGradients))
        {
            gradient.mul_(klFactor);
            if (parameter.grad is { } ofData)
            {
                product = product + (ofData * gradient).sum();
            }
        }

        var klNorm = Norm(klGradients).item<float>();
        foreach (var (parameter, gradient) in distributions.Zip(klGradients))
        {
            if (parameter.grad is { } sum)
            {
                sum.add_(gradient);
            }
            else
            {
                parameter.grad = gradient.clone().DetachFromDisposeScope(); // a pass without noise does not reach ρ
            }
        }

        var klValue = kl.item<float>();
        var lengths = (double)dataNorm * klNorm;
        return new(
            data.item<float>() + klFactor * klValue, loss.NegativeLogLikelihood.item<float>(), klValue, dataNorm, klNorm,
            lengths > 0 ? product.item<float>() / lengths : null);
    }

    private static Tensor Norm(IEnumerable<Tensor> gradients)
    {
        using var scope = NewDisposeScope();
        return stack(gradients.Select(g => g.square().sum()).ToArray()).sum().sqrt().MoveToOuterDisposeScope();
    }
}
