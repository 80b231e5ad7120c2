using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Credence.MedicalIO;

namespace Credence.Trainer.Datasets;

/// <summary>The volumes of one case, checked.</summary>
/// <param name="Id">The case.</param>
/// <param name="Channels">In the order of the data set's channels, all on one grid, all finite.</param>
/// <param name="Mask">On the same grid; only known labels.</param>
/// <param name="ContentHash">SHA-256 over voxels, labels and grid: equal for a case that was copied under another name.</param>
/// <param name="ScanHash">SHA-256 over the voxels of the channels alone: equal for the same scan with another mask, or another header.</param>
internal sealed record LoadedCase(string Id, IReadOnlyList<Volume> Channels, LabelMap Mask, byte[] ContentHash, byte[] ScanHash);

/// <summary>Reads cases and refuses those that would train a wrong network.</summary>
internal static class CaseReader
{
    /// <summary>Reads and checks one case.</summary>
    /// <exception cref="InputException">A file is damaged, grids differ, a voxel is not finite, or a label is unknown.</exception>
    public static LoadedCase Read(Dataset dataset, CaseFiles files)
    {
        var channels = files.ChannelPaths.Select(VolumeFile.Read).ToList();
        var mask = VolumeFile.ReadLabels(files.MaskPath, channels[0].Geometry);

        foreach (var (channel, path) in channels.Zip(files.ChannelPaths))
        {
            CheckGrid(channels[0].Geometry, files.ChannelPaths[0], channel.Geometry, path);
            if (Array.FindIndex(channel.Voxels, v => !float.IsFinite(v)) is >= 0 and var bad)
            {
                var size = channel.Geometry.Size;
                throw new DatasetException(path,
                    $"voxel ({bad % size.Width}, {bad / size.Width % size.Height}, {bad / size.Width / size.Height}) is {channel.Voxels[bad]}",
                    "finite numbers only", "Repair the volume (for example replace NaN outside the brain by 0), or remove the case.");
            }
        }

        CheckGrid(channels[0].Geometry, files.ChannelPaths[0], mask.Geometry, files.MaskPath);

        var isKnown = new bool[256];
        foreach (var c in dataset.Classes)
        {
            isKnown[c.Label] = true;
        }

        if (Array.FindIndex(mask.Labels, l => !isKnown[l]) is >= 0 and var unknown)
        {
            throw new DatasetException(files.MaskPath, $"label {mask.Labels[unknown]} in {mask.Labels.Count(l => l == mask.Labels[unknown])} voxels",
                $"only {string.Join(", ", dataset.Classes.Select(c => c.Label))}", $"Correct the mask, or add the label to {Dataset.DescriptionFile}.");
        }

        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var channel in channels)
        {
            hash.AppendData(MemoryMarshal.AsBytes(channel.Voxels.AsSpan()));
        }

        var scanHash = hash.GetCurrentHash();
        hash.AppendData(mask.Labels);
        hash.AppendData(MemoryMarshal.AsBytes([channels[0].Geometry.Size]));
        hash.AppendData(MemoryMarshal.AsBytes([channels[0].Geometry.Affine]));
        return new(files.Id, channels, mask, hash.GetHashAndReset(), scanHash);
    }

    private static void CheckGrid(VolumeGeometry expected, string expectedPath, VolumeGeometry found, string path)
    {
        if (found.Size != expected.Size)
        {
            throw new DatasetException(path, $"a grid of {found.Size} voxels", $"{expected.Size} as in {expectedPath}",
                "Resample one onto the grid of the other, or draw the mask on the scan itself.");
        }

        // A tenth of a voxel is far above the rounding of headers and far below what moves a boundary.
        var tolerance = 0.1 * Math.Min(expected.Spacing.X, Math.Min(expected.Spacing.Y, expected.Spacing.Z));
        var distance = found.CornerDistance(expected);
        if (!(distance <= tolerance))
        {
            throw new DatasetException(path, FormattableString.Invariant($"a grid whose corners lie up to {distance:G3} mm away from those of {expectedPath}"),
                FormattableString.Invariant($"at most {tolerance:G3} mm"), "Resample one onto the grid of the other, or correct the header.");
        }
    }
}
