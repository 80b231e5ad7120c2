using Credence.MedicalIO;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Tests;

/// <summary>Cases of smoothly varying noise with a block of foreground, of different sizes, two channels each.</summary>
internal static class RandomCases
{
    public static readonly Size3 Patch = new(16, 12, 8);

    public static PatchSampler Sampler(AugmentationOptions augmentation, ulong seed = 1) =>
        new([.. Enumerable.Range(0, 3).Select(Case)], Patch, new(1, 1, 2), channels: 2, foregroundProbability: 0.5, augmentation, seed);

    private static TrainingCase Case(int number)
    {
        var size = new Size3(20 + number, 10 + 4 * number, 9);
        var random = new Random(number);
        var voxels = new float[2 * size.Count];
        var classes = new byte[size.Count];
        for (var v = 0; v < size.Count; v++)
        {
            var (i, j, k) = (v % size.Width, v / size.Width % size.Height, v / size.Width / size.Height);
            voxels[v] = (float)(Math.Sin(0.4 * i + number) + Math.Cos(0.3 * j - 0.5 * k) + 0.1 * random.NextDouble());
            voxels[size.Count + v] = (float)(Math.Sin(0.2 * i * k) + random.NextDouble());
            classes[v] = (byte)(i is > 4 and < 10 && j is > 2 and < 7 && k > 3 ? 1 + (i + j) % 2 : 0);
        }

        return new($"{number}", size, voxels, classes, classCount: 3);
    }
}
