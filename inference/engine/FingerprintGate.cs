using System.Globalization;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>Compares a case with what the model was trained on, so that a scan of another kind is not segmented without a word.</summary>
/// <remarks>
/// A deviation is how far a figure lies outside the range of the training cases, in units of a margin: at 1 it is warned of. What the normalisation takes
/// out is not compared: the unit and offset of z-scored intensities. Of those only the shape is left, which an inverted contrast or another
/// masking changes; a window is in the unit of the scan, so there the figures themselves count.
/// </remarks>
internal static class FingerprintGate
{
    private const double SpacingMargin = 1.25; // factor
    private const double SpreadMargin = 1.5; // factor
    private const double ShiftMargin = 0.1; // of the largest spread in training
    private const double RelativeMedianMargin = 0.15;
    private const double NonZeroMargin = 0.15;

    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    /// <summary>Compares.</summary>
    /// <param name="channels">The scans, one a channel, finite.</param>
    /// <param name="names">What messages call them, such as their files.</param>
    /// <param name="manifest">The model.</param>
    /// <param name="limit">A larger deviation is refused; null refuses none.</param>
    /// <returns>What deviates by more than the margin, in words.</returns>
    /// <exception cref="InvalidScanException">A deviation above the limit.</exception>
    public static IReadOnlyList<string> Check(IReadOnlyList<Volume> channels, IReadOnlyList<string> names, ModelManifest manifest, double? limit)
    {
        var found = Spacing(channels[0].Geometry, names[0], manifest.Fingerprint)
            .Concat(channels.SelectMany((volume, c) => Intensities(volume, names[c], manifest, c)))
            .Where(d => d.Size > 1).ToList();
        if (limit is { } largest && found.Where(d => d.Size > largest).MaxBy(d => d.Size) is { } worst)
        {
            throw new InvalidScanException(worst.Name, worst.Found, worst.Expected, double.IsInfinity(worst.Size)
                ? "Use a model for such scans, or set no deviation limit (--any-scan) if you know better."
                : string.Create(Invariant, $"Use a model for such scans, or raise the deviation limit above {worst.Size:G3} (now {largest:G3}) if you know better."));
        }

        return [.. found.Select(d => $"{d.Name}: {d.Found}; expected {d.Expected}.")];
    }

    private static IEnumerable<Deviation> Spacing(VolumeGeometry scan, string name, TrainingFingerprint fingerprint)
    {
        var (spacing, low, high) = (Orientation.ToCanonical(scan).Spacing, fingerprint.SpacingMinimum, fingerprint.SpacingMaximum);
        foreach (var (axis, value, minimum, maximum) in new[]
        {
            ("left-right", spacing.X, low.X, high.X), ("posterior-anterior", spacing.Y, low.Y, high.Y), ("inferior-superior", spacing.Z, low.Z, high.Z),
        })
        {
            yield return new(name, Outside(Math.Log(value), Math.Log(minimum), Math.Log(maximum)) / Math.Log(SpacingMargin),
                string.Create(Invariant, $"a spacing of {value:G4} mm along {axis}"), Range(minimum, maximum, " mm"));
        }
    }

    private static IEnumerable<Deviation> Intensities(Volume volume, string name, ModelManifest manifest, int channel)
    {
        if (manifest.Fingerprint.Channels[channel].Ranges is not { } ranges)
        {
            yield break; // not recorded
        }

        var contrast = manifest.Channels[channel].Name;
        var scan = ChannelMeasurement.Of(volume.Voxels);
        var isConstant = scan.Spread <= 0;
        if (isConstant && ranges.Spread.Minimum > 0)
        {
            yield return new(name, double.PositiveInfinity, string.Create(Invariant, $"99 % of the voxels with the value {scan.Median:G4}"), $"the contrast of {contrast}");
            yield break;
        }

        if (manifest.Normalisation.Kind == NormalisationKind.Window)
        {
            yield return new(name, isConstant ? 0 : Outside(Math.Log(scan.Spread), Math.Log(ranges.Spread.Minimum), Math.Log(ranges.Spread.Maximum)) / Math.Log(SpreadMargin),
                string.Create(Invariant, $"intensities from {scan.Percentile005:G4} to {scan.Percentile995:G4}, {scan.Spread:G4} apart"), $"{Range(ranges.Spread)} apart, as {contrast} was in training");
            yield return new(name, Outside(scan.Median, ranges.Median) / (ShiftMargin * ranges.Spread.Maximum),
                string.Create(Invariant, $"a median intensity of {scan.Median:G4}"), $"{Range(ranges.Median)}, as {contrast} had in training");
        }

        yield return new(name, isConstant ? 0 : Outside(scan.RelativeMedian, ranges.RelativeMedian) / RelativeMedianMargin,
            string.Create(Invariant, $"a median intensity at {scan.RelativeMedian:P0} of the range of intensities"), $"{Range(ranges.RelativeMedian, 100, " %")}, as {contrast} had in training: another contrast, or background that was cut off or added");
        yield return new(name, Outside(scan.NonZeroFraction, ranges.NonZeroFraction) / NonZeroMargin,
            string.Create(Invariant, $"{scan.NonZeroFraction:P0} of the voxels that are not 0"), $"{Range(ranges.NonZeroFraction, 100, " %")}, as {contrast} had in training: masked in another way");
    }

    private static double Outside(double value, ValueRange range) => Outside(value, range.Minimum, range.Maximum);

    private static double Outside(double value, double minimum, double maximum) => Math.Max(0, Math.Max(minimum - value, value - maximum));

    private static string Range(ValueRange range, double factor = 1, string unit = "") => Range(factor * range.Minimum, factor * range.Maximum, unit);

    private static string Range(double minimum, double maximum, string unit) => string.Create(Invariant, $"{minimum:G4} to {maximum:G4}{unit}");

    /// <summary>One figure.</summary>
    /// <param name="Name">The scan.</param>
    /// <param name="Size">Distance to the range of the training cases, in margins.</param>
    /// <param name="Found">What the scan has.</param>
    /// <param name="Expected">What the training cases had.</param>
    private sealed record Deviation(string Name, double Size, string Found, string Expected);
}
