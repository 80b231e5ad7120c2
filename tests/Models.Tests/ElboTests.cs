namespace Credence.Models.Tests;

public sealed class ElboTests
{
    private const int M = 4, N = 8, V = 6; // minibatches, examples, voxels an example
    private const int Batch = N / M;
    private static readonly double[] Nll = [.. Enumerable.Range(1, N * V).Select(n => 0.1 * n)]; // nats, voxel by voxel
    private const double Kl = 17.0;

    /// <summary>Oracle: whatever the unit, an epoch of minibatch objectives must add up to a multiple of the full-data bound Σ NLL + KL.</summary>
    [Theory]
    [InlineData(DataTerm.DataSetSum, KlScaling.Whole)]
    [InlineData(DataTerm.MinibatchSum, KlScaling.PerMinibatch)]
    [InlineData(DataTerm.MinibatchSum, KlScaling.GeometricPerMinibatch)]
    [InlineData(DataTerm.MeanPerExample, KlScaling.PerExample)]
    [InlineData(DataTerm.MeanPerVoxel, KlScaling.PerVoxel)]
    public void An_epoch_adds_up_to_the_bound(DataTerm dataTerm, KlScaling scaling)
    {
        var elbo = new Elbo(dataTerm, scaling, M, N, V);

        double data = 0, kl = 0;
        for (var minibatch = 1; minibatch <= M; minibatch++)
        {
            var voxels = Nll.Skip((minibatch - 1) * Batch * V).Take(Batch * V);
            data += elbo.DataFactor(Batch) * voxels.Average();
            kl += elbo.KlFactor(minibatch) * Kl;
        }

        Assert.Equal(Nll.Sum() / Kl, data / kl, precision: 9);
    }

    [Fact]
    public void Temper_multiplies_the_kl_and_nothing_else()
    {
        var bayes = new Elbo(DataTerm.MeanPerExample, KlScaling.PerExample, M, N, V);
        var cold = bayes with { Temper = 0.1 };

        Assert.Equal(0.1 * bayes.KlFactor(1), cold.KlFactor(1), precision: 12);
        Assert.Equal(bayes.DataFactor(Batch), cold.DataFactor(Batch));
        Assert.Throws<ArgumentOutOfRangeException>(() => bayes with { Temper = -1 });
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(1024)]
    [InlineData(100_000)]
    public void Equation_9_sums_to_one_at_any_number_of_minibatches(long minibatches)
    {
        var elbo = new Elbo(DataTerm.MinibatchSum, KlScaling.GeometricPerMinibatch, minibatches, minibatches, V);
        var sum = 0.0;
        for (var minibatch = 1L; minibatch <= Math.Min(minibatches, 2000); minibatch++)
        {
            sum += elbo.KlFactor(minibatch);
        }

        Assert.Equal(1, sum, precision: 12);
        Assert.Equal(minibatches > 20, elbo.Warning is not null);
    }

    [Fact]
    public void Every_impossible_combination_is_refused()
    {
        var possible = 0;
        foreach (var dataTerm in Enum.GetValues<DataTerm>())
        {
            foreach (var scaling in Enum.GetValues<KlScaling>())
            {
                try
                {
                    _ = new Elbo(dataTerm, scaling, M, N, V);
                    possible++;
                }
                catch (ArgumentException e)
                {
                    Assert.Contains($"{dataTerm} needs a KL factor of", e.Message, StringComparison.Ordinal);
                }
            }
        }

        Assert.Equal(5, possible);
    }

    [Fact]
    public void Refusal_names_the_row_that_fits()
    {
        var e = Assert.Throws<ArgumentException>(() => new Elbo(DataTerm.MeanPerVoxel, KlScaling.Whole, 100, 200, 89_600));

        Assert.Equal(
            "A data term of kind MeanPerVoxel with a KL scaled Whole is not an evidence lower bound. "
            + "MeanPerVoxel needs a KL factor of 1/(N V) = 1/(200 x 89600) (PerVoxel). (Parameter 'scaling')", e.Message);
    }

    [Theory]
    [InlineData(DataTerm.DataSetSum, KlScaling.Whole)]
    [InlineData(DataTerm.MinibatchSum, KlScaling.PerMinibatch)]
    [InlineData(DataTerm.MinibatchSum, KlScaling.GeometricPerMinibatch)]
    [InlineData(DataTerm.MeanPerExample, KlScaling.PerExample)]
    [InlineData(DataTerm.MeanPerVoxel, KlScaling.PerVoxel)]
    public void Mean_factor_is_the_mean_over_the_minibatches(DataTerm dataTerm, KlScaling scaling)
    {
        var elbo = new Elbo(dataTerm, scaling, M, N, V) { Temper = 0.3 };

        Assert.Equal(Enumerable.Range(1, M).Average(minibatch => elbo.KlFactor(minibatch)), elbo.MeanKlFactor, precision: 12);
    }

    /// <summary>Blundell et al. 2015, section 3.4: the first minibatches of an epoch see most of the KL.</summary>
    [Fact]
    public void Equation_9_falls_by_half_from_minibatch_to_minibatch()
    {
        var elbo = new Elbo(DataTerm.MinibatchSum, KlScaling.GeometricPerMinibatch, M, N, V);

        Assert.Equal([8.0 / 15, 4.0 / 15, 2.0 / 15, 1.0 / 15], Enumerable.Range(1, M).Select(minibatch => elbo.KlFactor(minibatch)), (a, b) => Math.Abs(a - b) < 1e-12);
    }
}
