using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli;

/// <summary>One volume, or one volume a time point, as the reader understands it.</summary>
/// <param name="Source">File, or folder of the series.</param>
/// <param name="Encoding">NIfTI version and data type, or DICOM transfer syntax.</param>
/// <param name="Series">SeriesNumber; null for NIfTI and where absent.</param>
/// <param name="Uid">SeriesInstanceUID; null for NIfTI.</param>
/// <param name="Modality">DICOM modality; null for NIfTI.</param>
/// <param name="Description">SeriesDescription and image type; null for NIfTI.</param>
/// <param name="Stack">Which stack of the series, from 1.</param>
/// <param name="Files">Number of files.</param>
/// <param name="Size">Voxels along i, j, k.</param>
/// <param name="Spacing">mm between voxel centres along i, j, k.</param>
/// <param name="Orientation">Directions in which i, j, k grow.</param>
/// <param name="TimePoints">Volumes.</param>
/// <param name="Problems">What keeps the volume from being read as it is, or should be known.</param>
internal sealed record VolumeListing(
    string Source, string Encoding, int? Series, string? Uid, string? Modality, string? Description, int Stack, int Files,
    int[] Size, double[] Spacing, string Orientation, int TimePoints, IReadOnlyList<string> Problems);

/// <summary>What <c>inspect</c> found.</summary>
/// <param name="Volumes">Volumes that the reader understands.</param>
/// <param name="Unreadable">Files that look like scans and cannot be used.</param>
internal sealed record Inspection(IReadOnlyList<VolumeListing> Volumes, IReadOnlyList<string> Unreadable);

[JsonSerializable(typeof(Inspection))]
[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class InspectionJson : JsonSerializerContext;

internal static class InspectCommand
{
    public static Command Create()
    {
        var input = new Argument<FileSystemInfo>("input") { Description = "A NIfTI or DICOM file, or a folder that is searched with all folders below it." };
        var json = new Option<bool>("--json") { Description = "Print the list as JSON." };
        var command = new Command("inspect", "List the series and volumes in a file or folder: size, spacing, orientation, encoding, problems.") { input, json };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            var path = parse.GetRequiredValue(input).FullName;
            var inspection = Inspect(path, cancellation);
            Console.WriteLine(parse.GetValue(json) ? JsonSerializer.Serialize(inspection, InspectionJson.Default.Inspection) : Describe(inspection));
            return inspection.Volumes.Count > 0
                ? CommandLine.Done
                : throw new InvalidImageFileException(path, inspection.Unreadable.Count > 0 ? $"{inspection.Unreadable.Count} scans that cannot be used" : "no scan", "NIfTI or DICOM images", "Check the path.");
        }, cancellation));
        return command;
    }

    private static Inspection Inspect(string path, CancellationToken cancellation)
    {
        if (!Path.Exists(path))
        {
            throw new InvalidImageFileException(path, "nothing there", "a file or a folder", "Check the path.");
        }

        var (volumes, unreadable) = (new List<VolumeListing>(), new List<string>());
        var files = DicomSeries.FilesBelow(path);
        foreach (var file in files.Where(NiftiFile.HasExtension))
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                var info = NiftiFile.ReadInfo(file);
                volumes.Add(Listing(file, $"NIfTI-{info.Version} {info.DataType}", info.Geometry, info.Volumes, info.Problems));
            }
            catch (MedicalImageException e)
            {
                unreadable.Add(e.Message);
            }
        }

        var problems = new ConcurrentBag<string>();
        foreach (var series in DicomSeries.Scan(path, [.. files.Where(f => !NiftiFile.HasExtension(f))], e => problems.Add(e.Message), cancellation))
        {
            var source = series.Files.Count == 1 ? series.Files[0] : Path.GetDirectoryName(series.Files[0])!;
            foreach (var (stack, n) in series.Stacks.Select((stack, n) => (stack, n)))
            {
                volumes.Add(Listing(source, string.Join(", ", series.TransferSyntaxes), stack.Geometry, stack.TimePoints, [.. stack.Problems, .. stack.Incomplete, .. stack.Notes, .. series.Copies]) with
                {
                    Series = series.Number,
                    Uid = series.Uid,
                    Modality = series.Modality,
                    Description = string.Join(", ", new[] { series.Description, stack.Kind }.Where(t => t.Length > 0)),
                    Stack = n + 1,
                    Files = series.Files.Count,
                });
            }
        }

        unreadable.AddRange(problems.Order(StringComparer.Ordinal));
        return new(volumes, unreadable);
    }

    private static VolumeListing Listing(string source, string encoding, VolumeGeometry geometry, int timePoints, IReadOnlyList<string> problems) => new(
        source, encoding, null, null, null, null, 1, 1, [geometry.Size.Width, geometry.Size.Height, geometry.Size.Depth],
        [geometry.Spacing.X, geometry.Spacing.Y, geometry.Spacing.Z], Orientation.Code(geometry.Affine), timePoints, problems);

    private static string Describe(Inspection inspection)
    {
        var lines = new List<string>();
        foreach (var v in inspection.Volumes)
        {
            var series = v.Uid is null ? "" : string.Create(CultureInfo.InvariantCulture, $"{v.Modality} series {v.Series?.ToString(CultureInfo.InvariantCulture) ?? "-"} stack {v.Stack} \"{v.Description}\", {v.Files} file{(v.Files == 1 ? "" : "s")}, ");
            lines.Add($"{v.Source}: {series}{v.Encoding}");
            lines.Add(string.Create(CultureInfo.InvariantCulture,
                $"    {string.Join(" x ", v.Size)} voxels of {string.Join(" x ", v.Spacing.Select(s => s.ToString("0.###", CultureInfo.InvariantCulture)))} mm, {v.Orientation}{(v.TimePoints > 1 ? $", {v.TimePoints} time points" : "")}"));
            lines.AddRange(v.Problems.Select(p => $"    problem: {p}"));
        }

        lines.AddRange(inspection.Unreadable.Select(u => $"unreadable: {u}"));
        return string.Join(Environment.NewLine, lines);
    }
}
