using Credence.Models;

namespace Credence.Trainer.Evaluation;

/// <summary>A coefficient of the KL to try: a temper factor, or the factor that belongs to another unit of the data term.</summary>
/// <param name="Temper">λ; null when <paramref name="Scaling"/> says it.</param>
/// <param name="Scaling">The scaling whose factor is used with the data term of the run, although it does not belong to it; null for a temper factor.</param>
internal sealed record KlCoefficient(double? Temper, KlScaling? Scaling)
{
    /// <summary>The scalings whose factor is one number: equation 9 has another in every minibatch.</summary>
    public static IReadOnlyList<KlScaling> Scalings { get; } = [.. Enum.GetValues<KlScaling>().Where(s => s != KlScaling.GeometricPerMinibatch)];

    /// <summary>λ, so that λ times the right factor, in the mean over an epoch, is this coefficient.</summary>
    /// <param name="elbo">The objective with the right factor.</param>
    public double ResolveTemper(Elbo elbo)
    {
        if (Temper is { } temper)
        {
            return temper;
        }

        var term = Enum.GetValues<DataTerm>().First(t => Elbo.IsBound(t, Scaling!.Value));
        return new Elbo(term, Scaling!.Value, elbo.Minibatches, elbo.Examples, elbo.Voxels).MeanKlFactor / (elbo with { Temper = 1 }).MeanKlFactor;
    }
}
