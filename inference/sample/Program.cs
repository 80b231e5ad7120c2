using Credence.Inference;

using var segmenter = LesionSegmenter.Load(args[0]);
segmenter.WarmUp();
using var cancellation = new CancellationTokenSource(TimeSpan.FromMinutes(10));
var progress = new Progress<double>(share => Console.Error.WriteLine($"{share:P0}"));
var result = await segmenter.PredictAsync([Scan.Read(args[1])], new() { Samples = 16, Seed = 1 }, progress, cancellation.Token);
foreach (var lesion in result.Prediction.Lesions.Lesions)
{
    Console.WriteLine($"lesion {lesion.Number}: {lesion.Volume:F2} mL, in {lesion.ExistenceProbability:P0} of the samples");
}

result.Save(args[2]);
