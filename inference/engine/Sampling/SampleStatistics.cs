namespace Credence.Inference.Sampling;

/// <summary>Running sums over Monte Carlo samples, voxel by voxel; memory does not grow with the number of samples.</summary>
/// <remarks>
/// Predictive entropy H[E p] is the total uncertainty, expected entropy E H[p] the data part, mutual information their difference, the model part
/// (Depeweg et al. 2018, arXiv:1710.07283, section 3; Houlsby et al. 2011, arXiv:1112.5745). All in nats.
/// </remarks>
public sealed class SampleStatistics
{
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

    /// <summary>Adds one sample.</summary>
    /// <param name="logits">(K, V); overwritten with the probabilities of this sample, softmax over K.</param>
    /// <param name="temperature">Logits are divided by this.</param>
    public void Add(float[] logits, double temperature)
    {
        var inverse = (float)(1 / temperature);
        Parallel.ForEach(Chunks(), range =>
        {
            for (var v = range.First; v < range.End; v++)
            {
                var largest = float.NegativeInfinity;
                for (var k = 0; k < classes; k++)
                {
                    largest = Math.Max(largest, logits[k * voxels + v]);
                }

                // p = e^a / s with a = (z - max) / T and s = sum e^a, so H[p] = ln s - sum p a: no logarithm of a small number.
                var (sum, weighted) = (0f, 0f);
                for (var k = 0; k < classes; k++)
                {
                    var a = (logits[k * voxels + v] - largest) * inverse;
                    var e = MathF.Exp(a);
                    logits[k * voxels + v] = e;
                    sum += e;
                    weighted += e * a;
                }

                var scale = 1 / sum;
                for (var k = 0; k < classes; k++)
                {
                    var p = logits[k * voxels + v] * scale;
                    logits[k * voxels + v] = p;
                    probabilitySum[k * voxels + v] += p;
                }

                entropySum[v] += MathF.Log(sum) - weighted * scale;
            }
        });
        Samples++;
    }

    /// <summary>Mean probability of one class over the samples, (V).</summary>
    public float[] MeanProbability(int @class)
    {
        var scale = 1f / Samples;
        return [.. probabilitySum.AsSpan(@class * voxels, voxels).ToArray().Select(p => p * scale)];
    }

    /// <summary>H[mean p], nats, (V).</summary>
    public float[] PredictiveEntropy()
    {
        var entropy = new float[voxels];
        var scale = 1f / Samples;
        Parallel.ForEach(Chunks(), range =>
        {
            for (var v = range.First; v < range.End; v++)
            {
                var sum = 0f;
                for (var k = 0; k < classes; k++)
                {
                    var p = probabilitySum[k * voxels + v] * scale;
                    sum -= p > 0 ? p * MathF.Log(p) : 0;
                }

                entropy[v] = Math.Max(0, sum);
            }
        });
        return entropy;
    }

    /// <summary>H[mean p] - mean H[p], nats, (V), clamped at 0; exactly 0 after one sample.</summary>
    /// <param name="predictiveEntropy">What <see cref="PredictiveEntropy"/> returned.</param>
    public float[] MutualInformation(float[] predictiveEntropy)
    {
        var information = new float[voxels];
        if (Samples > 1)
        {
            var scale = 1f / Samples;
            for (var v = 0; v < voxels; v++)
            {
                information[v] = Math.Max(0, predictiveEntropy[v] - entropySum[v] * scale);
            }
        }

        return information;
    }

    private IEnumerable<(int First, int End)> Chunks()
    {
        const int Chunk = 1 << 14;
        for (var first = 0; first < voxels; first += Chunk)
        {
            yield return (first, Math.Min(voxels, first + Chunk));
        }
    }
}
