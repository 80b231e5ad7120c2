using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Batch;

/// <summary>A folder that files are being copied into: says which of them have come to rest.</summary>
/// <param name="settle">How long size and time of a file must stay as they are.</param>
/// <param name="clock">Source of time.</param>
internal sealed class DropFolder(TimeSpan settle, TimeProvider clock)
{
    private Dictionary<string, State> seen = [];

    /// <summary>Looks at the files. A DICOM file is at rest with all files of its folder, since one that is still coming may belong to its series.</summary>
    /// <param name="files">What is there now.</param>
    /// <returns>Those at rest.</returns>
    public IReadOnlyList<string> Settled(IReadOnlyList<string> files)
    {
        var now = clock.GetTimestamp();
        var present = new Dictionary<string, State>();
        foreach (var path in files)
        {
            var file = new FileInfo(path);
            if (file.Exists)
            {
                var state = new State(file.Length, file.LastWriteTimeUtc.Ticks, now);
                present[path] = seen.TryGetValue(path, out var before) && before with { Since = now } == state ? before : state;
            }
        }

        seen = present;
        bool IsAtRest(string path) => clock.GetElapsedTime(present[path].Since, now) >= settle;
        var restless = present.Keys.Where(f => !IsAtRest(f)).Select(f => Path.GetDirectoryName(f)!).ToHashSet();
        return [.. files.Where(f => present.ContainsKey(f) && IsAtRest(f) && (NiftiFile.HasExtension(f) || !restless.Contains(Path.GetDirectoryName(f)!)))];
    }

    /// <param name="Length">Bytes.</param>
    /// <param name="Written">Time of last write, ticks.</param>
    /// <param name="Since">When it was first seen so.</param>
    private readonly record struct State(long Length, long Written, long Since);
}
