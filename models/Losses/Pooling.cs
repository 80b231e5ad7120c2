namespace Credence.Models.Losses;

/// <summary>Over which voxels a region loss adds up before it divides.</summary>
internal enum Pooling
{
    /// <summary>Those of one example: small lesions count as much as large ones.</summary>
    Sample,

    /// <summary>Those of the whole minibatch: an example without the class no longer decides alone.</summary>
    Batch,
}
