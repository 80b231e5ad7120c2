using System.Globalization;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Trainer.Planning;

/// <summary>Chooses crop, resampling and normalisation from a fingerprint, and says why.</summary>
/// <remarks>Source of the rules for CT, for removed backgrounds and for splines: Isensee et al. 2021 (nnU-Net), supplementary note 2.</remarks>
internal static class IntensityRules
{
    private const double RemovedBackground = 0.75; // share of voxels that are not 0, below which the background was removed
    private const double AllAround = 0.75; // share of the side faces that are dark, above which air surrounds the patient: 0.1 to 0.2 in crops of tissue, 0.9 and more around heads
    private const double Spike = 5; // maximum over 99.5th percentile, above which a few voxels would set the scale
    private const double SpikePercentile = 99.95;

    /// <summary>What the network sees of a scan.</summary>
    public static (Region Crop, string Reason) Crop(IReadOnlyList<ChannelDescription> channels, TrainingFingerprint fingerprint) =>
        IsTomography(channels) ? (Region.Body, "all channels are CT: the box of the body, without the air around it")
        : IsBackgroundRemoved(fingerprint) ? (Region.NonZero, "less than 3/4 of the voxels are not 0, so the background was removed: the box of the voxels that are not 0")
        : (Region.Whole, "at least 3/4 of the voxels are not 0, so there is no background that could be told safely: all of the scan (body would leave the air out, and dark tissue at a side with it)");

    /// <summary>The crop that these contrasts could have, before their intensities are known.</summary>
    public static Region PossibleCrop(IReadOnlyList<ChannelDescription> channels) => IsTomography(channels) ? Region.Body : Region.NonZero;

    /// <summary>How a scan is resampled.</summary>
    public static (Interpolation Interpolation, string Reason) Resampling() =>
        (Interpolation.CubicSpline, $"cubic B-spline, which blurs less than linear; linear along axes with more than {MedicalIO.Resampling.AnisotropyThreshold} x the smallest spacing of a scan, across which splines ring; labels take the nearest voxel");

    /// <summary>How intensities are brought to a common scale.</summary>
    public static (NormalisationDescription Normalisation, string Reason) Normalisation(IReadOnlyList<ChannelDescription> channels, TrainingFingerprint fingerprint, double surroundingAir)
    {
        var (lower, upper) = (fingerprint.Channels.Min(c => c.LabelledPercentile005), fingerprint.Channels.Max(c => c.LabelledPercentile995));
        if (IsTomography(channels) && lower < upper)
        {
            return (new(NormalisationKind.Window) { WindowLower = Math.Floor(lower), WindowUpper = Math.Ceiling(upper) },
                "all channels are CT: the window from the 0.5th to the 99.5th percentile of the intensities inside the masks");
        }

        var hasSpikes = fingerprint.Channels.Any(c => c.Maximum > Spike * c.Percentile995 && c.Percentile995 > 0);
        var (region, reason) = StatisticsRegion(fingerprint, surroundingAir);
        return (
            new(NormalisationKind.ZScore) { Region = region, UpperPercentile = hasSpikes ? SpikePercentile : 100 },
            reason + (hasSpikes ? $"; maxima above {Spike} x the 99.5th percentile are spikes: clipped at percentile {SpikePercentile.ToString(CultureInfo.InvariantCulture)}" : "; no spikes, so no clipping"));
    }

    private static (Region Region, string Reason) StatisticsRegion(TrainingFingerprint fingerprint, double surroundingAir)
    {
        var sides = string.Create(CultureInfo.InvariantCulture, $"{100 * surroundingAir:0} % of the left, right, front and back faces are as dark as air (limit {100 * AllAround:0} %)");
        return IsBackgroundRemoved(fingerprint) ? (Region.NonZero, "less than 3/4 of the voxels are not 0, so the background was removed: statistics over voxels that are not 0")
            : surroundingAir > AllAround ? (Region.Body, $"{sides}, and some scans hold more of it than others: statistics over the body")
            : (Region.Whole, $"{sides}: statistics over all voxels");
    }

    private static bool IsTomography(IReadOnlyList<ChannelDescription> channels) => channels.All(c => c.Name.Equals("CT", StringComparison.OrdinalIgnoreCase));

    private static bool IsBackgroundRemoved(TrainingFingerprint fingerprint) => fingerprint.Channels.All(c => c.NonZeroFraction < RemovedBackground);
}
