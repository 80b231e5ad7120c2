using Credence.Models;
using Credence.Models.Layers;

namespace Credence.Trainer.Training;

/// <summary>L1 penalty on the convolution weights that are points, applied as soft thresholding after each step, so that weights become exactly 0.</summary>
/// <remarks>
/// w ← sign(w) max(|w| - η λ, 0): the proximal step of λ |w| (Parikh and Boyd 2014, doi:10.1561/2400000003, section 6.5.2). Like the weight decay of AdamW it
/// is not scaled by the optimiser's second moments. Gaussian weights are left alone: a Laplace prior is their L1.
/// </remarks>
/// <param name="network">Whose weights are shrunk.</param>
/// <param name="strength">λ, at least 0.</param>
internal sealed class L1Shrinkage(Network network, double strength)
{
    private readonly List<PointWeight> weights = strength > 0 ? [.. network.Weights.OfType<PointWeight>()] : [];

    /// <summary>Shrinks.</summary>
    /// <param name="learningRate">η of the step just taken.</param>
    public void Apply(double learningRate)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        foreach (var weight in weights)
        {
            weight.Value.copy_(nn.functional.softshrink(weight.Value, learningRate * strength));
        }
    }
}
