using Credence.MedicalIO;

namespace Credence.Trainer.Phantoms;

/// <summary>What a phantom looks like. Lengths in mm, intensities in units of white matter = 0.5.</summary>
internal sealed record PhantomOptions
{
    /// <summary>Voxels along i, j, k.</summary>
    public Size3 Size { get; init; } = new(72, 88, 32);

    /// <summary>mm between voxel centres: anisotropic, as in clinical FLAIR.</summary>
    public Vector3D Spacing { get; init; } = new(1.5, 1.5, 3);

    /// <summary>Largest angle by which the grid is turned against the head, degrees.</summary>
    public double MaximumObliqueAngle { get; init; } = 15;

    /// <summary>Fewest lesions.</summary>
    public int MinimumLesions { get; init; } = 2;

    /// <summary>Most lesions.</summary>
    public int MaximumLesions { get; init; } = 8;

    /// <summary>Smallest mean radius of a lesion, mm.</summary>
    public double MinimumRadius { get; init; } = 3;

    /// <summary>Largest mean radius of a lesion, mm.</summary>
    public double MaximumRadius { get; init; } = 8;

    /// <summary>Standard deviation of the complex noise behind the Rician magnitude.</summary>
    public double NoiseSigma { get; init; } = 0.025;

    /// <summary>Largest logarithm of the receive field.</summary>
    public double BiasStrength { get; init; } = 0.25;

    /// <summary>Stored value of intensity 1.</summary>
    public double Scale { get; init; } = 1000;
}
