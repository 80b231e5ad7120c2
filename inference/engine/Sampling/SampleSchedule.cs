using Credence.Inference.Model;

namespace Credence.Inference.Sampling;

/// <summary>How many samples of a model are drawn. Sample s runs member s mod M of an ensemble.</summary>
/// <param name="Samples">Runs of the network over the volume, at least 1.</param>
/// <param name="IsSampled">Whether noise and members vary; otherwise the one run is that of the defaults.</param>
/// <param name="AtEnd">Why no more are drawn when all are.</param>
internal readonly record struct SampleSchedule(int Samples, bool IsSampled, StopReason AtEnd)
{
    private const int Default = 16;

    /// <summary>Decides.</summary>
    /// <param name="manifest">The model.</param>
    /// <param name="asked">Samples asked for; null leaves it to the model.</param>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 0 were asked for.</exception>
    public static SampleSchedule Of(ModelManifest manifest, int? asked)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(asked ?? 0, nameof(asked));
        var members = manifest.Members;
        if (!manifest.IsSampled || asked == 0)
        {
            return new(1, IsSampled: false, StopReason.AllSamples);
        }

        if (manifest.NoiseInputs.Count > 0)
        {
            return new(asked ?? (Default + members - 1) / members * members, IsSampled: true, StopReason.AllSamples);
        }

        var samples = Math.Min(asked ?? members, members);
        return new(samples, IsSampled: true, samples == members ? StopReason.AllMembers : StopReason.AllSamples);
    }

    /// <summary>What a reader should know of samples that did not give each member of an ensemble the same weight; null where they did.</summary>
    /// <param name="manifest">The model.</param>
    /// <param name="drawn">Samples that were drawn.</param>
    public static string? Warning(ModelManifest manifest, int drawn) =>
        drawn < manifest.Members ? $"Only {drawn} of the {manifest.Members} members of the ensemble {(drawn == 1 ? "was" : "were")} run: the result is not that of the ensemble. Draw at least {manifest.Members} samples."
        : drawn % manifest.Members != 0 ? $"{drawn} samples of an ensemble of {manifest.Members} members: some members count once more than others. Draw a multiple of {manifest.Members}."
        : null;
}
