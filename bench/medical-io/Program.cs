using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Nifti;

// One job a process, so that peak memory is that of the job. Prints seconds of the best round and the peak memory in MB; run.py compares with peers.
return args switch
{
    ["make-series", var folder] => MakeSeries(folder),
    ["load-series", var folder, var rounds] => Time(rounds, () => DicomSeries.Read(folder)),
    ["load-nifti", var path, var rounds] => Time(rounds, () => NiftiFile.Read(path)),
    ["save-nifti", var source, var target, var rounds] => Time(rounds, Save(NiftiFile.Read(source), target)),
    ["resample", var path, var kind, var rounds] => Time(rounds, Resample(NiftiFile.Read(path), Enum.Parse<Interpolation>(kind))),
    ["fuzz", var path, var inputs] => Fuzz(path, int.Parse(inputs, CultureInfo.InvariantCulture)),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("medical-io-bench make-series <folder> | load-series <folder> <rounds> | load-nifti <file> <rounds> | save-nifti <file> <target> <rounds> | resample <file> Linear|CubicSpline <rounds> | fuzz <file> <inputs>");
    return 2;
}

// A CT-sized MR series: 200 slices of 512 x 512, smooth with noise.
static int MakeSeries(string folder)
{
    var size = new Size3(512, 512, 200);
    var random = new Random(1);
    var voxels = new float[size.Count];
    for (var n = 0; n < voxels.Length; n++)
    {
        voxels[n] = (float)Math.Round(1000 + 500 * Math.Sin(n % 512 / 40.0) * Math.Cos(n / 512 % 512 / 30.0) + random.Next(20));
    }

    DicomSeriesWriter.Write(folder, new(new(size, Affine.Scaling(new(0.5, 0.5, 1.5))), voxels), new() { UidSeed = "bench", Patient = "bench", Description = "bench" });
    return 0;
}

static int Time(string rounds, Action job)
{
    var best = double.PositiveInfinity;
    for (var n = 0; n < int.Parse(rounds, CultureInfo.InvariantCulture); n++)
    {
        var watch = Stopwatch.StartNew();
        job();
        best = Math.Min(best, watch.Elapsed.TotalSeconds);
    }

    using var process = Process.GetCurrentProcess();
    Console.WriteLine(FormattableString.Invariant($"{best:R} {process.PeakWorkingSet64 / 1e6:F0}"));
    return 0;
}

static Action Save(Volume volume, string target) => () => NiftiFile.Write(target, volume, NiftiDataType.Float32);

static Action Resample(Volume volume, Interpolation interpolation)
{
    var target = volume.Geometry.WithSpacing(new(1.2, 1.2, 1.2));
    return () => Resampling.Resample(volume, target, interpolation);
}

// Mutated copies of a file: bytes replaced, cut, repeated. Anything but a volume, or one of our exceptions, ends the run with the input that did it.
static int Fuzz(string path, int inputs)
{
    var whole = File.ReadAllBytes(path);
    if (path.EndsWith(".gz", StringComparison.Ordinal))
    {
        using var stream = new GZipStream(new MemoryStream(whole), CompressionMode.Decompress);
        using var inflated = new MemoryStream();
        stream.CopyTo(inflated);
        whole = inflated.ToArray();
    }

    var isNifti = NiftiFile.HasExtension(path);
    var random = new Random(1);
    var folder = Directory.CreateTempSubdirectory("credence-fuzz-");
    var target = Path.Combine(folder.FullName, isNifti ? "a.nii" : "a.dcm");
    var (read, refused, slowest) = (0, 0, 0.0);
    for (var n = 0; n < inputs; n++)
    {
        var bytes = Mutate(whole, random);
        File.WriteAllBytes(target, bytes);
        var before = GC.GetTotalAllocatedBytes();
        var start = Environment.CpuUsage.TotalTime; // of processors: what else the machine does must not look like a hang
        try
        {
            var volume = isNifti ? NiftiFile.Read(target) : DicomSeries.Read(target);
            read += volume.Voxels.Length > 0 ? 1 : 0;
        }
        catch (MedicalImageException)
        {
            refused++;
        }
        catch (Exception e)
        {
            File.WriteAllBytes("fuzz-failure", bytes);
            Console.Error.WriteLine($"input {n} (kept as fuzz-failure): {e}");
            return 1;
        }

        slowest = Math.Max(slowest, (Environment.CpuUsage.TotalTime - start).TotalSeconds);
        var allocated = GC.GetTotalAllocatedBytes() - before;
        if (allocated > 64L * bytes.Length + (64 << 20))
        {
            File.WriteAllBytes("fuzz-failure", bytes);
            Console.Error.WriteLine($"input {n} (kept as fuzz-failure) of {bytes.Length} bytes made the reader allocate {allocated}");
            return 1;
        }
    }

    folder.Delete(recursive: true);
    Console.WriteLine(FormattableString.Invariant($"{inputs} inputs from {Path.GetFileName(path)}: {read} read, {refused} refused, none broke the reader; slowest {slowest:F2} s of processors"));
    return 0;
}

static byte[] Mutate(byte[] whole, Random random)
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
