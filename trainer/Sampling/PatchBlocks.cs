using Credence.MedicalIO;
using Credence.Models;

namespace Credence.Trainer.Sampling;

/// <summary>One minibatch of patches whose sampling and variation is left to a device: the same patches as <see cref="PatchBatch"/>, within rounding.</summary>
/// <param name="blocks">One an example; owned.</param>
/// <param name="patch">Size of the patches.</param>
internal sealed class PatchBlocks(IReadOnlyList<PatchBlock> blocks, Size3 patch) : IMinibatch
{
    private Tensor? counts; // foreground voxels, patches that hold any; on the device
    private long[]? read; // the same, once they were asked for: the device is not waited for before the step is queued

    /// <inheritdoc/>
    public double ForegroundFraction => (double)Count(0) / (blocks.Count * patch.Count);

    /// <inheritdoc/>
    public int WithForeground => (int)Count(1);

    /// <inheritdoc/>
    public (Tensor Images, Tensor Targets) ToTensors(Device device)
    {
        using var pause = FinalizerPause.Begin();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var patches = blocks.Select(block => Sample(block, device)).ToList();
        var targets = stack(patches.Select(p => p.Target).ToArray());
        var foreground = targets.ne(0).flatten(1).sum(1);
        counts?.Dispose();
        read = null;
        counts = stack([foreground.sum(), foreground.ne(0).sum()]).DetachFromDisposeScope();
        return (stack(patches.Select(p => p.Image).ToArray()).MoveToOuterDisposeScope(), targets.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        counts?.Dispose();
        foreach (var block in blocks)
        {
            block.Dispose();
        }
    }

    private long Count(int which)
    {
        if (read is null)
        {
            using var host = (counts ?? throw new InvalidOperationException("What a minibatch holds is known once it is on its device.")).cpu();
            read = host.data<long>().ToArray();
        }

        return read[which];
    }

    private (Tensor Image, Tensor Target) Sample(PatchBlock block, Device device)
    {
        // Pinned memory is copied without a wait of the host; on the device the copy takes its place in the queue of the steps.
        var images = block.Images.to(device, non_blocking: true);
        var classes = block.Classes.to(device, non_blocking: true);
        var (columns, rows, slices) = (Axis(patch.Width, -1), Axis(patch.Height, -2), Axis(patch.Depth, -3));
        var map = block.ToBlock;
        var displacement = block.Displacement?.to(device, non_blocking: true);
        var x = Position(map.Origin.X, map.ColumnI.X, map.ColumnJ.X, map.ColumnK.X, displacement?[0]);
        var y = Position(map.Origin.Y, map.ColumnI.Y, map.ColumnJ.Y, map.ColumnK.Y, displacement?[1]);
        var z = Position(map.Origin.Z, map.ColumnI.Z, map.ColumnJ.Z, map.ColumnK.Z, displacement?[2]);

        // Without align_corners, grid_sample puts the outer faces of the first and last voxel at -1 and 1.
        var (depth, height, width) = (classes.shape[0], classes.shape[1], classes.shape[2]);
        var grid = stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1, (2 * z + 1) / depth - 1], dim: -1).to(float32);
        var linear = nn.functional.grid_sample(images.unsqueeze(0), grid.unsqueeze(0), GridSampleMode.Bilinear, GridSamplePaddingMode.Zeros, align_corners: false)[0];

        // The nearest voxel from the positions in float64, so that no label depends on the rounding of the grid.
        var (i, j, k) = (Nearest(x), Nearest(y), Nearest(z));
        var isInside = Within(i, width).logical_and(Within(j, height)).logical_and(Within(k, depth));
        var varied = stack(block.Channels.Select((channel, c) => channel.Apply(linear[c], isInside, block.ReceiveFields[c]?.to(device, non_blocking: true))).ToArray());
        var offset = i.clamp(0, width - 1) + width * (j.clamp(0, height - 1) + height * k.clamp(0, depth - 1));
        return (varied, classes.flatten().index_select(0, offset.flatten()).view(offset.shape).to(int64) * isInside);

        Tensor Axis(int count, int axis)
        {
            long[] shape = [1, 1, 1];
            shape[^-axis] = count;
            return arange(count, float64, device).view(shape);
        }

        Tensor Position(double origin, double alongI, double alongJ, double alongK, Tensor? moved)
        {
            var position = origin + alongJ * rows + alongK * slices + alongI * columns;
            return moved is null ? position : position + moved;
        }

        static Tensor Nearest(Tensor position) => (position + 0.5).floor().to(int64);
        static Tensor Within(Tensor index, long edge) => index.ge(0).logical_and(index.lt(edge));
    }
}
