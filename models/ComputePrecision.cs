using System.Diagnostics.CodeAnalysis;

namespace Credence.Models;

/// <summary>Number format in which convolutions compute. But for <see cref="Float64"/>, weights, norms, losses and the KL divergence are float32 in any case.</summary>
[SuppressMessage("Naming", "CA1720:Identifier contains type name", Justification = "It is the name of the format.")]
public enum ComputePrecision
{
    /// <summary>24 bits of precision, on every device.</summary>
    Float32,

    /// <summary>11 bits of precision and the range of float32, in the tensor cores of CUDA devices since Ampere, within a <see cref="PrecisionScope"/>; elsewhere the same as <see cref="Float32"/>.</summary>
    Tf32,

    /// <summary>8 bits of precision and the range of float32, so that gradients need no scaling (Kalamkar et al. 2019, arXiv:1905.12322).</summary>
    Bfloat16,

    /// <summary>53 bits of precision, for everything: weights, norms, losses and KL divergence too. Slow; for proofs, in which rounding must not hide a mistake.</summary>
    Float64,
}
