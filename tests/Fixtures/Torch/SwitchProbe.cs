using Credence.Models;
using Credence.Models.Layers;

namespace Credence.Tests;

/// <summary>A layer that changes nothing and notes whether convolutions may round to TF32, in the forward and in the backward pass.</summary>
internal sealed class SwitchProbe : ILayer
{
    public static bool? Forward { get; private set; }

    public static bool? Backward { get; private set; }

    public static void Reset() => (Forward, Backward) = (null, null);

    Tensor ILayer.Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) => Identity.apply(inputs[0]);

    private sealed class Identity : autograd.SingleTensorFunction<Identity>
    {
        public override string Name => nameof(SwitchProbe);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            Forward = backends.cudnn.allow_tf32;
            return (Tensor)vars[0] * 1;
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            Backward = backends.cudnn.allow_tf32;
            return [grad_output * 1];
        }
    }
}
