using System.Numerics.Tensors;

namespace Credence.Inference.Sampling;

/// <summary>Running sums over Monte Carlo samples, voxel by voxel; memory does not grow with the number of samples.</summary>
/// <remarks>
/// Predictive entropy H[E p] is the total uncertainty, expected entropy E H[p] the data part, mutual information their difference, the model part
/// (Depeweg et al. 2018, arXiv:1710.07283, section 3; Houlsby et al. 2011, arXiv:1112.5745). All in nats.
/// A temperature is of the mean over the samples: docs/decisions/0023-the-temperature-is-of-the-mean.md.
/// </remarks>
internal sealed class SampleStatistics
{
    private const int Chunk = 1 << 12; // voxels whose intermediate values stay in the first cache

    private readonly int classes;
    private readonly int voxels;
    private readonly float[] probabilitySum; // (K, V)
    private readonly float[] entropySum; // (V): sum over samples of H[p]

    /// <summary>Creates empty statistics.</summary>
    /// <param name="classes">K.</param>
    /// <param name="voxels">V.</param>
    public SampleStatistics(int classes, int voxels)
    {
        (this.classes, this.voxels) = (classes, voxels);
        probabilitySum = new float[checked(classes * voxels)];
        entropySum = new float[voxels];
    }

    /// <summary>Number of samples added.</summary>
    public int Samples { get; private set; }

    /// <summary>Whether every logit was a finite number: what is not makes sums that are not.</summary>
    public bool IsFinite => float.IsFinite(TensorPrimitives.Sum<float>(probabilitySum)) && float.IsFinite(TensorPrimitives.Sum<float>(entropySum));

    /// <summary>Adds one sample.</summary>
    /// <param name="logits">(K, V); overwritten with the probabilities of this sample, softmax over K, which are not added but handed back at the temperature.</param>
    /// <param name="temperature">Of what is handed back; see <see cref="Calibrate"/>.</param>
    public void Add(float[] logits, double temperature)
    {
        Parallel.For(0, (voxels + Chunk - 1) / Chunk, () => new float[4 * Chunk], (chunk, _, memory) =>
        {
            var (first, n) = (chunk * Chunk, Math.Min(Chunk, voxels - chunk * Chunk));
            Span<float> Part(int index) => memory.AsSpan(index * Chunk, n);
            Span<float> Plane(float[] of, int k) => of.AsSpan(k * voxels + first, n);
            var largest = Part(0);
            var sum = Part(1);
            var weighted = Part(2);
            var exponential = Part(3);
            Plane(logits, 0).CopyTo(largest);
            for (var k = 1; k < classes; k++)
            {
                TensorPrimitives.Max(largest, Plane(logits, k), largest);
            }

            // p = e^a / s with a = z - max and s = sum e^a, so H[p] = ln s - sum p a: no logarithm of a small number.
            sum.Clear();
            weighted.Clear();
            for (var k = 0; k < classes; k++)
            {
                var a = Plane(logits, k);
                TensorPrimitives.Subtract(a, largest, a);
                TensorPrimitives.Exp(a, exponential);
                TensorPrimitives.Add(sum, exponential, sum);
                TensorPrimitives.MultiplyAdd(exponential, a, weighted, weighted);
                exponential.CopyTo(a);
            }

            for (var k = 0; k < classes; k++)
            {
                var p = Plane(logits, k);
                TensorPrimitives.Divide(p, sum, p);
                TensorPrimitives.Add(Plane(probabilitySum, k), p, Plane(probabilitySum, k));
            }

            var entropy = Plane(entropySum, 0);
            TensorPrimitives.Divide(weighted, sum, weighted);
            TensorPrimitives.Log(sum, sum);
            TensorPrimitives.Subtract(sum, weighted, sum);
            TensorPrimitives.Add(entropy, sum, entropy);
            Temper(logits, first, sum, temperature);
            return memory;
        }, _ => { });
        Samples++;
    }

    /// <summary>
    /// Brings the mean to a temperature: p ← p^(1/T) / Σ p^(1/T), which for one sample is the softmax of its logits divided by T. Probabilities and predictive
    /// entropy are then those of the calibrated mean. Call it once, after <see cref="MutualInformation"/>, which is about the samples as they were drawn.
    /// </summary>
    /// <param name="temperature">T, above 0; 1 changes nothing.</param>
    public void Calibrate(double temperature) => Parallel.For(0, (voxels + Chunk - 1) / Chunk, () => new float[Chunk], (chunk, _, memory) =>
    {
        var (first, n) = (chunk * Chunk, Math.Min(Chunk, voxels - chunk * Chunk));
        for (var k = 0; k < classes; k++)
        {
            var p = probabilitySum.AsSpan(k * voxels + first, n);
            TensorPrimitives.Multiply(p, 1f / Samples, p);
        }

        Temper(probabilitySum, first, memory.AsSpan(0, n), temperature);
        for (var k = 0; k < classes; k++)
        {
            var p = probabilitySum.AsSpan(k * voxels + first, n);
            TensorPrimitives.Multiply(p, Samples, p);
        }

        return memory;
    }, _ => { });

    /// <summary>Mean probability of one class over the samples, (V).</summary>
    public float[] MeanProbability(int @class)
    {
        var mean = new float[voxels];
        TensorPrimitives.Multiply(probabilitySum.AsSpan(@class * voxels, voxels), 1f / Samples, mean);
        return mean;
    }

    /// <summary>H[mean p], nats, (V).</summary>
    public float[] PredictiveEntropy()
    {
        var entropy = new float[voxels];
        Parallel.For(0, (voxels + Chunk - 1) / Chunk, () => new float[2 * Chunk], (chunk, _, memory) =>
        {
            var (first, n) = (chunk * Chunk, Math.Min(Chunk, voxels - chunk * Chunk));
            var mean = memory.AsSpan(0, n);
            var logarithm = memory.AsSpan(Chunk, n);
            var sum = entropy.AsSpan(first, n);
            for (var k = 0; k < classes; k++)
            {
                TensorPrimitives.Multiply(probabilitySum.AsSpan(k * voxels + first, n), 1f / Samples, mean);
                TensorPrimitives.Max(mean, float.Epsilon, logarithm); // 0 ln 0 is 0
                TensorPrimitives.Log(logarithm, logarithm);
                TensorPrimitives.Multiply(mean, logarithm, mean);
                TensorPrimitives.Subtract(sum, mean, sum);
            }

            TensorPrimitives.Max(sum, 0f, sum);
            return memory;
        }, _ => { });
        return entropy;
    }

    /// <summary>H[mean p] - mean H[p], nats, (V), clamped at 0; exactly 0 after one sample.</summary>
    /// <param name="predictiveEntropy">What <see cref="PredictiveEntropy"/> returned.</param>
    public float[] MutualInformation(float[] predictiveEntropy)
    {
        var information = new float[voxels];
        if (Samples > 1)
        {
            TensorPrimitives.Multiply(entropySum, -1f / Samples, information);
            TensorPrimitives.Add(information, predictiveEntropy, information);
            TensorPrimitives.Max(information, 0f, information);
        }

        return information;
    }

    /// <summary>p^(1/T) / Σ p^(1/T) over the classes, in place.</summary>
    private void Temper(float[] probabilities, int first, Span<float> sum, double temperature)
    {
        if (temperature == 1)
        {
            return;
        }

        sum.Clear();
        for (var k = 0; k < classes; k++)
        {
            var p = probabilities.AsSpan(k * voxels + first, sum.Length);
            TensorPrimitives.Pow(p, (float)(1 / temperature), p);
            TensorPrimitives.Add(sum, p, sum);
        }

        for (var k = 0; k < classes; k++)
        {
            var p = probabilities.AsSpan(k * voxels + first, sum.Length);
            TensorPrimitives.Divide(p, sum, p);
        }
    }
}
