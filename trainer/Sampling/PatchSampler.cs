using Credence.MedicalIO;
using Credence.Trainer.Distributed;

namespace Credence.Trainer.Sampling;

/// <summary>Draws patches from cases, so that step t of a seed is always the same minibatch, whatever came before.</summary>
internal sealed class PatchSampler
{
    private readonly IReadOnlyList<TrainingCase> cases;
    private readonly Size3 patch;
    private readonly Vector3D spacing;
    private readonly int channels;
    private readonly double foregroundProbability;
    private readonly AugmentationOptions augmentation;
    private readonly ulong seed;

    /// <summary>Creates the sampler.</summary>
    /// <param name="cases">At least one.</param>
    /// <param name="patch">Size of every patch.</param>
    /// <param name="spacing">mm between the voxels of the cases.</param>
    /// <param name="channels">C.</param>
    /// <param name="foregroundProbability">Probability that a patch is centred near a foreground voxel of a class drawn with equal chance.</param>
    /// <param name="augmentation">Variation of the patches.</param>
    /// <param name="seed">Seed.</param>
    public PatchSampler(
        IReadOnlyList<TrainingCase> cases, Size3 patch, Vector3D spacing, int channels, double foregroundProbability, AugmentationOptions augmentation, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfZero(cases.Count);
        (this.cases, this.patch, this.spacing, this.channels) = (cases, patch, spacing, channels);
        (this.foregroundProbability, this.augmentation, this.seed) = (foregroundProbability, augmentation, seed);
    }

    /// <summary>Draws the minibatch of one step.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="batch">N.</param>
    public PatchBatch Draw(long step, int batch) => Draw(step, batch, new(0, batch));

    /// <summary>Draws a part of the minibatch of one step.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="batch">N of the minibatch.</param>
    /// <param name="range">The part.</param>
    public PatchBatch Draw(long step, int batch, ExampleRange range)
    {
        var voxels = checked((int)patch.Count);
        var images = new float[checked(range.Count * channels * voxels)];
        var targets = new long[range.Count * voxels];
        var inside = new bool[voxels];
        for (var n = 0; n < range.Count; n++)
        {
            var recipe = Recipe(step * batch + range.First + n);
            var (@case, transform) = (cases[recipe.Case], recipe.Transform);
            transform.SampleNearest(@case.Classes, @case.Size, targets.AsSpan(n * voxels, voxels), inside, patch);
            for (var c = 0; c < channels; c++)
            {
                var target = images.AsSpan((n * channels + c) * voxels, voxels);
                transform.SampleLinear(@case.Channel(c), @case.Size, target, patch);
                recipe.Channels[c].Apply(target, inside);
            }
        }

        return new(
            images, targets, targets.Count(t => t != 0) / (double)targets.Length,
            Enumerable.Range(0, range.Count).Count(n => targets.AsSpan(n * voxels, voxels).ContainsAnyExcept(0)), patch);
    }

    /// <summary>Cuts out what the same minibatch is made from, for a device to sample and vary.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="batch">N of the minibatch.</param>
    /// <param name="range">The part of it.</param>
    /// <param name="device">Where it will be sampled; for a CUDA device the blocks lie in pinned memory.</param>
    internal PatchBlocks Cut(long step, int batch, ExampleRange range, Device device) =>
        new([.. Enumerable.Range(range.First, range.Count).Select(n => Recipe(step * batch + n)).Select(r => PatchBlock.Cut(cases[r.Case], r, patch, device))], patch);

    /// <summary>A 31-bit number that depends on every bit of its arguments (SplitMix64, Steele et al. 2014, doi:10.1145/2660193.2660195).</summary>
    internal static int Mix(ulong seed, ulong stream, ulong index)
    {
        var z = seed + 0x9E3779B97F4A7C15 * (index + 1) + 0xD1B54A32D192ED03 * (stream + 1);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (int)((z ^ (z >> 31)) & 0x7FFFFFFF);
    }

    /// <summary>How one patch is made: a pure function of the seed and its number.</summary>
    private PatchRecipe Recipe(long draw)
    {
        // Cases are visited in shuffled order, each once before any comes again.
        var round = draw / cases.Count;
        var index = Permutation(round)[(int)(draw % cases.Count)];
        var @case = cases[index];
        var random = new Random(Mix(seed, 1, (ulong)draw));
        var origin = random.NextDouble() < foregroundProbability && @case.Foreground.Count > 0
            ? OriginAtForeground(@case, random)
            : OriginAnywhere(@case.Size, random);
        var ofFields = new Random(Mix(seed, 6, (ulong)draw));
        var transform = SpatialTransform.Draw(origin, patch, @case.Size, spacing, augmentation, random, ofFields);
        return new(index, transform, [.. Enumerable.Range(0, channels).Select(_ => IntensityAugmentation.Draw(patch, augmentation, random, ofFields))]);
    }

    private int[] Permutation(long round)
    {
        var order = Enumerable.Range(0, cases.Count).ToArray();
        new Random(Mix(seed, 0, (ulong)round)).Shuffle(order);
        return order;
    }

    /// <summary>Any position at which the patch lies inside the case or, where the case is smaller, the case inside the patch.</summary>
    private Vector3D OriginAnywhere(Size3 size, Random random)
    {
        int Position(int edge, int patchEdge) => random.Next(Math.Min(0, edge - patchEdge), Math.Max(0, edge - patchEdge) + 1);
        return new(Position(size.Width, patch.Width), Position(size.Height, patch.Height), Position(size.Depth, patch.Depth));
    }

    /// <summary>A position at which the patch holds a foreground voxel, anywhere in its inner half.</summary>
    private Vector3D OriginAtForeground(TrainingCase @case, Random random)
    {
        var offsets = @case.Foreground[random.Next(@case.Foreground.Count)];
        var offset = offsets[random.Next(offsets.Length)];
        var (size, w) = (@case.Size, @case.Size.Width);
        int Position(int at, int edge, int patchEdge)
        {
            var lowest = Math.Min(0, edge - patchEdge);
            var highest = Math.Max(0, edge - patchEdge);
            return Math.Clamp(at - patchEdge / 4 - random.Next(Math.Max(1, patchEdge / 2)), lowest, highest);
        }

        return new(
            Position(offset % w, w, patch.Width),
            Position(offset / w % size.Height, size.Height, patch.Height),
            Position(offset / w / size.Height, size.Depth, patch.Depth));
    }
}
