namespace Credence.Models.Architecture;

/// <summary>How activations are normalised behind each convolution.</summary>
public enum NormKind
{
    /// <summary>Every channel of every example for itself (Ulyanov et al. 2016, arXiv:1607.08022).</summary>
    Instance,

    /// <summary>Groups of channels of every example (Wu and He 2018, arXiv:1803.08494).</summary>
    Group,

    /// <summary>Every channel over the minibatch (Ioffe and Szegedy 2015, arXiv:1502.03167).</summary>
    Batch,

    /// <summary>Not at all.</summary>
    None,
}
