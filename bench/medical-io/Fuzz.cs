using System.Globalization;
using System.IO.Compression;
using System.Text.Json.Nodes;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Dicom.Results;
using Credence.MedicalIO.Nifti;

/// <summary>
/// Reads mutated copies of a file: bytes replaced, cut, repeated. Anything but a volume or one of our exceptions ends the run and keeps the input, and so do
/// more processor time or memory than are allowed.
/// </summary>
/// <remarks>
/// Of a .nii.gz, even inputs are mutated before they are compressed, so that damage reaches the header behind gzip, and odd ones after. Of a .hdr with its
/// .img, even inputs damage the header and odd ones the voxels. Every other DICOM input is resampled where it would be refused.
/// </remarks>
internal static class Fuzz
{
    private const int Seed = 1;
    private const double MostSeconds = 10; // of processors, so that what else the machine does does not look like a hang

    public static int Run(string path, int inputs, string? results)
    {
        var random = new Random(Seed);
        var folder = Directory.CreateTempSubdirectory("credence-fuzz-");
        var (write, read) = Kind(path, folder.FullName);
        var (volumes, refused, slowest, largest) = (0, new SortedDictionary<string, int>(StringComparer.Ordinal), 0.0, 0L);
        for (var n = 0; n < inputs; n++)
        {
            var (target, length) = write(n, random);
            var (before, start) = (GC.GetTotalAllocatedBytes(), Environment.CpuUsage.TotalTime);
            string? broken = null;
            try
            {
                read(n, target);
                volumes++;
            }
            catch (MedicalImageException e)
            {
                refused[e.GetType().Name] = refused.GetValueOrDefault(e.GetType().Name) + 1;
            }
            catch (Exception e)
            {
                broken = e.ToString();
            }

            var (seconds, allocated) = ((Environment.CpuUsage.TotalTime - start).TotalSeconds, GC.GetTotalAllocatedBytes() - before);
            var allowed = Allowed(target, length);
            (slowest, largest) = (Math.Max(slowest, seconds), Math.Max(largest, allocated));
            broken ??= seconds > MostSeconds ? FormattableString.Invariant($"took {seconds:F1} s of processors; {MostSeconds} are allowed") : null;
            broken ??= allocated > allowed ? $"of {length} bytes made the reader allocate {allocated}; {allowed} are allowed" : null;
            if (broken is not null)
            {
                var kept = Path.Combine(Environment.CurrentDirectory, "fuzz-failure" + Path.GetExtension(target));
                File.Copy(target, kept, overwrite: true);
                Console.Error.WriteLine($"input {n} (kept as {kept}): {broken}");
                return 1;
            }
        }

        folder.Delete(recursive: true);
        var refusals = string.Join(", ", refused.Select(r => $"{r.Value} {r.Key}"));
        Console.WriteLine(FormattableString.Invariant(
            $"{inputs} inputs from {Path.GetFileName(path)}: {volumes} read, refused with {refusals}; slowest {slowest:F2} s of processors, largest allocation {largest / 1048576.0:F1} MiB"));
        if (results is not null)
        {
            Record(results, Path.GetFileName(path), new()
            {
                ["inputs"] = inputs,
                ["seed"] = Seed,
                ["read"] = volumes,
                ["refused"] = new JsonObject([.. refused.Select(r => KeyValuePair.Create<string, JsonNode?>(r.Key, r.Value))]),
                ["slowestProcessorSeconds"] = Math.Round(slowest, 3),
                ["largestAllocationBytes"] = largest,
            });
        }

        return 0;
    }

    /// <summary>What docs/reference/dicom-conformance.md promises. Of DICOM the tighter figure of uncompressed files: these are small.</summary>
    private static long Allowed(string target, long length) =>
        target.EndsWith(".gz", StringComparison.Ordinal) ? (128L << 20) + 4224 * length : (64L << 20) + 64 * length;

    private static (Func<int, Random, (string Target, long Length)> Write, Action<int, string> Read) Kind(string path, string folder)
    {
        var whole = File.ReadAllBytes(path);
        string Target(string name) => Path.Combine(folder, name);
        (string, long) Put(string name, byte[] bytes)
        {
            File.WriteAllBytes(Target(name), bytes);
            return (Target(name), bytes.Length);
        }

        static void ReadNifti(int number, string target) => NiftiFile.Read(target, new() { Volume = 0, Resample = number % 2 == 1 });
        if (path.EndsWith(".gz", StringComparison.Ordinal))
        {
            using var inflated = new MemoryStream();
            using (var stream = new GZipStream(new MemoryStream(whole), CompressionMode.Decompress))
            {
                stream.CopyTo(inflated);
            }

            var bare = inflated.ToArray();
            return ((n, random) => Put("a.nii.gz", n % 2 == 0 ? Deflated(Mutate(bare, random)) : Mutate(whole, random)), ReadNifti);
        }

        if (path.EndsWith(".hdr", StringComparison.Ordinal))
        {
            var voxels = File.ReadAllBytes(Path.ChangeExtension(path, ".img"));
            return ((n, random) =>
            {
                var (_, length) = Put("a.img", n % 2 == 0 ? voxels : Mutate(voxels, random));
                var (target, more) = Put("a.hdr", n % 2 == 0 ? Mutate(whole, random) : whole);
                return (target, length + more);
            }, ReadNifti);
        }

        if (NiftiFile.HasExtension(path))
        {
            return ((_, random) => Put("a.nii", Mutate(whole, random)), ReadNifti);
        }

        return ((_, random) => Put("a.dcm", Mutate(whole, random)), IsSegmentation(path)
            ? (_, target) => DicomSegmentation.Read(target)
            : (n, target) => DicomSeries.Read(target, resample: n % 2 == 1));
    }

    private static bool IsSegmentation(string path)
    {
        try
        {
            DicomSegmentation.Read(path);
            return true;
        }
        catch (MedicalImageException)
        {
            return false;
        }
    }

    private static byte[] Deflated(byte[] bytes)
    {
        using var deflated = new MemoryStream();
        using (var stream = new GZipStream(deflated, CompressionLevel.Fastest))
        {
            stream.Write(bytes);
        }

        return deflated.ToArray();
    }

    private static byte[] Mutate(byte[] whole, Random random)
    {
        var bytes = (byte[])whole.Clone();
        var header = Math.Min(bytes.Length, 4096); // where most of the meaning is
        for (var n = random.Next(1, 6); n > 0; n--)
        {
            var at = random.Next(random.Next(2) == 0 ? header : bytes.Length);
            bytes[at] = random.Next(4) switch { 0 => 0, 1 => 0xFF, 2 => (byte)(bytes[at] + 1), _ => (byte)random.Next(256) };
        }

        return random.Next(8) switch
        {
            0 => bytes[..random.Next(bytes.Length)],
            1 when random.Next(bytes.Length) is var at && random.Next(64) is var length => [.. bytes[..at], .. bytes[at..Math.Min(bytes.Length, at + length)], .. bytes[at..]],
            _ => bytes,
        };
    }

    /// <summary>Adds one entry to a JSON file of several, which other runs may have written.</summary>
    private static void Record(string path, string name, JsonObject entry)
    {
        var all = File.Exists(path) ? JsonNode.Parse(File.ReadAllText(path))!.AsObject() : [];
        all[name] = entry;
        var sorted = new JsonObject([.. all.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => KeyValuePair.Create(e.Key, e.Value?.DeepClone()))]);
        OutputFile.Write(path, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(sorted.ToJsonString(new() { WriteIndented = true }) + "\n")));
    }
}
