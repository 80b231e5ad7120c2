namespace Credence.Models.Layers;

/// <summary>Runs linear operations in a number format.</summary>
internal static class MixedPrecision
{
    /// <summary>Rounds input, weight and bias to the format, runs the operation, and brings the output back to float32. Gradients take the same way back.</summary>
    /// <param name="precision">The format.</param>
    /// <param name="operation">Of input, weight and bias.</param>
    /// <param name="input">(N, C, ...), float32.</param>
    /// <param name="weight">float32.</param>
    /// <param name="bias">float32; null for none.</param>
    /// <returns>float32.</returns>
    public static Tensor Apply(this ComputePrecision precision, Func<Tensor, Tensor, Tensor?, Tensor> operation, Tensor input, Tensor weight, Tensor? bias)
    {
        if (precision == ComputePrecision.Float32)
        {
            return operation(input, weight, bias);
        }

        using var scope = NewDisposeScope();
        return operation(input.to(bfloat16), weight.to(bfloat16), bias?.to(bfloat16)).to(float32).MoveToOuterDisposeScope();
    }
}
