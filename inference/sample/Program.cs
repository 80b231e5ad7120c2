using Credence.Inference;

using var segmenter = LesionSegmenter.Load(args[0]);
segmenter.WarmUp();
using var cancellation = new CancellationTokenSource(TimeSpan.FromMinutes(10));
var progress = new Progress<double>(share => Console.Error.WriteLine($"{share:P0}"));
var result = await segmenter.PredictAsync([Scan.Read(args[1])], new() { Samples = 16, Seed = 1 }, progress, cancellation.Token);
foreach (var lesion in result.Prediction.Lesions.Lesions)
{
    var share = lesion.ExistenceProbability is { } samples ? $", in {samples:P0} of the samples" : ""; // a plain network has none
    Console.WriteLine($"lesion {lesion.Number}: {lesion.Volume:F2} mL{share}");
}

result.Save(args[2]);
