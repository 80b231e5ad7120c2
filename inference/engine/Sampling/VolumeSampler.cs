using System.Text.Json.Serialization;
using Credence.Inference.Windows;

namespace Credence.Inference.Sampling;

/// <summary>What the Monte Carlo samples of a volume share.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<SharedWork>))]
public enum SharedWork
{
    /// <summary>Nothing: every sample runs the whole network over every patch.</summary>
    [JsonStringEnumMemberName("nothing")]
    None,

    /// <summary>The trunk of some patches; the others did not fit into the memory allowed, and their trunk is run in every sample.</summary>
    [JsonStringEnumMemberName("trunk-of-some-patches")]
    TrunkOfSomePatches,

    /// <summary>The trunk of every patch; each sample runs the head.</summary>
    [JsonStringEnumMemberName("trunk")]
    Trunk,

    /// <summary>Trunk and blending: each sample runs a linear head once over the volume.</summary>
    [JsonStringEnumMemberName("blended-features")]
    BlendedFeatures,
}

/// <summary>Blended logits of one volume, sample by sample, with what the samples share computed once.</summary>
internal sealed class VolumeSampler : IDisposable
{
    private readonly IPatchNetwork network;
    private readonly ISharedTrunkNetwork? cut;
    private readonly SlidingWindow window;
    private readonly int classes;
    private readonly long memory;
    private readonly long blendMemory;
    private readonly Action<int> patchesDone;
    private readonly ISharedFeatures?[] features;
    private readonly float[] patchLogits;
    private bool mayBlend; // until it turns out that the features of the volume do not fit
    private ISharedFeatures? blended; // of the whole volume
    private long held;

    /// <param name="network">The network.</param>
    /// <param name="window">The patches of the volume.</param>
    /// <param name="classes">K.</param>
    /// <param name="isSampled">Whether noise will be drawn: the posterior mean alone needs no cut.</param>
    /// <param name="memory">Bytes that shared features may hold.</param>
    /// <param name="blendMemory">Bytes that blended features may hold.</param>
    /// <param name="patchesDone">Called with the number of patches after each run of the network over them.</param>
    public VolumeSampler(IPatchNetwork network, SlidingWindow window, int classes, bool isSampled, long memory, long blendMemory, Action<int> patchesDone)
    {
        (this.network, this.window, this.classes, this.memory, this.blendMemory, this.patchesDone) = (network, window, classes, memory, blendMemory, patchesDone);
        cut = isSampled && network is ISharedTrunkNetwork { HasSharedTrunk: true } shared ? shared : null;
        mayBlend = cut is { IsHeadLinear: true } && window.BatchCount > 0;
        features = new ISharedFeatures?[window.BatchCount];
        patchLogits = new float[window.BatchCount == 0 ? 0 : checked(window.BatchLength(0) * classes * (int)window.PatchSize.Count)];
    }

    /// <summary>What the samples so far shared.</summary>
    public SharedWork Shared => blended is not null ? SharedWork.BlendedFeatures
        : cut is null || features.All(f => f is null) ? SharedWork.None
        : features.All(f => f is not null) ? SharedWork.Trunk : SharedWork.TrunkOfSomePatches;

    /// <summary>Computes the blended logits of one sample.</summary>
    /// <param name="noise">The sample; null for the posterior mean.</param>
    /// <param name="logits">(K, D, H, W), overwritten.</param>
    /// <param name="cancellation">Ends the work, also in the middle of a run of the network.</param>
    public void Compute(NoiseSample? noise, float[] logits, CancellationToken cancellation)
    {
        if (mayBlend && noise is not null && (blended ?? Blend(cancellation)) is { } volume)
        {
            cancellation.ThrowIfCancellationRequested();
            cut!.ComputeHead(volume, noise, logits, cancellation);
            window.FillGaps(logits);
            return;
        }

        Array.Clear(logits);
        for (var batch = 0; batch < window.BatchCount; batch++)
        {
            cancellation.ThrowIfCancellationRequested();
            var values = patchLogits.AsSpan(0, window.BatchLength(batch) * classes * (int)window.PatchSize.Count);
            if (cut is null || noise is null)
            {
                network.Run(window.Extract(batch), window.BatchLength(batch), window.PatchSize, noise, values, cancellation);
            }
            else
            {
                RunHead(cut, batch, noise, values, cancellation);
            }

            window.Add(batch, values, classes, logits);
            patchesDone(window.BatchLength(batch));
        }

        window.Divide(logits, classes);
        window.FillGaps(logits);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        blended?.Dispose();
        foreach (var batch in features)
        {
            batch?.Dispose();
        }
    }

    private void RunHead(ISharedTrunkNetwork network, int batch, NoiseSample noise, Span<float> logits, CancellationToken cancellation)
    {
        if (features[batch] is { } known)
        {
            network.ComputeHead(known, noise, logits, cancellation);
            return;
        }

        var computed = network.ComputeTrunk(window.Extract(batch), window.BatchLength(batch), window.PatchSize, cancellation);
        try
        {
            network.ComputeHead(computed, noise, logits, cancellation);
            if (held + computed.Bytes <= memory)
            {
                (features[batch], held) = (computed, held + computed.Bytes);
            }
        }
        finally
        {
            if (features[batch] is null)
            {
                computed.Dispose();
            }
        }
    }

    /// <summary>Blends the features of all patches; null where they do not fit into the memory allowed.</summary>
    private ISharedFeatures? Blend(CancellationToken cancellation)
    {
        float[]? sum = null;
        var channels = 0;
        for (var batch = 0; batch < window.BatchCount; batch++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var computed = cut!.ComputeTrunk(window.Extract(batch), window.BatchLength(batch), window.PatchSize, cancellation);
            channels = computed.Channels;
            if (channels * window.VolumeSize.Count > Math.Min(blendMemory / sizeof(float), Array.MaxLength))
            {
                mayBlend = false;
                return null;
            }

            sum ??= new float[channels * window.VolumeSize.Count];
            window.Add(batch, computed.Values, channels, sum);
            patchesDone(window.BatchLength(batch));
        }

        window.Divide(sum!, channels);
        return blended = cut!.Hold(sum!, channels, window.VolumeSize);
    }
}
