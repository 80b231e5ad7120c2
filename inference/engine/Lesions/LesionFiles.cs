using System.Globalization;
using System.Text.Json;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.Inference.Lesions;

/// <summary>The lesions of a case as files: <c>lesions.csv</c> and <c>lesions.json</c> with a row a lesion, <c>lesions.nii.gz</c> with its number in its voxels.</summary>
internal static class LesionFiles
{
    private static readonly string[] Columns =
    [
        "lesion", "class", "label", "voxels", "volume-ml", "sample-mean-volume-ml", "volume-low-95-ml", "volume-high-95-ml", "existence-probability", "structural-uncertainty",
        "mean-probability", "peak-probability", "mean-entropy-nats", "mean-mutual-information-nats", "centroid-r-mm", "centroid-a-mm", "centroid-s-mm", "peak-r-mm", "peak-a-mm", "peak-s-mm",
    ];

    public static void Write(string folder, VolumeGeometry grid, LesionTable table)
    {
        NiftiFile.Write(Path.Combine(folder, "lesions.nii.gz"), new Volume(grid, Array.ConvertAll(table.Numbers, n => (float)n)),
            table.Lesions.Count <= short.MaxValue ? NiftiDataType.Int16 : NiftiDataType.Int32);
        OutputFile.WriteText(Path.Combine(folder, "lesions.json"), JsonSerializer.Serialize(table.Lesions, ReportJson.Default.IReadOnlyListLesion) + "\n");
        OutputFile.WriteCsv(Path.Combine(folder, "lesions.csv"), Columns, table.Lesions.Select(Row));
    }

    private static string?[] Row(Lesion lesion)
    {
        static string? Number(double? value) => value?.ToString("R", CultureInfo.InvariantCulture);
        return
        [
            Number(lesion.Number), lesion.Class, Number(lesion.Label), Number(lesion.Voxels), Number(lesion.Volume), Number(lesion.SampleMeanVolume),
            Number(lesion.SampleVolumeInterval?[0]), Number(lesion.SampleVolumeInterval?[1]), Number(lesion.ExistenceProbability), Number(lesion.StructuralUncertainty),
            Number(lesion.MeanProbability), Number(lesion.PeakProbability), Number(lesion.MeanEntropy), Number(lesion.MeanMutualInformation),
            Number(lesion.Centroid.X), Number(lesion.Centroid.Y), Number(lesion.Centroid.Z), Number(lesion.Peak.X), Number(lesion.Peak.Y), Number(lesion.Peak.Z),
        ];
    }
}
