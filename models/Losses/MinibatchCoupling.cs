namespace Credence.Models.Losses;

/// <summary>How the examples of a minibatch depend on each other in a loss.</summary>
public enum MinibatchCoupling
{
    /// <summary>Not at all: the loss is a mean over examples.</summary>
    None,

    /// <summary>Through sums over the minibatch.</summary>
    Sums,

    /// <summary>Through the order of all of its voxels, which no part of it knows.</summary>
    Order,
}
