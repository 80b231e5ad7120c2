using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.MedicalIO;

namespace Credence.Inference.Lesions;

/// <summary>Finds the lesions of a segmentation and follows each through the samples.</summary>
/// <param name="prepared">The case: samples lie on the grid of the network, the segmentation on that of the scan.</param>
/// <param name="manifest">Classes and minimum size.</param>
/// <param name="samples">Foreground of each sample, classes by their place in the manifest.</param>
internal sealed class LesionMeasurement(PreparedVolume prepared, ModelManifest manifest, IReadOnlyList<SampleForeground> samples)
{
    private readonly Size3 size = prepared.Geometry.Size;

    /// <summary>Makes the table.</summary>
    /// <param name="segmentation">On the grid of the scan.</param>
    /// <param name="probabilities">Of each foreground class, on the grid of the scan.</param>
    /// <param name="entropy">Predictive entropy, on the grid of the scan.</param>
    /// <param name="information">Mutual information, on the grid of the scan.</param>
    /// <param name="cancellation">Ends the work between two samples.</param>
    public LesionTable Measure(LabelMap segmentation, IReadOnlyList<Volume> probabilities, Volume entropy, Volume information, CancellationToken cancellation = default)
    {
        var (numbers, found) = Find(segmentation, probabilities, entropy, information);
        var seeds = Seeds(numbers, found);
        var followed = Follow(seeds, found, cancellation);
        var volume = prepared.Geometry.VoxelVolume / 1000;
        var isSampled = samples.Count > 1;
        return new(
            [.. found.Select((lesion, n) =>
            {
                double[] volumes = [.. followed.Voxels[n].Select(v => v * volume).Order()];
                var (low, high) = VolumeInterval.OfSamples(volumes);
                return lesion with
                {
                    SampleMeanVolume = volumes.Average(),
                    SampleVolumeInterval = isSampled ? [low, high] : null,
                    ExistenceProbability = isSampled ? volumes.Average(v => v > 0 ? 1.0 : 0) : null,
                    StructuralUncertainty = isSampled ? 1 - followed.Overlap[n].Average() : null,
                };
            })],
            numbers, followed.Counts, [.. followed.ClassOverlap.Select(o => isSampled ? 1 - o.Average() : (double?)null)]);
    }

    /// <summary>Lesions of the segmentation without what samples say; their numbers, largest first.</summary>
    private (int[] Numbers, List<Lesion> Lesions) Find(LabelMap segmentation, IReadOnlyList<Volume> probabilities, Volume entropy, Volume information)
    {
        var (geometry, labels) = (segmentation.Geometry, segmentation.Labels);
        var numbers = new int[labels.Length];
        var sums = new List<Sums>();
        foreach (var (@class, place) in manifest.Classes.Skip(1).Select((c, n) => (c, n)))
        {
            var (components, counts) = ConnectedComponents.Label(Array.ConvertAll(labels, l => l == @class.Label), geometry.Size);
            var first = sums.Count;
            sums.AddRange(counts.Select(_ => new Sums { Class = @class }));
            for (var v = 0; v < components.Length; v++)
            {
                if (components[v] > 0)
                {
                    numbers[v] = first + components[v];
                    sums[numbers[v] - 1].Add(v, geometry, probabilities[place].Voxels[v], entropy.Voxels[v], information.Voxels[v]);
                }
            }
        }

        var order = Enumerable.Range(0, sums.Count).OrderByDescending(n => sums[n].Voxels).ToList(); // of equal ones the first in memory
        var renumbered = new int[sums.Count + 1];
        for (var n = 0; n < order.Count; n++)
        {
            renumbered[order[n] + 1] = n + 1;
        }

        for (var v = 0; v < numbers.Length; v++)
        {
            numbers[v] = renumbered[numbers[v]];
        }

        return (numbers, [.. order.Select((from, n) => sums[from].ToLesion(n + 1, geometry, hasInformation: samples.Count > 1))]);
    }

    /// <summary>
    /// Where each lesion lies on the grid of the network: the voxels whose nearest voxel of the scan is its, so that its size there is that of a sample's. A lesion
    /// between the voxels of a coarser network has those that are nearest to its own.
    /// </summary>
    private Dictionary<int, int> Seeds(int[] numbers, List<Lesion> lesions)
    {
        var seeds = new Dictionary<int, int>();
        var (source, toNetwork) = (prepared.Source, prepared.Geometry.Affine.Inverse());
        var nearest = source == prepared.Geometry ? null : Resampling.Resample(new Volume(source, Array.ConvertAll(numbers, n => (float)n)), prepared.Geometry, Interpolation.Nearest).Voxels;
        var hasSeed = new bool[lesions.Count + 1];
        for (var v = 0; v < size.Count; v++)
        {
            if ((nearest is null ? numbers[v] : (int)nearest[v]) is > 0 and var number)
            {
                seeds[v] = number;
                hasSeed[number] = true;
            }
        }

        for (var v = 0; v < numbers.Length; v++)
        {
            if (numbers[v] == 0 || hasSeed[numbers[v]])
            {
                continue;
            }

            var (i, j, k) = source.IndexOf(v);
            var at = toNetwork.Apply(source.Affine.Apply(new(i, j, k)));
            var (x, y, z) = ((int)Math.Round(at.X), (int)Math.Round(at.Y), (int)Math.Round(at.Z));
            if (x >= 0 && x < size.Width && y >= 0 && y < size.Height && z >= 0 && z < size.Depth)
            {
                seeds.TryAdd(x + size.Width * (y + size.Height * z), numbers[v]);
            }
        }

        return seeds;
    }

    /// <summary>Follows the lesions through the samples.</summary>
    private Followed Follow(Dictionary<int, int> seeds, List<Lesion> lesions, CancellationToken cancellation)
    {
        var place = manifest.Classes.Select((c, n) => (c.Label, n)).ToDictionary(c => c.Label, c => c.n);
        int[] classOf = [0, .. lesions.Select(l => place[l.Label])];
        var seedCounts = new int[lesions.Count + 1];
        var classCounts = new long[manifest.Classes.Count];
        foreach (var number in seeds.Values)
        {
            seedCounts[number]++;
            classCounts[classOf[number]]++;
        }

        var smallest = manifest.Calibration.MinimumLesionVoxels * prepared.Source.VoxelVolume / prepared.Geometry.VoxelVolume;
        var followed = new Followed(lesions.Count, manifest.Classes.Count - 1, samples.Count);
        var owner = new int[size.Count]; // -class: foreground of the sample that no lesion has reached; above 0 the lesion that has; when lesions are counted, the class, negative once seen
        var (queue, component, touching) = (new Queue<int>(), new List<int>(), new int[26]);
        foreach (var (sample, s) in samples.Select((sample, s) => (sample, s)))
        {
            cancellation.ThrowIfCancellationRequested();
            var foreground = new long[classCounts.Length];
            foreach (var (start, length, @class) in sample.Runs())
            {
                owner.AsSpan(start, length).Fill(-@class);
                foreground[@class] += length;
            }

            var shared = new int[lesions.Count + 1];
            var reached = new int[lesions.Count + 1];
            foreach (var (voxel, number) in seeds)
            {
                if (owner[voxel] == -classOf[number])
                {
                    shared[number]++;
                    reached[number]++;
                    owner[voxel] = number;
                    queue.Enqueue(voxel);
                }
            }

            while (queue.TryDequeue(out var voxel))
            {
                var number = owner[voxel];
                foreach (var next in touching.AsSpan(0, Neighbours(voxel, touching)))
                {
                    if (owner[next] == -classOf[number])
                    {
                        owner[next] = number;
                        reached[number]++;
                        queue.Enqueue(next);
                    }
                }
            }

            var sharedByClass = new long[classCounts.Length];
            for (var n = 1; n <= lesions.Count; n++)
            {
                followed.Voxels[n - 1][s] = reached[n];
                followed.Overlap[n - 1][s] = Share(shared[n], seedCounts[n] + reached[n] - shared[n]);
                sharedByClass[classOf[n]] += shared[n];
            }

            for (var c = 1; c < classCounts.Length; c++)
            {
                followed.ClassOverlap[c - 1][s] = Share(sharedByClass[c], classCounts[c] + foreground[c] - sharedByClass[c]);
            }

            foreach (var (start, length, @class) in sample.Runs())
            {
                owner.AsSpan(start, length).Fill(@class);
            }

            foreach (var (start, length, _) in sample.Runs())
            {
                for (var v = start; v < start + length; v++)
                {
                    if (owner[v] > 0)
                    {
                        CountLesions(v, s);
                    }
                }
            }
        }

        return followed;

        // Takes a component of the sample, of whatever classes, and counts the lesions in it; as in the segmentation, all of it or nothing is too small. After all runs the array is clean again.
        void CountLesions(int start, int s)
        {
            component.Clear();
            component.Add(start);
            owner[start] = -owner[start];
            for (var n = 0; n < component.Count; n++)
            {
                foreach (var next in touching.AsSpan(0, Neighbours(component[n], touching)))
                {
                    if (owner[next] > 0)
                    {
                        owner[next] = -owner[next];
                        component.Add(next);
                    }
                }
            }

            foreach (var voxel in component)
            {
                if (owner[voxel] < 0 && component.Count >= smallest)
                {
                    followed.Counts[-owner[voxel] - 1][s]++;
                    EraseLesion(voxel);
                }

                owner[voxel] = 0;
            }
        }

        void EraseLesion(int start)
        {
            var @class = owner[start];
            queue.Enqueue(start);
            while (queue.TryDequeue(out var voxel))
            {
                foreach (var next in touching.AsSpan(0, Neighbours(voxel, touching)))
                {
                    if (owner[next] == @class)
                    {
                        owner[next] = 0;
                        queue.Enqueue(next);
                    }
                }
            }
        }
    }

    /// <summary>1 where both are empty.</summary>
    private static double Share(long part, long whole) => whole == 0 ? 1 : (double)part / whole;

    /// <summary>The voxels that touch one, 26 where it does not lie at the rim.</summary>
    /// <returns>How many.</returns>
    private int Neighbours(int voxel, Span<int> target)
    {
        var (i, j, k) = prepared.Geometry.IndexOf(voxel);
        var count = 0;
        for (var z = Math.Max(0, k - 1); z <= Math.Min(size.Depth - 1, k + 1); z++)
        {
            for (var y = Math.Max(0, j - 1); y <= Math.Min(size.Height - 1, j + 1); y++)
            {
                var row = size.Width * (y + size.Height * z);
                for (var x = Math.Max(0, i - 1); x <= Math.Min(size.Width - 1, i + 1); x++)
                {
                    if (row + x != voxel)
                    {
                        target[count++] = row + x;
                    }
                }
            }
        }

        return count;
    }

    /// <summary>What became of the lesions: first index the lesion or the class, second the sample.</summary>
    private sealed class Followed(int lesions, int classes, int samples)
    {
        public int[][] Voxels { get; } = Rows<int>(lesions, samples);

        public double[][] Overlap { get; } = Rows<double>(lesions, samples);

        public int[][] Counts { get; } = Rows<int>(classes, samples);

        public double[][] ClassOverlap { get; } = Rows<double>(classes, samples);

        private static T[][] Rows<T>(int rows, int columns) => [.. Enumerable.Range(0, rows).Select(_ => new T[columns])];
    }

    /// <summary>Running sums over the voxels of a lesion.</summary>
    private sealed class Sums
    {
        private double probability, entropy, information, x, y, z;
        private float highest = float.NegativeInfinity;
        private int peak;

        public required ClassDescription Class { get; init; }

        public int Voxels { get; private set; }

        public void Add(int voxel, VolumeGeometry geometry, float voxelProbability, float voxelEntropy, float voxelInformation)
        {
            var (i, j, k) = geometry.IndexOf(voxel);
            (x, y, z) = (x + i, y + j, z + k);
            probability += voxelProbability;
            entropy += voxelEntropy;
            information += voxelInformation;
            Voxels++;
            if (voxelProbability > highest)
            {
                (highest, peak) = (voxelProbability, voxel);
            }
        }

        public Lesion ToLesion(int number, VolumeGeometry geometry, bool hasInformation)
        {
            var (i, j, k) = geometry.IndexOf(peak);
            return new()
            {
                Number = number,
                Label = Class.Label,
                Class = Class.Name,
                Voxels = Voxels,
                Volume = Voxels * geometry.VoxelVolume / 1000,
                SampleMeanVolume = 0,
                SampleVolumeInterval = null,
                ExistenceProbability = null,
                StructuralUncertainty = null,
                MeanProbability = probability / Voxels,
                PeakProbability = highest,
                MeanEntropy = entropy / Voxels,
                MeanMutualInformation = hasInformation ? information / Voxels : null,
                Centroid = geometry.Affine.Apply(new(x / Voxels, y / Voxels, z / Voxels)),
                Peak = geometry.Affine.Apply(new(i, j, k)),
            };
        }
    }
}
