using System.Globalization;
using Credence.Inference;
using Credence.Inference.Metrics;
using Credence.MedicalIO.Nifti;

// Prints the median seconds of processor time of one job, which other programs on the machine do not lengthen, and what it found, so that run.py can see
// that both sides computed the same.
if (args is not [var job, var folder, var rounds])
{
    Console.Error.WriteLine("metrics-bench components|distance|masks|error-detection|everything <folder of run.py> <rounds>");
    return 2;
}

var reference = NiftiFile.ReadLabels(Path.Combine(folder, "reference.nii.gz"));
var prediction = NiftiFile.ReadLabels(Path.Combine(folder, "prediction.nii.gz"));
var (size, spacing) = (reference.Geometry.Size, reference.Geometry.Spacing);
bool[] mask = [.. reference.Labels.Select(l => l != 0)];
var masks = new EvaluationCase { Name = "bench", Reference = reference, Prediction = prediction };
Func<double> work;
switch (job)
{
    case "components":
        work = () => ConnectedComponents.Label(mask, size).VoxelCounts.Count;
        break;
    case "distance":
        work = () => Math.Sqrt(DistanceTransform.Squared(mask, size, spacing)[0]);
        break;
    case "masks":
        work = () => CaseEvaluation.Evaluate(masks).Values["label-1/hd95-mm"]!.Value;
        break;
    case "error-detection":
        var uncertainty = NiftiFile.Read(Path.Combine(folder, "uncertainty.nii.gz")).Voxels;
        bool[] isWrong = [.. reference.Labels.Zip(prediction.Labels, (a, b) => a != b)];
        work = () => ErrorDetection.Measure(uncertainty, isWrong).AreaUnderRoc;
        break;
    default:
        var all = masks with
        {
            Probabilities = new Dictionary<byte, Credence.MedicalIO.Volume> { [1] = NiftiFile.Read(Path.Combine(folder, "probability.nii.gz")) },
            Uncertainty = NiftiFile.Read(Path.Combine(folder, "uncertainty.nii.gz")),
        };
        work = () => CaseEvaluation.Evaluate(all).Values["label-1/ndsc-r-auc"]!.Value;
        break;
}

var found = work(); // compiled now
var times = new List<double>();
for (var n = 0; n < int.Parse(rounds, CultureInfo.InvariantCulture); n++)
{
    var before = Environment.CpuUsage.TotalTime;
    work();
    times.Add((Environment.CpuUsage.TotalTime - before).TotalSeconds);
}

times.Sort();
Console.WriteLine(FormattableString.Invariant($"{times[times.Count / 2]:R} {found:R}"));
return 0;
