namespace Credence.Inference.Metrics;

/// <summary>Predicted probability against observed frequency, in bins.</summary>
/// <param name="Bins">In rising order of probability, empty ones included.</param>
internal sealed record ReliabilityDiagram(IReadOnlyList<ReliabilityBin> Bins)
{
    private IEnumerable<ReliabilityBin> Filled => Bins.Where(b => b.Count > 0);

    /// <summary>Mean gap weighted by voxels: ECE of equally wide bins (Guo et al. 2017, arXiv:1706.04599). NaN without voxels.</summary>
    public double WeightedGap => Filled.Sum(b => b.Count * b.Gap) / Filled.Sum(b => b.Count);

    /// <summary>Plain mean gap over the bins that are not empty: ACE (Nixon et al. 2019, arXiv:1904.01685, with equally full bins). NaN without voxels.</summary>
    public double MeanGap => Filled.Select(b => b.Gap).DefaultIfEmpty(double.NaN).Average();

    /// <summary>Largest gap: MCE. NaN without voxels.</summary>
    public double LargestGap => Filled.Select(b => b.Gap).DefaultIfEmpty(double.NaN).Max();

    /// <summary>Bins of equal width: [n / B, (n + 1) / B), the last one closed.</summary>
    /// <param name="probabilities">In [0, 1].</param>
    /// <param name="isHit">Whether it was so.</param>
    /// <param name="bins">B.</param>
    public static ReliabilityDiagram EqualWidth(ReadOnlySpan<float> probabilities, ReadOnlySpan<bool> isHit, int bins)
    {
        var sums = new (long Count, double Probability, long Hits)[bins];
        for (var v = 0; v < probabilities.Length; v++)
        {
            ref var bin = ref sums[Math.Min((int)((double)probabilities[v] * bins), bins - 1)];
            bin = (bin.Count + 1, bin.Probability + probabilities[v], bin.Hits + (isHit[v] ? 1 : 0));
        }

        return Create(sums);
    }

    /// <summary>
    /// Bins of equal mass: sorted by probability, rank r of n falls into bin floor(B r / n). Voxels with the same probability stay together, in the bin of
    /// the first of them, so that the order of voxels never matters; many equal values leave bins empty.
    /// </summary>
    /// <inheritdoc cref="EqualWidth"/>
    public static ReliabilityDiagram EqualMass(ReadOnlySpan<float> probabilities, ReadOnlySpan<bool> isHit, int bins)
    {
        var tags = new ushort[probabilities.Length];
        for (var v = 0; v < tags.Length; v++)
        {
            tags[v] = isHit[v] ? (ushort)1 : (ushort)0;
        }

        var order = ScoreOrder.Sort(probabilities, tags);
        var sums = new (long Count, double Probability, long Hits)[bins];
        var current = 0;
        for (var rank = 0; rank < order.Count; rank++)
        {
            if (rank == 0 || !order.IsTie(rank - 1, rank))
            {
                current = (int)((long)bins * rank / order.Count);
            }

            ref var bin = ref sums[current];
            bin = (bin.Count + 1, bin.Probability + order.Score(rank), bin.Hits + order.Tag(rank));
        }

        return Create(sums);
    }

    /// <summary>The diagram of all voxels together, from diagrams with the same bins of equal width.</summary>
    /// <param name="diagrams">One a case, at least one.</param>
    /// <exception cref="ArgumentException">There is none, or they have different numbers of bins.</exception>
    public static ReliabilityDiagram Pool(IReadOnlyList<ReliabilityDiagram> diagrams)
    {
        if (diagrams.Count == 0 || diagrams.Any(d => d.Bins.Count != diagrams[0].Bins.Count))
        {
            throw new ArgumentException($"{diagrams.Count} diagrams with {string.Join(", ", diagrams.Select(d => d.Bins.Count).Distinct())} bins cannot be pooled.", nameof(diagrams));
        }

        var sums = new (long Count, double Probability, long Hits)[diagrams[0].Bins.Count];
        foreach (var diagram in diagrams)
        {
            for (var n = 0; n < sums.Length; n++)
            {
                var bin = diagram.Bins[n];
                if (bin.Count > 0)
                {
                    sums[n] = (sums[n].Count + bin.Count, sums[n].Probability + bin.Count * bin.MeanProbability, sums[n].Hits + (long)Math.Round(bin.Count * bin.ObservedFrequency));
                }
            }
        }

        return Create(sums);
    }

    private static ReliabilityDiagram Create((long Count, double Probability, long Hits)[] sums) =>
        new([.. sums.Select(s => new ReliabilityBin(s.Count, s.Probability / s.Count, (double)s.Hits / s.Count))]);
}
