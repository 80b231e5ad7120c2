using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.MedicalIO;

namespace Credence.Trainer.Evaluation;

/// <summary>Volume of a class of a case: the truth, and what the samples say.</summary>
/// <param name="Reference">mL.</param>
/// <param name="Low">2.5th percentile over the samples, mL.</param>
/// <param name="High">97.5th percentile over the samples, mL; the same for one sample.</param>
/// <param name="Samples">How many were drawn.</param>
/// <param name="Voxel">Volume of one voxel of the scan, mL.</param>
internal sealed record SampledVolume(double Reference, double Low, double High, int Samples, double Voxel)
{
    /// <summary>How far the truth lies outside of what the samples say, as <see cref="VolumeInterval.Score"/>.</summary>
    public double Score => VolumeInterval.Score(Reference, Low, High, Voxel);

    /// <summary>Logarithm of the upper end over the lower one, each raised by one voxel.</summary>
    public double LogRatio => Math.Log((High + Voxel) / (Low + Voxel));

    /// <summary>Of each foreground class, in order.</summary>
    /// <param name="sampleVolumes">mL, [class][sample].</param>
    /// <param name="reference">The truth.</param>
    /// <param name="foreground">The classes.</param>
    public static IReadOnlyList<SampledVolume> Of(IReadOnlyList<IReadOnlyList<double>> sampleVolumes, LabelMap reference, IEnumerable<ClassDescription> foreground)
    {
        var voxel = reference.Geometry.VoxelVolume / 1000;
        return [.. foreground.Zip(sampleVolumes, (@class, volumes) =>
        {
            var (low, high) = VolumeInterval.OfSamples([.. volumes.Order()]);
            return new SampledVolume(reference.Labels.AsSpan().Count(@class.Label) * voxel, low, high, volumes.Count, voxel);
        })];
    }
}
