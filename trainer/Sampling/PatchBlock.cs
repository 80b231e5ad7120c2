using Credence.MedicalIO;

namespace Credence.Trainer.Sampling;

/// <summary>The part of a case that one patch is sampled from, and how.</summary>
/// <param name="Images">(C, D', H', W'), in pinned memory where a CUDA device will copy it.</param>
/// <param name="Classes">(D', H', W'), uint8.</param>
/// <param name="ToBlock">Patch index to (fractional) block index.</param>
/// <param name="Displacement">(3, D, H, W), float64, i, j and k: what is added to that; null for nothing.</param>
/// <param name="Channels">What happens to the intensities of each channel.</param>
/// <param name="ReceiveFields">(D, H, W) a channel that has one.</param>
internal sealed record PatchBlock(Tensor Images, Tensor Classes, Affine ToBlock, Tensor? Displacement, IReadOnlyList<IntensityAugmentation> Channels, IReadOnlyList<Tensor?> ReceiveFields) : IDisposable
{
    /// <summary>Copies the smallest box of the case that holds every voxel the patch can touch.</summary>
    /// <param name="source">The case.</param>
    /// <param name="recipe">What was drawn.</param>
    /// <param name="patch">Size of the patch.</param>
    /// <param name="device">Where it will be sampled.</param>
    public static PatchBlock Cut(TrainingCase source, PatchRecipe recipe, Size3 patch, Device device)
    {
        var toCase = recipe.Transform.ToCase;
        var corners = Enumerable.Range(0, 8).Select(n => toCase.Apply(new(
            (n & 1) * (patch.Width - 1), (n >> 1 & 1) * (patch.Height - 1), (n >> 2) * (patch.Depth - 1)))).ToList();
        var moved = recipe.Transform.Displacement;
        var (x, width) = Range(corners.Select(c => c.X), moved?.I, source.Size.Width);
        var (y, height) = Range(corners.Select(c => c.Y), moved?.J, source.Size.Height);
        var (z, depth) = Range(corners.Select(c => c.Z), moved?.K, source.Size.Depth);
        var channels = recipe.Channels.Count;
        var (images, classes) = (new float[channels * depth * height * width], new byte[depth * height * width]);
        for (var row = 0; row < depth * height; row++)
        {
            var from = x + source.Size.Width * (y + row % height + source.Size.Height * (z + row / height));
            source.Classes.AsSpan(from, width).CopyTo(classes.AsSpan(row * width));
            for (var c = 0; c < channels; c++)
            {
                source.Channel(c).Slice(from, width).CopyTo(images.AsSpan((c * depth * height + row) * width));
            }
        }

        return new(
            Place(tensor(images, [channels, depth, height, width])), Place(tensor(classes, [depth, height, width])),
            toCase with { Origin = toCase.Origin - new Vector3D(x, y, z) },
            moved is null ? null : Place(tensor((double[])[.. moved.I, .. moved.J, .. moved.K], [3, patch.Depth, patch.Height, patch.Width])),
            recipe.Channels, [.. recipe.Channels.Select(c => c.ReceiveField is { } field ? Place(tensor(field, [patch.Depth, patch.Height, patch.Width])) : null)]);

        Tensor Place(Tensor block)
        {
            if (device.type != DeviceType.CUDA)
            {
                return block;
            }

            using (block)
            {
                return block.pin_memory();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Images.Dispose();
        Classes.Dispose();
        Displacement?.Dispose();
        foreach (var field in ReceiveFields)
        {
            field?.Dispose();
        }
    }

    /// <summary>First voxel and number of voxels along one axis; one voxel where the patch lies outside the case.</summary>
    private static (int First, int Count) Range(IEnumerable<double> positions, double[]? displacement, int edge)
    {
        var list = positions.ToList();
        var first = (int)Math.Clamp(Math.Floor(list.Min() + (displacement?.Min() ?? 0)), 0, edge - 1);
        var last = (int)Math.Clamp(Math.Floor(list.Max() + (displacement?.Max() ?? 0)) + 1, first, edge - 1);
        return (first, last - first + 1);
    }
}
