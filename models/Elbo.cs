using System.Globalization;

namespace Credence.Models;

/// <summary>What the data term of the objective is summed or averaged over.</summary>
public enum DataTerm
{
    /// <summary>Nats, summed over the whole data set.</summary>
    DataSetSum,

    /// <summary>Nats, summed over the examples of a minibatch.</summary>
    MinibatchSum,

    /// <summary>Nats per example, averaged over the minibatch.</summary>
    MeanPerExample,

    /// <summary>Nats per voxel, averaged over the minibatch.</summary>
    MeanPerVoxel,
}

/// <summary>What the KL divergence, a sum in nats, is multiplied by.</summary>
public enum KlScaling
{
    /// <summary>1.</summary>
    Whole,

    /// <summary>1/M for M minibatches an epoch (Blundell et al. 2015, equation 8).</summary>
    PerMinibatch,

    /// <summary>πᵢ = 2^(M-i) / (2^M - 1) for minibatch i = 1..M (Blundell et al. 2015, equation 9).</summary>
    GeometricPerMinibatch,

    /// <summary>1/N for N examples an epoch.</summary>
    PerExample,

    /// <summary>1/(N V) for N examples of V voxels.</summary>
    PerVoxel,
}

/// <summary>The factor of the KL divergence in a minibatch objective: data term + factor · KL.</summary>
/// <remarks>
/// The evidence lower bound is Σ NLL + KL over the whole data set. Dividing the data term by anything means dividing the KL by the same:
/// this type refuses any other combination. With patches, an example is a patch, and N is the number of patches an epoch.
/// Source: Blundell et al. 2015, "Weight Uncertainty in Neural Networks", section 3.4, arXiv:1505.05424.
/// </remarks>
public sealed record Elbo
{
    /// <summary>Creates the objective.</summary>
    /// <param name="dataTerm">Unit of the data term.</param>
    /// <param name="scaling">Scaling of the KL; must be the one that belongs to <paramref name="dataTerm"/>.</param>
    /// <param name="minibatches">M, minibatches an epoch.</param>
    /// <param name="examples">N, examples an epoch.</param>
    /// <param name="voxels">V, voxels an example.</param>
    /// <exception cref="ArgumentException">The scaling does not fit the data term; the message names the row of the table that does.</exception>
    /// <exception cref="ArgumentOutOfRangeException">M, N or V is below 1.</exception>
    public Elbo(DataTerm dataTerm, KlScaling scaling, long minibatches, long examples, long voxels)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(minibatches, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(examples, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(voxels, 1);
        if (!IsBound(dataTerm, scaling))
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"A data term of kind {dataTerm} with a KL scaled {scaling} is not an evidence lower bound. {dataTerm} needs {Row(dataTerm, minibatches, examples, voxels)}."),
                nameof(scaling));
        }

        (DataTerm, Scaling, Minibatches, Examples, Voxels) = (dataTerm, scaling, minibatches, examples, voxels);
    }

    /// <summary>Unit of the data term.</summary>
    public DataTerm DataTerm { get; }

    /// <summary>Scaling of the KL.</summary>
    public KlScaling Scaling { get; }

    /// <summary>M, minibatches an epoch.</summary>
    public long Minibatches { get; }

    /// <summary>N, examples an epoch.</summary>
    public long Examples { get; }

    /// <summary>V, voxels an example.</summary>
    public long Voxels { get; }

    /// <summary>λ: 1 is Bayes, below 1 a cold posterior (Wenzel et al. 2020, arXiv:2002.02405). At least 0.</summary>
    public double Temper
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    } = 1;

    /// <summary>What a user should know about this objective; null when there is nothing.</summary>
    public string? Warning => Scaling == KlScaling.GeometricPerMinibatch && Minibatches > 20
        ? $"With equation 9 and {Minibatches} minibatches an epoch, only about the first 20 minibatches of each epoch see any KL."
        : null;

    /// <summary>The number by which a mean per voxel is multiplied to be in the unit of the data term, for a minibatch of B examples.</summary>
    public double DataFactor(long batch) => DataTerm switch
    {
        DataTerm.DataSetSum => (double)Examples * Voxels,
        DataTerm.MinibatchSum => (double)batch * Voxels,
        DataTerm.MeanPerExample => Voxels,
        _ => 1,
    };

    /// <summary>The factor of the KL for one minibatch.</summary>
    /// <param name="minibatch">i = 1..M, its place in the epoch.</param>
    public double KlFactor(long minibatch)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(minibatch, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minibatch, Minibatches);
        return Temper * Scaling switch
        {
            KlScaling.Whole => 1,
            KlScaling.PerMinibatch => 1.0 / Minibatches,
            // 2^(M-i) / (2^M - 1), written so that 2^M cannot overflow.
            KlScaling.GeometricPerMinibatch => Math.Pow(2, -minibatch) / (1 - Math.Pow(2, -Minibatches)),
            KlScaling.PerExample => 1.0 / Examples,
            _ => 1.0 / ((double)Examples * Voxels),
        };
    }

    /// <summary>The mean of <see cref="KlFactor"/> over the minibatches of an epoch.</summary>
    public double MeanKlFactor => Scaling == KlScaling.GeometricPerMinibatch ? Temper / Minibatches : KlFactor(1); // πᵢ adds up to 1

    /// <summary>Whether a data term and a scaling of the KL together are an evidence lower bound, up to one common factor.</summary>
    public static bool IsBound(DataTerm dataTerm, KlScaling scaling) => dataTerm switch
    {
        DataTerm.DataSetSum => scaling == KlScaling.Whole,
        DataTerm.MinibatchSum => scaling is KlScaling.PerMinibatch or KlScaling.GeometricPerMinibatch,
        DataTerm.MeanPerExample => scaling == KlScaling.PerExample,
        _ => scaling == KlScaling.PerVoxel,
    };

    /// <summary>The scaling that belongs to a data term; equation 8 for a minibatch sum.</summary>
    public static KlScaling ScalingFor(DataTerm dataTerm) => dataTerm switch
    {
        DataTerm.DataSetSum => KlScaling.Whole,
        DataTerm.MinibatchSum => KlScaling.PerMinibatch,
        DataTerm.MeanPerExample => KlScaling.PerExample,
        _ => KlScaling.PerVoxel,
    };

    /// <summary>The objective in words, for logs and manifests.</summary>
    /// <param name="likelihood">Whether the data term is the likelihood of the data set.</param>
    public string Describe(Likelihood likelihood) => string.Create(CultureInfo.InvariantCulture,
        $"{(likelihood.IsOfDataSet ? "ELBO" : $"generalised Bayes ({likelihood})")}: {DataTerm} + {Factor(Scaling, Minibatches, Examples, Voxels)}, lambda = {Temper}");

    /// <summary>Every scaling that belongs to a data term, with its factor.</summary>
    private static string Row(DataTerm dataTerm, long minibatches, long examples, long voxels) =>
        string.Join(" or ", Enum.GetValues<KlScaling>().Where(s => IsBound(dataTerm, s)).Select(s => Factor(s, minibatches, examples, voxels)));

    private static string Factor(KlScaling scaling, long minibatches, long examples, long voxels) => scaling switch
    {
        KlScaling.Whole => "a KL factor of 1 (Whole)",
        KlScaling.PerMinibatch => $"a KL factor of 1/M = 1/{minibatches} (PerMinibatch)",
        KlScaling.GeometricPerMinibatch => $"a KL factor of 2^(M-i) / (2^M - 1) in minibatch i of M = {minibatches} (GeometricPerMinibatch)",
        KlScaling.PerExample => $"a KL factor of 1/N = 1/{examples} (PerExample)",
        _ => $"a KL factor of 1/(N V) = 1/({examples} x {voxels}) (PerVoxel)",
    };
}
