using Credence.MedicalIO;

namespace Credence.Trainer.Sampling;

/// <summary>One minibatch of patches, sampled on the host.</summary>
/// <param name="Images">(N, C, D, H, W).</param>
/// <param name="Targets">(N, D, H, W), class indices.</param>
/// <param name="ForegroundFraction">Share of foreground voxels actually seen.</param>
/// <param name="WithForeground">Number of patches that hold any foreground voxel.</param>
/// <param name="Patch">W, H, D.</param>
internal sealed record PatchBatch(float[] Images, long[] Targets, double ForegroundFraction, int WithForeground, Size3 Patch) : IMinibatch
{
    /// <inheritdoc/>
    public (Tensor Images, Tensor Targets) ToTensors(Device device)
    {
        var batch = Targets.Length / Patch.Count;
        using var images = tensor(Images, [batch, Images.Length / Targets.Length, Patch.Depth, Patch.Height, Patch.Width]);
        using var targets = tensor(Targets, [batch, Patch.Depth, Patch.Height, Patch.Width]);
        return (images.to(device), targets.to(device));
    }

    /// <summary>Nothing to release: the arrays are managed.</summary>
    public void Dispose()
    {
    }
}
