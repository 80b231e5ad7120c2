namespace Credence.Models.Layers;

/// <summary>Fills the channels of a convolution up to whole blocks of oneDNN with zeros, and leaves them out of the result.</summary>
/// <remarks>
/// On a CPU, libtorch 2.10 multiplies what happens to lie in memory beyond the last channel of a block that is partly empty: outputs and gradients of
/// convolutions and transposed convolutions are wrong for some numbers of channels and shapes. See docs/decisions/0019-whole-blocks-of-channels.md.
/// </remarks>
internal static class WholeBlocks
{
    private const long Block = 16; // float32 lanes of AVX-512: the largest block

    /// <summary>Whether an operation on this input would leave a block partly empty.</summary>
    public static bool AreMissing(Tensor input, long inChannels, long outChannels) =>
        input.device_type == DeviceType.CPU && Missing(inChannels) + Missing(outChannels) > 0;

    /// <summary>Runs the operation on whole blocks.</summary>
    /// <param name="operation">Of input, weight and bias.</param>
    /// <param name="input">(N, C, D, H, W).</param>
    /// <param name="weight">Two axes of channels, then the kernel.</param>
    /// <param name="bias">(C'); null for none.</param>
    /// <param name="isTransposed">Whether the input's channels are the first axis of the weight; of a convolution they are the second.</param>
    /// <returns>(N, C', D', H', W').</returns>
    public static Tensor Fill(LinearOperation operation, Tensor input, Tensor weight, Tensor? bias, bool isTransposed)
    {
        using var scope = NewDisposeScope();
        var (first, second) = (weight.shape[0], weight.shape[1]);
        var missingIn = Missing(isTransposed ? first : second);
        var whole = operation(
            missingIn == 0 ? input : functional.pad(input, [0, 0, 0, 0, 0, 0, 0, missingIn]),
            functional.pad(weight, [0, 0, 0, 0, 0, 0, 0, Missing(second), 0, Missing(first)]),
            bias is null ? null : functional.pad(bias, [0, Missing(bias.shape[0])]));
        return whole.narrow(1, 0, isTransposed ? second : first).MoveToOuterDisposeScope();
    }

    private static long Missing(long channels) => -channels & (Block - 1);
}
