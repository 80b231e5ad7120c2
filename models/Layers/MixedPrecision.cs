namespace Credence.Models.Layers;

/// <summary>Runs linear operations in a number format.</summary>
/// <remarks>
/// On a CPU, bfloat16 is used only where input and output have a multiple of 16 channels, as they have where <see cref="WholeBlocks"/> has filled them. oneDNN
/// in libtorch 2.10 multiplies what happens to lie in the memory beyond the last channel of the others; those compute in float32. See docs/decisions/0019-whole-blocks-of-channels.md.
/// </remarks>
internal static class MixedPrecision
{
    private const int ChannelBlock = 16;

    /// <summary>Rounds input, weight and bias to the format, runs the operation, and brings the output back to float32. Gradients take the same way back.</summary>
    /// <param name="precision">The format.</param>
    /// <param name="operation">Of input, weight and bias.</param>
    /// <param name="input">(N, C, ...), float32.</param>
    /// <param name="weight">float32.</param>
    /// <param name="bias">float32; null for none.</param>
    /// <returns>float32.</returns>
    public static Tensor Apply(this ComputePrecision precision, Func<Tensor, Tensor, Tensor?, Tensor> operation, Tensor input, Tensor weight, Tensor? bias)
    {
        var isWhole = input.device.type != DeviceType.CPU || (input.shape[1] % ChannelBlock == 0 && weight.shape[..2].All(channels => channels % ChannelBlock == 0));
        if (precision != ComputePrecision.Bfloat16 || !isWhole)
        {
            return operation(input, weight, bias);
        }

        using var scope = NewDisposeScope();
        return operation(input.to(bfloat16), weight.to(bfloat16), bias?.to(bfloat16)).to(float32).MoveToOuterDisposeScope();
    }
}
