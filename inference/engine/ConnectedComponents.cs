using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>Lesions as connected components of a mask.</summary>
/// <remarks>
/// Runs of foreground along W are found first; runs that touch are then joined by union-find with path halving, the lower number as root.
/// Source: He et al. 2008, "A run-based two-scan labeling algorithm", doi:10.1109/TIP.2008.919369.
/// </remarks>
internal static class ConnectedComponents
{
    /// <summary>Numbers the components in the order of their first voxel in memory.</summary>
    /// <param name="mask">(D, H, W); true is foreground.</param>
    /// <param name="size">W, H, D.</param>
    /// <param name="connectivity">Which voxels touch; 26 neighbours is the engine's rule for lesions.</param>
    /// <returns>For every voxel 0 or the number of its component from 1, and the number of voxels of each component (index 0 is component 1).</returns>
    public static (int[] Components, IReadOnlyList<int> VoxelCounts) Label(
        ReadOnlySpan<bool> mask, Size3 size, Connectivity connectivity = Connectivity.TwentySix)
    {
        var runs = new List<Run>();
        var rowStart = new int[size.Height * size.Depth + 1]; // first run of each row
        for (var row = 0; row < size.Height * size.Depth; row++)
        {
            FindRuns(mask.Slice(row * size.Width, size.Width), runs);
            rowStart[row + 1] = runs.Count;
        }

        var parent = new int[runs.Count];
        for (var run = 0; run < parent.Length; run++)
        {
            parent[run] = run;
        }

        // A step to another row uses one or two of the axes that two neighbours may differ in; one that is left allows a step along W as well.
        var axes = connectivity switch { Connectivity.Six => 1, Connectivity.Eighteen => 2, _ => 3 };
        for (var k = 0; k < size.Depth; k++)
        {
            for (var j = 0; j < size.Height; j++)
            {
                var row = k * size.Height + j;
                if (rowStart[row] == rowStart[row + 1])
                {
                    continue;
                }

                Span<(int J, int K, int Axes)> earlier = [(-1, 0, 1), (0, -1, 1), (-1, -1, 2), (1, -1, 2)];
                foreach (var step in earlier)
                {
                    if (step.Axes <= axes && j + step.J >= 0 && j + step.J < size.Height && k + step.K >= 0)
                    {
                        var other = (k + step.K) * size.Height + j + step.J;
                        Join(runs, parent, rowStart[row], rowStart[row + 1], rowStart[other], rowStart[other + 1], step.Axes < axes ? 1 : 0);
                    }
                }
            }
        }

        return Number(runs, parent, rowStart, mask.Length, size.Width);
    }

    private static void FindRuns(ReadOnlySpan<bool> row, List<Run> runs)
    {
        for (var start = row.IndexOf(true); start < row.Length && start >= 0;)
        {
            var length = row[start..].IndexOf(false);
            var end = length < 0 ? row.Length : start + length;
            runs.Add(new(start, end));
            var gap = row[end..].IndexOf(true);
            start = gap < 0 ? -1 : end + gap;
        }
    }

    /// <summary>Joins the runs of two rows that overlap, or lie at most <paramref name="reach"/> voxels apart.</summary>
    private static void Join(List<Run> runs, int[] parent, int a, int endA, int b, int endB, int reach)
    {
        while (a < endA && b < endB)
        {
            if (runs[a].Start < runs[b].End + reach && runs[b].Start < runs[a].End + reach)
            {
                var (rootA, rootB) = (Root(parent, a), Root(parent, b));
                parent[Math.Max(rootA, rootB)] = Math.Min(rootA, rootB);
            }

            if (runs[a].End < runs[b].End)
            {
                a++;
            }
            else
            {
                b++;
            }
        }
    }

    private static int Root(int[] parent, int run)
    {
        while (parent[run] != run)
        {
            parent[run] = parent[parent[run]];
            run = parent[run];
        }

        return run;
    }

    private static (int[] Components, IReadOnlyList<int> VoxelCounts) Number(List<Run> runs, int[] parent, int[] rowStart, int voxels, int width)
    {
        var components = new int[voxels];
        var counts = new List<int>();
        var number = new int[runs.Count];
        for (var row = 0; row < rowStart.Length - 1; row++)
        {
            for (var run = rowStart[row]; run < rowStart[row + 1]; run++)
            {
                var root = Root(parent, run);
                if (root == run)
                {
                    counts.Add(0);
                    number[run] = counts.Count;
                }

                number[run] = number[root]; // a root has the lowest number of its component, so it was met first
                counts[number[run] - 1] += runs[run].End - runs[run].Start;
                components.AsSpan(row * width + runs[run].Start, runs[run].End - runs[run].Start).Fill(number[run]);
            }
        }

        return (components, counts);
    }

    /// <summary>Foreground from <paramref name="Start"/> to before <paramref name="End"/> in one row.</summary>
    private readonly record struct Run(int Start, int End);
}
