namespace Credence.Models.Architecture;

/// <summary>How the shortcut of a residual block changes resolution and number of channels.</summary>
public enum ShortcutKind
{
    /// <summary>Average pooling, then a 1 x 1 x 1 convolution and a norm where the channels change, as in nnU-Net.</summary>
    AveragePooling,

    /// <summary>One strided 1 x 1 x 1 convolution and a norm (He et al. 2016, option B).</summary>
    StridedProjection,
}
