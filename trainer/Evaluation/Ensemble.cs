using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Evaluation;

/// <summary>What an ensemble says about one case, on the grid of the scan.</summary>
/// <param name="Segmentation">A label a voxel.</param>
/// <param name="Probabilities">Mean over the members, of each foreground class in order.</param>
/// <param name="PredictiveEntropy">H[mean p], nats.</param>
/// <param name="SampleVolumes">mL of each foreground class in each sample of each member.</param>
internal sealed record EnsemblePrediction(
    LabelMap Segmentation, IReadOnlyList<Volume> Probabilities, Volume PredictiveEntropy, IReadOnlyList<IReadOnlyList<double>> SampleVolumes);

/// <summary>Several networks whose probabilities are averaged (Lakshminarayanan et al. 2017, arXiv:1612.01474); one alone predicts as it would in deployment.</summary>
internal sealed class Ensemble : IDisposable
{
    private readonly IReadOnlyList<TrainedMember> members;

    private Ensemble(IReadOnlyList<TrainedMember> members) => this.members = members;

    /// <summary>The recipe of the first member; its classes and its decision hold for all.</summary>
    public ModelManifest Manifest => members[0].Manifest;

    /// <summary>Loads a network of each run.</summary>
    /// <exception cref="ModelFileException">A run cannot be used, or their channels or classes differ.</exception>
    public static Ensemble Load(IReadOnlyList<string> runs, CheckpointChoice choice, Device device)
    {
        var members = new List<TrainedMember>();
        try
        {
            foreach (var run in runs)
            {
                members.Add(TrainedMember.Load(run, choice, device));
                var (first, other) = (members[0].Manifest, members[^1].Manifest);
                if (!first.Channels.SequenceEqual(other.Channels) || !first.Classes.SequenceEqual(other.Classes))
                {
                    throw new ModelFileException(run, $"channels {string.Join(", ", other.Channels.Select(c => c.Name))} and classes {string.Join(", ", other.Classes.Select(c => c.Name))}",
                        $"those of {runs[0]}", "Evaluate runs of different tasks one by one.");
                }
            }

            return new(members);
        }
        catch
        {
            members.ForEach(m => m.Dispose());
            throw;
        }
    }

    /// <summary>Predicts a case.</summary>
    public EnsemblePrediction Predict(LoadedCase @case, PredictOptions options, CancellationToken cancellation)
    {
        var first = members[0].Predict(@case, options, cancellation);
        if (members.Count == 1)
        {
            return new(first.Segmentation, first.Probabilities, first.PredictiveEntropy, first.SampleVolumes);
        }

        var volumes = first.SampleVolumes.Select(v => v.ToList()).ToList();
        var mean = first.Probabilities.Select(p => new Volume(p.Geometry, (float[])p.Voxels.Clone())).ToList();
        foreach (var member in members.Skip(1))
        {
            var prediction = member.Predict(@case, options, cancellation);
            foreach (var (all, next) in volumes.Zip(prediction.SampleVolumes))
            {
                all.AddRange(next);
            }

            foreach (var (sum, next) in mean.Zip(prediction.Probabilities))
            {
                for (var v = 0; v < sum.Voxels.Length; v++)
                {
                    sum.Voxels[v] += next.Voxels[v];
                }
            }
        }

        foreach (var sum in mean)
        {
            for (var v = 0; v < sum.Voxels.Length; v++)
            {
                sum.Voxels[v] /= members.Count;
            }
        }

        return new(VolumePredictor.Segment(mean, Manifest), mean, Entropy(mean), volumes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var member in members)
        {
            member.Dispose();
        }
    }

    private static Volume Entropy(List<Volume> foreground)
    {
        static double Term(double p) => p > 0 ? -p * Math.Log(p) : 0;
        var entropy = new float[foreground[0].Voxels.Length];
        for (var v = 0; v < entropy.Length; v++)
        {
            var background = 1.0;
            var sum = 0.0;
            foreach (var map in foreground)
            {
                background -= map.Voxels[v];
                sum += Term(map.Voxels[v]);
            }

            entropy[v] = (float)(sum + Term(background));
        }

        return new(foreground[0].Geometry, entropy);
    }
}
