using Credence.Models.Losses;

namespace Credence.Models;

/// <summary>Whether the data term of an objective is the negative log-likelihood of the data set, so that with the KL divergence it is the ELBO; and why not.</summary>
/// <remarks>By convention a patch, varied by augmentation, is an example (see <see cref="Elbo"/>). What this record asks is whether the examples are drawn and judged as the likelihood says.</remarks>
public sealed record Likelihood
{
    private Likelihood(IReadOnlyList<string> departures) => Departures = departures;

    /// <summary>What makes the data term another than the negative log-likelihood of the data set, in words; empty where it is that.</summary>
    public IReadOnlyList<string> Departures { get; }

    /// <summary>Whether data term and KL together are the ELBO of the data set. Otherwise they are generalised Bayes: no bound, and a posterior whose width depends on the scale of the loss.</summary>
    public bool IsOfDataSet => Departures.Count == 0;

    /// <summary>The one rule.</summary>
    /// <param name="loss">The data term.</param>
    /// <param name="network">Whether lower resolutions are trained too.</param>
    /// <param name="foregroundProbability">Probability that a training patch is placed at a foreground voxel, whatever the data set holds.</param>
    public static Likelihood Of(LossSum loss, NetworkOptions network, double foregroundProbability)
    {
        List<string> departures = [];
        if (!loss.IsLogLikelihood)
        {
            departures.Add("the loss is no log-likelihood");
        }

        if (network.AuxiliaryOutputs > 0)
        {
            departures.Add("deep supervision counts every voxel at several resolutions");
        }

        if (foregroundProbability > 0)
        {
            departures.Add("patches are made to hold foreground");
        }

        return new(departures);
    }

    /// <summary>The departures in one clause; empty where there are none.</summary>
    public override string ToString() => string.Join(", and ", Departures);
}
