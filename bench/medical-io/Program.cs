using System.Diagnostics;
using System.Globalization;
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
    ["idle"] => Time("1", () => { }),
    ["fuzz", var path, var inputs] => Fuzz.Run(path, int.Parse(inputs, CultureInfo.InvariantCulture), results: null),
    ["fuzz", var path, var inputs, var results] => Fuzz.Run(path, int.Parse(inputs, CultureInfo.InvariantCulture), results),
    _ => Usage(),
};

static int Usage()
{
    Console.Error.WriteLine("medical-io-bench make-series <folder> | load-series <folder> <rounds> | load-nifti <file> <rounds> | save-nifti <file> <target> <rounds> | resample <file> Linear|CubicSpline <rounds> | idle | fuzz <file> <inputs> [<results.json>]");
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
