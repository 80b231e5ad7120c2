namespace Credence.Inference.Metrics;

/// <summary>Reference and predicted label of a voxel in one number: the tags of a <see cref="ScoreOrder"/> of voxels.</summary>
internal static class LabelPair
{
    public static ushort Create(byte reference, byte prediction) => (ushort)(reference << 8 | prediction);

    public static byte Reference(ushort pair) => (byte)(pair >> 8);

    public static byte Prediction(ushort pair) => (byte)pair;
}
