namespace Credence.Trainer.Sampling;

/// <summary>Everything that is drawn at random for one patch.</summary>
/// <param name="Case">Position of the case.</param>
/// <param name="Transform">From the patch to the case.</param>
/// <param name="Channels">What happens to the intensities of each channel.</param>
internal sealed record PatchRecipe(int Case, SpatialTransform Transform, IReadOnlyList<IntensityAugmentation> Channels);
