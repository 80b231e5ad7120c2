namespace Credence.Inference;

/// <summary>Which voxels touch: the number of neighbours of a voxel.</summary>
internal enum Connectivity
{
    /// <summary>Voxels that share a face; the default of scipy.ndimage.label.</summary>
    Six = 6,

    /// <summary>Voxels that share a face or an edge.</summary>
    Eighteen = 18,

    /// <summary>Voxels that share a face, an edge or a corner; the rule of the engine.</summary>
    TwentySix = 26,
}
