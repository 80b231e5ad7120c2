using System.Globalization;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>A case as the network sees it, and the way back.</summary>
/// <param name="Source">Grid of the scan as it was read.</param>
/// <param name="Canonical">That grid in canonical orientation.</param>
/// <param name="Box">The part of <paramref name="Canonical"/> that the network sees.</param>
/// <param name="Geometry">Grid of the network: that part, at the model's spacing.</param>
/// <param name="Voxels">(C, D, H, W) on <paramref name="Geometry"/>, normalised.</param>
internal sealed record PreparedVolume(VolumeGeometry Source, VolumeGeometry Canonical, VoxelBox Box, VolumeGeometry Geometry, float[] Voxels);

/// <summary>Turns scans into network input, and maps back onto the grid of the scan. The trainer and the engine both use this code.</summary>
internal static class Preprocessing
{
    private const double SameSpacing = 1e-3; // relative; below, resampling would only blur
    private const int Margin = 1; // voxels around a cropped region, so that its rim is interpolated from voxels on both sides

    /// <summary>Reorients, crops, resamples and normalises.</summary>
    /// <param name="channels">One volume a channel, on one grid, all finite.</param>
    /// <param name="recipe">What to do.</param>
    /// <param name="names">What error messages call the channels, such as their files; null calls them by number.</param>
    /// <param name="allow">Called with the grid of the network before memory is taken for it; throws what refuses the case.</param>
    /// <param name="beforeChannel">Called before each channel is resampled; throws what ends the work.</param>
    /// <exception cref="InvalidScanException">Channels on different grids, an affine or a voxel that is not finite, or a grid that no array holds.</exception>
    public static PreparedVolume Prepare(IReadOnlyList<Volume> channels, PreprocessingRecipe recipe, IReadOnlyList<string>? names = null, Action<VolumeGeometry>? allow = null, Action? beforeChannel = null)
    {
        string Name(int channel) => names?[channel] ?? $"channel {channel + 1}";
        var source = channels[0].Geometry;
        if (!double.IsFinite(source.Affine.Determinant) || source.Affine.Determinant == 0 || !double.IsFinite(source.Affine.Origin.Length))
        {
            throw new InvalidScanException(Name(0), $"an affine with determinant {source.Affine.Determinant}", "three axes that span space, in mm", "Give the affine of the scan.");
        }

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
        var volumes = channels.Select(Orientation.ToCanonical).ToList();
        var box = Box(volumes, recipe.Crop);
        var geometry = Target(box.Size == canonical.Size ? canonical : box.Of(canonical), recipe.Spacing);
        allow?.Invoke(geometry);
        CheckSize(geometry, channels.Count, Name(0));
        var count = (int)geometry.Size.Count;
        var voxels = new float[channels.Count * count];
        for (var c = 0; c < channels.Count; c++)
        {
            beforeChannel?.Invoke();
            Normalise(volumes[c], geometry, recipe).CopyTo(voxels, c * count);
        }

        return new(source, canonical, box, geometry, voxels);
    }

    /// <summary>Refuses a grid of more voxels than one array holds, as a wrong spacing in a header asks for.</summary>
    /// <param name="geometry">Grid of the network.</param>
    /// <param name="planes">Values a voxel: channels, or classes.</param>
    /// <param name="name">What the message calls the scan.</param>
    /// <exception cref="InvalidScanException">It is too large.</exception>
    public static void CheckSize(VolumeGeometry geometry, int planes, string name)
    {
        var (size, spacing) = (geometry.Size, geometry.Spacing);
        if ((double)size.Width * size.Height * size.Depth * planes > Array.MaxLength)
        {
            throw new InvalidScanException(name, string.Create(CultureInfo.InvariantCulture, $"{size} voxels at the {spacing.X:G4} x {spacing.Y:G4} x {spacing.Z:G4} mm of the model"),
                $"at most {Array.MaxLength / planes}, what an array holds of {planes} values each", "Correct the spacing in the header, or crop the scan.");
        }
    }

    /// <summary>The part of a scan that the network sees: the smallest box that holds a region of any channel, with one voxel around it.</summary>
    /// <param name="channels">On one grid.</param>
    /// <param name="crop">The region.</param>
    public static VoxelBox Box(IReadOnlyList<Volume> channels, Region crop)
    {
        var size = channels[0].Geometry.Size;
        return crop == Region.Whole ? VoxelBox.Whole(size) : channels.Select(v => Foreground.Box(Foreground.Of(v, crop))).Aggregate((a, b) => a.Union(b)).Grow(Margin, size);
    }

    /// <summary>Brings a mask onto the grid of the network: the label of the nearest voxel.</summary>
    public static LabelMap PrepareLabels(PreparedVolume prepared, LabelMap labels) => Resampling.Resample(Orientation.ToCanonical(labels), prepared.Geometry);

    /// <summary>Brings a map from the grid of the network onto the grid of the scan, trilinearly.</summary>
    /// <param name="prepared">The case.</param>
    /// <param name="voxels">(D, H, W) on the grid of the network.</param>
    /// <returns>0 outside the box that the network saw: no probability of a foreground class, no uncertainty.</returns>
    public static Volume Restore(PreparedVolume prepared, float[] voxels)
    {
        var map = new Volume(prepared.Geometry, voxels);
        return prepared.Box.Size == prepared.Canonical.Size
            ? Resampling.Resample(map, prepared.Source, Interpolation.Linear)
            : Orientation.Reorder(prepared.Box.PutBack(Resampling.Resample(map, prepared.Box.Of(prepared.Canonical), Interpolation.Linear).Voxels, prepared.Canonical, outside: 0), prepared.Source);
    }

    private static float[] Normalise(Volume volume, VolumeGeometry geometry, PreprocessingRecipe recipe)
    {
        var rule = recipe.Normalisation;
        var resampled = Resampling.Resample(volume, geometry, recipe.Interpolation);
        if (rule.Kind == NormalisationKind.Window)
        {
            return Normalisation.Window(resampled, rule.WindowLower, rule.WindowUpper).Voxels;
        }

        // Found before resampling: a spline leaves no voxel at exactly 0.
        var mask = rule.Region == Region.Whole ? null : Resampling.Resample(Foreground.Of(volume, rule.Region), geometry);
        if (rule is not { LowerPercentile: 0, UpperPercentile: 100 })
        {
            resampled = Normalisation.ClipPercentiles(resampled, rule.LowerPercentile, rule.UpperPercentile, mask);
        }

        var scored = Normalisation.ZScore(resampled, mask).Voxels;
        for (var v = 0; v < scored.Length && rule.Region == Region.NonZero; v++)
        {
            scored[v] = mask!.Labels[v] != 0 ? scored[v] : 0;
        }

        return scored;
    }

    private static VolumeGeometry Target(VolumeGeometry canonical, Vector3D spacing)
    {
        var old = canonical.Spacing;
        bool IsSame(double a, double b) => Math.Abs(a - b) <= SameSpacing * b;
        return IsSame(old.X, spacing.X) && IsSame(old.Y, spacing.Y) && IsSame(old.Z, spacing.Z) ? canonical : canonical.WithSpacing(spacing);
    }
}
