namespace Credence.Inference.Metrics;

/// <summary>Fits the temperature by which logits are divided, on held-out voxels that are streamed in.</summary>
/// <remarks>
/// Source: Guo et al. 2017, arXiv:1706.04599, section 4.2. The mean NLL is convex in the inverse temperature b: its derivative is mean(E_p[z] - z_truth) and its
/// second derivative mean(Var_p[z]), p = softmax(b z). So the root of the derivative is found by Newton's method kept inside a bracket. Beyond
/// the limit of voxels a uniform subsample is kept (Vitter 1985, doi:10.1145/3147.3165, algorithm R), so memory does not grow with the data.
/// </remarks>
internal sealed class TemperatureScaling
{
    private const double LowestInverse = 1e-3, HighestInverse = 1e3;

    private readonly int classes;
    private readonly int limit;
    private readonly Random random;
    private readonly List<float> logits = []; // (voxel, K)
    private readonly List<byte> truths = [];

    /// <summary>Creates an empty fit.</summary>
    /// <param name="classes">K, 2 at least.</param>
    /// <param name="limit">Voxels that are kept at most.</param>
    /// <param name="seed">Of the subsample.</param>
    public TemperatureScaling(int classes, int limit = 1_000_000, int seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        (this.classes, this.limit, random) = (classes, limit, new(seed));
    }

    /// <summary>Voxels that were offered.</summary>
    public long Seen { get; private set; }

    /// <summary>Adds voxels.</summary>
    /// <param name="values">(K, V) logits.</param>
    /// <param name="truth">(V): index of the class that is true.</param>
    /// <exception cref="ArgumentException">The sizes do not fit.</exception>
    public void AddLogits(ReadOnlySpan<float> values, ReadOnlySpan<byte> truth)
    {
        if (values.Length != classes * truth.Length)
        {
            throw new ArgumentException($"{values.Length} logits were given for {truth.Length} voxels of {classes} classes.", nameof(values));
        }

        Span<float> voxel = stackalloc float[classes];
        for (var v = 0; v < truth.Length; v++)
        {
            for (var k = 0; k < classes; k++)
            {
                voxel[k] = values[k * truth.Length + v];
            }

            Offer(voxel, truth[v]);
        }
    }

    /// <summary>Adds voxels by their probabilities; ln p are logits, up to a constant that no softmax sees.</summary>
    /// <param name="classes">Raised to <see cref="CalibrationScores.SmallestProbability"/>.</param>
    /// <exception cref="ArgumentException">The number of classes does not fit.</exception>
    public void AddProbabilities(ClassProbabilities classes)
    {
        var voxels = classes.Truth.Length;
        var logs = new float[classes.Planes.Count * voxels];
        foreach (var (plane, k) in classes.Planes.Select((p, k) => (p, k)))
        {
            var part = logs.AsSpan(k * voxels, voxels);
            System.Numerics.Tensors.TensorPrimitives.Max(plane, (float)CalibrationScores.SmallestProbability, part);
            System.Numerics.Tensors.TensorPrimitives.Log(part, part);
        }

        AddLogits(logs, classes.Truth);
    }

    /// <summary>Finds the temperature.</summary>
    /// <exception cref="InvalidOperationException">No voxel was added.</exception>
    public TemperatureFit Fit()
    {
        if (truths.Count == 0)
        {
            throw new InvalidOperationException("No voxel was added, so there is nothing to fit a temperature to.");
        }

        var (low, high) = (LowestInverse, HighestInverse);
        var isAtLimit = Measure(low).Slope >= 0 || Measure(high).Slope <= 0;
        var inverse = 1.0;
        if (isAtLimit)
        {
            inverse = Measure(low).Slope >= 0 ? low : high;
        }

        for (var step = 0; step < 100 && !isAtLimit && high - low > 1e-12 * inverse; step++)
        {
            var (_, slope, curvature) = Measure(inverse);
            (low, high) = slope < 0 ? (inverse, high) : (low, inverse);
            var newton = inverse - slope / curvature;
            if (Math.Abs(newton - inverse) < 1e-12 * inverse)
            {
                break;
            }

            inverse = newton > low && newton < high ? newton : Math.Sqrt(low * high); // halves the bracket in ln T
        }

        return new(1 / inverse, Measure(inverse).Nll, Measure(1).Nll, truths.Count, Seen, isAtLimit);
    }

    private void Offer(ReadOnlySpan<float> voxel, byte truth)
    {
        if (truth >= classes)
        {
            throw new ArgumentException($"Class {truth} is true in a voxel, but there are {classes} classes, from 0.", nameof(truth));
        }

        Seen++;
        if (truths.Count < limit)
        {
            logits.AddRange(voxel);
            truths.Add(truth);
        }
        else if (random.NextInt64(Seen) is var place && place < limit)
        {
            voxel.CopyTo(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(logits).Slice((int)place * classes, classes));
            truths[(int)place] = truth;
        }
    }

    /// <summary>Mean NLL at an inverse temperature, and its first and second derivative.</summary>
    private (double Nll, double Slope, double Curvature) Measure(double inverse)
    {
        var (nll, slope, curvature) = (0.0, 0.0, 0.0);
        var all = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(logits);
        for (var v = 0; v < truths.Count; v++)
        {
            var z = all.Slice(v * classes, classes);
            var largest = System.Numerics.Tensors.TensorPrimitives.Max<float>(z);
            var (sum, first, second) = (0.0, 0.0, 0.0);
            foreach (var value in z)
            {
                double a = value - largest;
                var e = Math.Exp(inverse * a);
                (sum, first, second) = (sum + e, first + e * a, second + e * a * a);
            }

            double truth = z[truths[v]] - largest;
            var mean = first / sum;
            nll += Math.Log(sum) - inverse * truth;
            slope += mean - truth;
            curvature += second / sum - mean * mean;
        }

        return (nll / truths.Count, slope / truths.Count, curvature / truths.Count);
    }
}
