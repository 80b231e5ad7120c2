using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>Lesions as connected components of a mask; voxels that share a face, an edge or a corner belong together (26-connectivity).</summary>
public static class ConnectedComponents
{
    /// <summary>Numbers the components.</summary>
    /// <param name="mask">(D, H, W); true is foreground.</param>
    /// <param name="size">W, H, D.</param>
    /// <returns>For every voxel 0 or the number of its component from 1, and the number of voxels of each component (index 0 is component 1).</returns>
    public static (int[] Components, IReadOnlyList<int> VoxelCounts) Label(ReadOnlySpan<bool> mask, Size3 size)
    {
        var components = new int[mask.Length];
        var counts = new List<int>();
        var open = new Stack<int>();
        for (var seed = 0; seed < mask.Length; seed++)
        {
            if (!mask[seed] || components[seed] != 0)
            {
                continue;
            }

            counts.Add(0);
            components[seed] = counts.Count;
            open.Push(seed);
            while (open.TryPop(out var offset))
            {
                counts[^1]++;
                var (i, j, k) = (offset % size.Width, offset / size.Width % size.Height, offset / size.Width / size.Height);
                for (var z = Math.Max(0, k - 1); z <= Math.Min(size.Depth - 1, k + 1); z++)
                {
                    for (var y = Math.Max(0, j - 1); y <= Math.Min(size.Height - 1, j + 1); y++)
                    {
                        for (var x = Math.Max(0, i - 1); x <= Math.Min(size.Width - 1, i + 1); x++)
                        {
                            var neighbour = x + size.Width * (y + size.Height * z);
                            if (mask[neighbour] && components[neighbour] == 0)
                            {
                                components[neighbour] = counts.Count;
                                open.Push(neighbour);
                            }
                        }
                    }
                }
            }
        }

        return (components, counts);
    }
}
