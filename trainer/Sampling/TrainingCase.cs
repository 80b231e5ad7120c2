using Credence.MedicalIO;

namespace Credence.Trainer.Sampling;

/// <summary>A preprocessed case, ready to draw patches from.</summary>
internal sealed class TrainingCase
{
    /// <summary>Wraps the arrays; they are not copied.</summary>
    /// <param name="id">The case.</param>
    /// <param name="size">W, H, D.</param>
    /// <param name="channels">(C, D, H, W), normalised.</param>
    /// <param name="classes">(D, H, W), class indices in [0, <paramref name="classCount"/>).</param>
    /// <param name="classCount">K.</param>
    public TrainingCase(string id, Size3 size, float[] channels, byte[] classes, int classCount)
    {
        (Id, Size, Channels, Classes) = (id, size, channels, classes);
        var voxels = Enumerable.Range(0, classCount).Select(_ => new List<int>()).ToArray();
        for (var offset = 0; offset < classes.Length; offset++)
        {
            if (classes[offset] != 0)
            {
                voxels[classes[offset]].Add(offset);
            }
        }

        Foreground = [.. voxels.Where(v => v.Count > 0).Select(v => v.ToArray())];
    }

    /// <summary>The case.</summary>
    public string Id { get; }

    /// <summary>W, H, D.</summary>
    public Size3 Size { get; }

    /// <summary>(C, D, H, W), normalised.</summary>
    public float[] Channels { get; }

    /// <summary>(D, H, W), class indices.</summary>
    public byte[] Classes { get; }

    /// <summary>Offsets of the voxels of each foreground class that the case has.</summary>
    public IReadOnlyList<int[]> Foreground { get; }

    /// <summary>(D, H, W) of one channel.</summary>
    internal ReadOnlySpan<float> Channel(int channel) => Channels.AsSpan(channel * Classes.Length, Classes.Length);
}
