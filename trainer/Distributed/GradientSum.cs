using Credence.Models;
using Credence.Models.Losses;

namespace Credence.Trainer.Distributed;

/// <summary>Adds the gradients of all processes up: one flat buffer, one all-reduce a step.</summary>
/// <param name="network">Whose gradients they are.</param>
/// <param name="group">The processes.</param>
internal sealed class GradientSum(Network network, IProcessGroup group)
{
    /// <summary>Leaves the sum over the processes in the gradients.</summary>
    /// <param name="part">What the loss of this process came to; disposed.</param>
    /// <returns>The sum over the processes.</returns>
    public LossTerms AllReduce(LossTerms part)
    {
        if (group.Size == 1)
        {
            return part;
        }

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var gradients = network.parameters().Select(p => p.grad).OfType<Tensor>().ToList();
        var flat = cat([.. gradients.Select(g => g.flatten()), part.Total.reshape(1), part.NegativeLogLikelihood.reshape(1)]);
        part.Dispose();
        group.Sum(flat);
        long offset = 0;
        foreach (var gradient in gradients)
        {
            gradient.copy_(flat.narrow(0, offset, gradient.numel()).view(gradient.shape));
            offset += gradient.numel();
        }

        return new(flat[offset].clone().MoveToOuterDisposeScope(), flat[offset + 1].clone().MoveToOuterDisposeScope());
    }
}
