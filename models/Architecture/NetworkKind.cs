namespace Credence.Models.Architecture;

/// <summary>Kinds of networks that are built from the same layers.</summary>
public enum NetworkKind
{
    /// <summary>The 3-D U-Net: one class a voxel; see <see cref="Models.UNet"/>.</summary>
    UNet,

    /// <summary>Encoder, global average pooling and a linear layer: one class a volume; see <see cref="Models.Classifier"/>.</summary>
    Classifier,
}
