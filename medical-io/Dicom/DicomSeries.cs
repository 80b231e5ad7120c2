using System.Collections.Concurrent;
using System.IO.Enumeration;

namespace Credence.MedicalIO.Dicom;

/// <summary>The image files of one series, sorted into stacks.</summary>
public sealed class DicomSeries
{
    private DicomSeries(string source, IReadOnlyList<ImageFile> all, IReadOnlyList<string> notes)
    {
        // The same instance at the same place is a second export of one file; one UID given to different slices is a fault of their writer, and all are kept.
        var instances = all.GroupBy(f => (f.Uid, f.Slices[0].Plane.Position, f.Slices[0].Order)).ToList();
        var files = instances.ConvertAll(i => i.First());
        Copies = [.. instances.SelectMany(i => i.Skip(1).Select(f => $"{Path.GetRelativePath(source, f.Path)} is the same instance as {Path.GetRelativePath(source, i.First().Path)} and is left out"))];
        var first = files[0];
        Source = source;
        Uid = first.SeriesUid;
        Number = first.Number;
        Description = first.Description;
        Protocol = first.Protocol;
        StudyUid = first.StudyUid;
        SopClassUid = first.SopClassUid;
        Modality = first.Modality;
        TransferSyntaxes = [.. files.Select(f => f.TransferSyntax).Distinct()];
        Files = [.. files.Select(f => f.Path)];
        Notes = notes;
        Stacks = DicomStack.Group(source, files.SelectMany(f => f.Slices), Modality == "CT");
    }

    /// <summary>The folder or file that was searched.</summary>
    public string Source { get; }

    /// <summary>SeriesInstanceUID.</summary>
    public string Uid { get; }

    /// <summary>SeriesNumber; null when absent.</summary>
    public int? Number { get; }

    /// <summary>SeriesDescription; empty when absent.</summary>
    public string Description { get; }

    /// <summary>ProtocolName; empty when absent.</summary>
    public string Protocol { get; }

    /// <summary>StudyInstanceUID; empty when absent.</summary>
    public string StudyUid { get; }

    /// <summary>SOPClassUID of the first file: what kind of object the series holds.</summary>
    public string SopClassUid { get; }

    /// <summary>Modality: MR, CT and so on.</summary>
    public string Modality { get; }

    /// <summary>Names of the transfer syntaxes of the files.</summary>
    public IReadOnlyList<string> TransferSyntaxes { get; }

    /// <summary>The image files, sorted by name, each instance once.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Volumes, by image type, echo, size and orientation.</summary>
    public IReadOnlyList<DicomStack> Stacks { get; }

    /// <summary>Image files that were left out, and why: those of the series, and those of its folder that do not say which series is theirs.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Files that repeat an instance of the series, as exporting a study twice makes them; the first of each by name is kept.</summary>
    public IReadOnlyList<string> Copies { get; }

    /// <summary>Finds the series in a folder and the folders below it, reading headers only, in parallel. Files that are not DICOM images are passed over.</summary>
    /// <param name="path">A folder, or one file.</param>
    /// <param name="isRecursive">Whether folders below are searched.</param>
    /// <param name="problem">Called for each DICOM file that cannot be used; from several threads.</param>
    /// <param name="cancellation">Stops the search.</param>
    /// <returns>Series by number, then by description. Files that do not name their series are one series a folder.</returns>
    public static IReadOnlyList<DicomSeries> Scan(string path, bool isRecursive = true, Action<MedicalImageException>? problem = null, CancellationToken cancellation = default) =>
        Scan(path, FilesBelow(path, isRecursive), problem, cancellation);

    /// <summary>The files of a folder, sorted by name; a file itself. Links to folders are not followed, because they can lead in a circle.</summary>
    /// <param name="path">A folder, or one file.</param>
    /// <param name="isRecursive">Whether folders below are searched.</param>
    public static IReadOnlyList<string> FilesBelow(string path, bool isRecursive = true) => File.Exists(path)
        ? [path]
        : [.. new FileSystemEnumerable<string>(path, (ref FileSystemEntry e) => e.ToSpecifiedFullPath(), new() { RecurseSubdirectories = isRecursive, IgnoreInaccessible = true })
        {
            ShouldIncludePredicate = (ref FileSystemEntry e) => !e.IsDirectory,
            ShouldRecursePredicate = (ref FileSystemEntry e) => !e.Attributes.HasFlag(FileAttributes.ReparsePoint),
        }.Order(StringComparer.Ordinal)];

    /// <summary>Finds the series among files, as <see cref="Scan(string, bool, Action{MedicalImageException}?, CancellationToken)"/> does.</summary>
    /// <param name="path">Where the files are from, for messages.</param>
    /// <param name="paths">The files.</param>
    /// <param name="problem">Called for each DICOM file that cannot be used; from several threads.</param>
    /// <param name="cancellation">Stops the search.</param>
    public static IReadOnlyList<DicomSeries> Scan(string path, IReadOnlyList<string> paths, Action<MedicalImageException>? problem = null, CancellationToken cancellation = default)
    {
        var files = new ConcurrentBag<ImageFile>();
        var left = new ConcurrentBag<(string Series, MedicalImageException Problem)>();
        Parallel.ForEach(paths, new ParallelOptions { CancellationToken = cancellation }, file =>
        {
            var series = "";
            try
            {
                if (DicomFile.ReadHeader(file) is not { } header || !DicomImage.IsImage(header))
                {
                    return;
                }

                series = header.Text(DicomTag.SeriesInstanceUid) ?? "";
                files.Add(ImageFile.From(header, series));
            }
            catch (MedicalImageException e)
            {
                left.Add((series, e));
                problem?.Invoke(e);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                var unreadable = new InvalidImageFileException(file, e.Message, "a readable file", "Check the permissions and the disk.", e);
                left.Add((series, unreadable));
                problem?.Invoke(unreadable);
            }
        });
        return [.. files
            .OrderBy(f => f.Path, StringComparer.Ordinal)
            .GroupBy(f => f.SeriesUid.Length > 0 ? f.SeriesUid : $"without UID in {Path.GetDirectoryName(f.Path)}")
            .SelectMany(Sorted)
            .OrderBy(s => s.Number ?? int.MaxValue).ThenBy(s => s.Description, StringComparer.Ordinal).ThenBy(s => s.Uid, StringComparer.Ordinal)];

        IEnumerable<DicomSeries> Sorted(IGrouping<string, ImageFile> group)
        {
            var folders = group.Select(f => Path.GetDirectoryName(f.Path)).ToHashSet();
            var notes = left.Where(l => l.Series == group.Key || l.Series.Length == 0 && folders.Contains(Path.GetDirectoryName(l.Problem.Path))).Select(l => l.Problem.Message).Order(StringComparer.Ordinal);
            try
            {
                return [new(path, [.. group], [.. notes])];
            }
            catch (MedicalImageException e)
            {
                problem?.Invoke(e);
                return [];
            }
        }
    }

    /// <summary>Reads the one volume in a folder (not in those below it) or in a file.</summary>
    /// <param name="path">A folder with the files of one series, or one file.</param>
    /// <param name="resample">Whether an irregular or tilted stack is put on a regular grid instead of refused.</param>
    /// <exception cref="InvalidImageFileException">No series, a damaged file, or slices that are not one regular stack; the message gives the figures.</exception>
    /// <exception cref="UnsupportedImageException">Several series, several stacks, several time points, or pixels of a kind that is not read.</exception>
    public static Volume Read(string path, bool resample = false) => Only(path).Read(resample);

    /// <summary>Finds the one series in a folder (not in those below it) or in a file.</summary>
    /// <param name="path">A folder with the files of one series, or one file.</param>
    /// <exception cref="InvalidImageFileException">No series, or a damaged file.</exception>
    /// <exception cref="UnsupportedImageException">Several series.</exception>
    public static DicomSeries Only(string path)
    {
        var problems = new ConcurrentQueue<MedicalImageException>();
        var series = Scan(path, isRecursive: false, problems.Enqueue);
        if (problems.OrderBy(p => p.Path, StringComparer.Ordinal).FirstOrDefault() is { } damage)
        {
            throw damage; // what belongs to the scan is not left out in silence
        }

        return series switch
        {
            [] => throw new InvalidImageFileException(path, "no DICOM image", "a folder with the files of one series", "Check the path; sub-folders are not searched."),
            [var one] => one,
            _ => throw new UnsupportedImageException(path, $"{series.Count} series: {string.Join(", ", series.Select(s => $"\"{s.Description}\" with {FileCount(s.Files.Count)}"))}",
                "one series", "Move each series into a folder of its own."),
        };
    }

    /// <summary>Reads the series' one volume.</summary>
    /// <param name="resample">Whether an irregular or tilted stack is put on a regular grid instead of refused.</param>
    /// <exception cref="InvalidImageFileException">The slices are not one regular stack, or a file is damaged.</exception>
    /// <exception cref="UnsupportedImageException">Several stacks, several time points, or pixels of a kind that is not read.</exception>
    public Volume Read(bool resample = false) => OnlyStack().Read(0, resample);

    /// <summary>The series' one stack, of one volume.</summary>
    /// <exception cref="UnsupportedImageException">Several stacks or several time points.</exception>
    public DicomStack OnlyStack()
    {
        if (Stacks.Count > 1)
        {
            throw new UnsupportedImageException(Source, $"{Stacks.Count} stacks of slices: {string.Join(", ", Stacks.Select(s => $"{s.Geometry.Size} ({s.Kind})"))}", "one stack",
                "Move localisers and other kinds of image out of the folder, or convert one stack with `credence-infer convert`.");
        }

        if (Stacks[0].TimePoints > 1)
        {
            throw new UnsupportedImageException(Source, Stacks[0].Incomplete is [var incomplete, ..] ? incomplete : $"{Stacks[0].TimePoints} slices at the same position, everywhere: so many time points", "one volume",
                "Convert one time point with `credence-infer convert --time-point`.");
        }

        return Stacks[0];
    }

    private static string FileCount(int count) => count == 1 ? "1 file" : $"{count} files";

    /// <summary>What a scan of a tree keeps of a file: its header is a window on the bytes that were read, and a study has thousands.</summary>
    private sealed record ImageFile(
        string Path, string Uid, string SeriesUid, int? Number, string Description, string Protocol, string StudyUid, string SopClassUid, string Modality, string TransferSyntax, IReadOnlyList<DicomSlice> Slices)
    {
        public static ImageFile From(DicomDataset header, string seriesUid)
        {
            string Text(DicomTag tag) => header.Text(tag) ?? "";
            return new(header.Path, header.Text(DicomTag.SopInstanceUid) ?? header.Path, seriesUid, header.IntegerText(DicomTag.SeriesNumber), Text(DicomTag.SeriesDescription), Text(DicomTag.ProtocolName),
                Text(DicomTag.StudyInstanceUid), Text(DicomTag.SopClassUid), Text(DicomTag.Modality), header.Syntax.Name, DicomImage.From(header).Slices());
        }
    }
}
