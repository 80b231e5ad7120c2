using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>A case as the network sees it, and the way back.</summary>
/// <param name="Source">Grid of the scan as it was read.</param>
/// <param name="Canonical">That grid in canonical orientation.</param>
/// <param name="Geometry">Grid of the network: canonical orientation, the model's spacing.</param>
/// <param name="Voxels">(C, D, H, W) on <paramref name="Geometry"/>, normalised.</param>
public sealed record PreparedVolume(VolumeGeometry Source, VolumeGeometry Canonical, VolumeGeometry Geometry, float[] Voxels);

/// <summary>Turns scans into network input, and maps back onto the grid of the scan. The trainer and the engine both use this code.</summary>
public static class Preprocessing
{
    private const double SameSpacing = 1e-3; // relative; below, resampling would only blur

    /// <summary>Reorients, resamples and normalises.</summary>
    /// <param name="channels">One volume a channel, on one grid, all finite.</param>
    /// <param name="spacing">mm of the network's grid, along R, A, S.</param>
    /// <param name="normalisation">Rule for the intensities.</param>
    /// <param name="names">What error messages call the channels, such as their files; null calls them by number.</param>
    /// <exception cref="InvalidScanException">Channels on different grids, or a voxel that is not finite.</exception>
    public static PreparedVolume Prepare(IReadOnlyList<Volume> channels, Vector3D spacing, NormalisationKind normalisation, IReadOnlyList<string>? names = null)
    {
        string Name(int channel) => names?[channel] ?? $"channel {channel + 1}";
        var source = channels[0].Geometry;
        for (var c = 0; c < channels.Count; c++)
        {
            if (!channels[c].Geometry.IsSameGrid(source, tolerance: 0.1 * Math.Min(source.Spacing.X, Math.Min(source.Spacing.Y, source.Spacing.Z))))
            {
                throw new InvalidScanException(Name(c), $"a grid of {channels[c].Geometry.Size} voxels that is not the grid of {Name(0)} ({source.Size})",
                    "all channels on one grid", "Resample the channels onto one grid first.");
            }

            if (Array.FindIndex(channels[c].Voxels, v => !float.IsFinite(v)) is >= 0 and var bad)
            {
                var (i, j, k) = source.IndexOf(bad);
                throw new InvalidScanException(Name(c), $"value {channels[c].Voxels[bad]} at voxel ({i}, {j}, {k})", "finite numbers only",
                    "Repair the volume, for example replace NaN outside the brain by 0.");
            }
        }

        var canonical = Orientation.ToCanonical(source);
        var geometry = Target(canonical, spacing);
        var count = (int)geometry.Size.Count;
        var voxels = new float[checked(channels.Count * count)];
        for (var c = 0; c < channels.Count; c++)
        {
            var volume = Resampling.Resample(Orientation.ToCanonical(channels[c]), geometry, Interpolation.Linear);
            var normalised = normalisation == NormalisationKind.ZScore ? Normalisation.ZScore(volume) : Normalisation.ZScoreNonZero(volume);
            normalised.Voxels.CopyTo(voxels, c * count);
        }

        return new(source, canonical, geometry, voxels);
    }

    /// <summary>Brings a mask onto the grid of the network: the label of the nearest voxel.</summary>
    public static LabelMap PrepareLabels(LabelMap labels, Vector3D spacing)
    {
        var canonical = Orientation.ToCanonical(labels);
        return Resampling.Resample(canonical, Target(canonical.Geometry, spacing));
    }

    /// <summary>Brings a map from the grid of the network onto the grid of the scan, trilinearly.</summary>
    /// <param name="prepared">The case.</param>
    /// <param name="voxels">(D, H, W) on the grid of the network.</param>
    public static Volume Restore(PreparedVolume prepared, float[] voxels) =>
        Resampling.Resample(new Volume(prepared.Geometry, voxels), prepared.Source, Interpolation.Linear);

    private static VolumeGeometry Target(VolumeGeometry canonical, Vector3D spacing)
    {
        var old = canonical.Spacing;
        bool IsSame(double a, double b) => Math.Abs(a - b) <= SameSpacing * b;
        return IsSame(old.X, spacing.X) && IsSame(old.Y, spacing.Y) && IsSame(old.Z, spacing.Z) ? canonical : canonical.WithSpacing(spacing);
    }
}
