using Credence.MedicalIO;

namespace Credence.Inference.Model;

/// <summary>What the intensities of one scan look like: measured in training for the fingerprint, and again in every scan that is compared with it.</summary>
/// <param name="Percentile005">0.5th percentile of all voxels.</param>
/// <param name="Median">50th percentile.</param>
/// <param name="Percentile995">99.5th percentile.</param>
/// <param name="NonZeroFraction">Share of voxels that are not 0.</param>
internal sealed record ChannelMeasurement(double Percentile005, double Median, double Percentile995, double NonZeroFraction)
{
    /// <summary>From the 0.5th to the 99.5th percentile.</summary>
    public double Spread => Percentile995 - Percentile005;

    /// <summary>Where the median lies in the spread, 0 to 1: the same for every unit and offset of the intensities. NaN for a constant scan.</summary>
    public double RelativeMedian => (Median - Percentile005) / Spread;

    /// <summary>Measures a scan.</summary>
    /// <param name="voxels">Finite, as they were read.</param>
    public static ChannelMeasurement Of(float[] voxels) => new(
        Percentile.Of(voxels, null, 0.5), Percentile.Of(voxels, null, 50), Percentile.Of(voxels, null, 99.5), voxels.Count(v => v != 0) / (double)voxels.Length);
}

/// <summary>The smallest and largest value seen in training.</summary>
/// <param name="Minimum">The smallest.</param>
/// <param name="Maximum">The largest.</param>
internal sealed record ValueRange(double Minimum, double Maximum)
{
    /// <summary>The range of values; of none (0, 0).</summary>
    public static ValueRange Of(IEnumerable<double> values)
    {
        var finite = values.Where(double.IsFinite).DefaultIfEmpty(0).ToList();
        return new(finite.Min(), finite.Max());
    }
}

/// <summary>The ranges that the intensities of one channel had over the training cases; see <see cref="ChannelMeasurement"/>.</summary>
/// <param name="Median">Of the median.</param>
/// <param name="Spread">Of the spread.</param>
/// <param name="RelativeMedian">Of the place of the median in the spread.</param>
/// <param name="NonZeroFraction">Of the share of voxels that are not 0.</param>
internal sealed record ChannelRanges(ValueRange Median, ValueRange Spread, ValueRange RelativeMedian, ValueRange NonZeroFraction)
{
    /// <summary>The ranges over cases.</summary>
    public static ChannelRanges Of(IReadOnlyList<ChannelMeasurement> cases) => new(
        ValueRange.Of(cases.Select(c => c.Median)), ValueRange.Of(cases.Select(c => c.Spread)),
        ValueRange.Of(cases.Select(c => c.RelativeMedian)), ValueRange.Of(cases.Select(c => c.NonZeroFraction)));
}
