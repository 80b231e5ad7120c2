namespace Credence.Models.Architecture;

/// <summary>What the stages of the encoder consist of.</summary>
public enum EncoderKind
{
    /// <summary>Two blocks of convolution, norm and leaky ReLU.</summary>
    Plain,

    /// <summary>Residual blocks of two convolutions (He et al. 2016, arXiv:1512.03385), as in the residual-encoder presets of nnU-Net.</summary>
    Residual,
}
