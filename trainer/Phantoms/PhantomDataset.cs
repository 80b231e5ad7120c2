using System.Text.Json;
using System.Text.Json.Nodes;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Nifti;
using Credence.Trainer.Datasets;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Phantoms;

/// <summary>How phantoms are written.</summary>
internal enum PhantomFormat
{
    /// <summary>NIfTI files in the Decathlon layout.</summary>
    Nifti,

    /// <summary>One folder a case, with a DICOM series and a NIfTI mask.</summary>
    Dicom,
}

/// <summary>Writes a data set of phantoms that <see cref="Dataset.Open"/> reads.</summary>
internal static class PhantomDataset
{
    private const string Channel = "FLAIR";
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes the data set.</summary>
    /// <param name="folder">Created when missing.</param>
    /// <param name="cases">Number of phantoms, at least 1.</param>
    /// <param name="seed">Same seed, same files.</param>
    /// <param name="format">Layout.</param>
    /// <param name="options">Appearance.</param>
    /// <returns>For each case its id, the path of the scan (file or DICOM folder) and the path of the mask.</returns>
    public static IReadOnlyList<(string Id, string Scan, string Mask)> Write(string folder, int cases, ulong seed, PhantomFormat format, PhantomOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(cases, 1);
        Directory.CreateDirectory(folder);
        var written = new List<(string, string, string)>();
        for (var n = 0; n < cases; n++)
        {
            var id = $"phantom_{n:D3}";
            var phantom = Phantom.Create(options, PatchSampler.Mix(seed, 5, (ulong)n));
            written.Add(format == PhantomFormat.Nifti ? WriteNifti(folder, id, phantom) : WriteDicom(folder, id, phantom, seed));
        }

        OutputFile.WriteText(Path.Combine(folder, Dataset.DescriptionFile), Describe(format, cases).ToJsonString(Indented) + "\n");
        return written;
    }

    private static (string, string, string) WriteNifti(string folder, string id, Phantom phantom)
    {
        var scan = Path.Combine(folder, "imagesTr", $"{id}_0000.nii.gz");
        var mask = Path.Combine(folder, "labelsTr", $"{id}.nii.gz");
        Directory.CreateDirectory(Path.GetDirectoryName(scan)!);
        Directory.CreateDirectory(Path.GetDirectoryName(mask)!);
        NiftiFile.Write(scan, phantom.Scan, NiftiDataType.Int16);
        NiftiFile.Write(mask, phantom.Lesions);
        return (id, scan, mask);
    }

    private static (string, string, string) WriteDicom(string folder, string id, Phantom phantom, ulong seed)
    {
        var scan = Path.Combine(folder, id, "flair");
        var mask = Path.Combine(folder, id, "lesion.nii.gz");
        DicomSeriesWriter.Write(scan, phantom.Scan, new() { UidSeed = $"credence phantom {seed}/{id}", Patient = id, Description = Channel });
        NiftiFile.Write(mask, phantom.Lesions);
        return (id, scan, mask);
    }

    private static JsonObject Describe(PhantomFormat format, int cases) => format == PhantomFormat.Nifti
        ? new()
        {
            ["name"] = "Phantoms",
            ["channel_names"] = new JsonObject { ["0"] = Channel },
            ["labels"] = new JsonObject { ["background"] = 0, ["lesion"] = 1 },
            ["numTraining"] = cases,
            ["file_ending"] = ".nii.gz",
        }
        : new()
        {
            ["channels"] = new JsonObject { [Channel] = "flair" },
            ["mask"] = "lesion.nii.gz",
            ["labels"] = new JsonObject { ["background"] = 0, ["lesion"] = 1 },
        };
}
