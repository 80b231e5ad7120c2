namespace Credence.Trainer.Sampling;

/// <summary>One minibatch, prepared by a worker, ready to become tensors on the thread that trains.</summary>
internal interface IMinibatch : IDisposable
{
    /// <summary>Share of foreground voxels actually seen; known once the minibatch is on its device.</summary>
    double ForegroundFraction { get; }

    /// <summary>Number of patches that hold any foreground voxel; known when <see cref="ForegroundFraction"/> is.</summary>
    int WithForeground { get; }

    /// <summary>Moves the minibatch to a device.</summary>
    /// <returns>Images (N, C, D, H, W), float32; targets (N, D, H, W), class indices, int64. The caller disposes them.</returns>
    (Tensor Images, Tensor Targets) ToTensors(Device device);
}
