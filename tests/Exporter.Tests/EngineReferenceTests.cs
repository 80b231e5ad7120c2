using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Architecture;

namespace Credence.Exporter.Tests;

/// <summary>The engine against <see cref="ReferencePrediction"/>.</summary>
public sealed class EngineReferenceTests
{
    private const int Samples = 5;
    private const double Tolerance = 1e-4; // of a probability; of entropies in nats

    private static readonly NetworkOptions Small = new() { InputChannels = 2, Classes = 3, Width = 4 };

    public static TheoryData<string, NetworkOptions, SharedWork> Networks => new()
    {
        { "plain", Small, SharedWork.None },
        { "dropout everywhere", Small with { Posterior = Posterior.ChannelDropout, DropProbability = 0.3 }, SharedWork.Trunk },
        { "dropout in the decoder", Small with { Posterior = Posterior.ChannelDropout, DropProbability = 0.3, DropoutPlacement = DropoutPlacement.Decoder }, SharedWork.Trunk },
        { "Gaussian everywhere", Mean(BayesianStages.All), SharedWork.None },
        { "Gaussian decoder", Mean(BayesianStages.Decoder), SharedWork.Trunk },
        { "Gaussian last stage", Mean(BayesianStages.LastStage), SharedWork.Trunk },
        { "Gaussian output", Mean(BayesianStages.OutputLayer), SharedWork.BlendedFeatures },
        { "residual, Gaussian decoder", Mean(BayesianStages.Decoder) with { Encoder = EncoderKind.Residual, ResidualBlocks = [1, 1, 1] }, SharedWork.Trunk },
        { "group norm, two classes, Gaussian output", Mean(BayesianStages.OutputLayer) with { Classes = 2, Norm = NormKind.Group, NormGroups = 2 }, SharedWork.BlendedFeatures },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void Maps_equal_the_reference(string name, NetworkOptions options, SharedWork shared)
    {
        using var run = new TrainedRun(options, m => m with { Overlap = 0.4, Calibration = m.Calibration with { Temperature = 1.3, Threshold = 0.6 } });
        OnnxExport.Export(run.Options);
        var model = ModelFile.Load(run.Output);
        var prepared = Cases.Ball(options.InputChannels);
        var expected = ReferencePrediction.Of(model, prepared, model.Manifest.IsSampled ? Samples : 1, seed: 7);
        foreach (var (batch, threads, memory) in new[] { (1, 1, long.MaxValue), (2, 2, long.MaxValue), (3, 0, 1_000_000L), (2, 1, 0L) })
        {
            using var network = new OnnxNetwork(model, threads);
            var actual = VolumePredictor.Predict(prepared, network, model.Manifest, new() { Samples = Samples, Seed = 7, BatchSize = batch, FeatureMemory = memory }, TimeProvider.System, null, CancellationToken.None);

            Assert.Equal(expected.EmptyPatches, actual.EmptyPatches);
            Assert.True(actual.EmptyPatches > 0 && actual.Patches > 8, name);
            if (memory == long.MaxValue)
            {
                Assert.Equal(shared, actual.Shared);
            }

            for (var c = 1; c < options.Classes; c++)
            {
                AssertClose(expected.Probability[c], actual.Probabilities[c - 1].Voxels, $"{name}, class {c}");
                Assert.Equal(expected.Volumes[c], actual.SampleVolumes[c - 1], (a, b) => Math.Abs(a - b) <= 0.002 * prepared.Geometry.Size.Count / 1000); // voxels at the threshold may fall either way
            }

            AssertClose(expected.Entropy, actual.PredictiveEntropy.Voxels, $"{name}, entropy");
            AssertClose(expected.Information, actual.MutualInformation.Voxels, $"{name}, mutual information");
        }

        if (shared != SharedWork.None || options.Posterior == Posterior.MeanField)
        {
            Assert.True(expected.Information.Max() > 1e-3, "the samples differ too little for the comparison to mean anything");
        }
    }

    /// <summary>Several calls at once on one model, each with the same bytes as alone, and again.</summary>
    [Theory]
    [InlineData(BayesianStages.Decoder)]
    [InlineData(BayesianStages.OutputLayer)]
    public void Concurrent_calls_and_repeated_ones_give_the_same_bytes(BayesianStages stages)
    {
        using var run = new TrainedRun(Mean(stages));
        OnnxExport.Export(run.Options);
        var model = ModelFile.Load(run.Output);
        using var network = new OnnxNetwork(model);
        Prediction Predict(ulong seed) => VolumePredictor.Predict(Cases.Ball(2), network, model.Manifest, new() { Samples = 3, Seed = seed }, TimeProvider.System, null, CancellationToken.None);
        var alone = Enumerable.Range(0, 4).Select(n => Predict((ulong)n)).ToList();

        var together = new Prediction[8];
        Parallel.For(0, 8, new() { MaxDegreeOfParallelism = 8 }, n => together[n] = Predict((ulong)n % 4));

        for (var n = 0; n < 8; n++)
        {
            Assert.Equal(alone[n % 4].Probabilities[0].Voxels, together[n].Probabilities[0].Voxels);
            Assert.Equal(alone[n % 4].MutualInformation.Voxels, together[n].MutualInformation.Voxels);
        }
    }

    /// <summary>Oracle: the engine without flips on cases that were mirrored here, and the mean over them, which may be taken after the mean over the samples.</summary>
    [Theory]
    [InlineData(BayesianStages.OutputLayer, FlipAxes.LeftRight)]
    [InlineData(BayesianStages.Decoder, FlipAxes.LeftRight | FlipAxes.InferiorSuperior)]
    [InlineData(BayesianStages.All, FlipAxes.LeftRight | FlipAxes.PosteriorAnterior | FlipAxes.InferiorSuperior)]
    public void Flips_are_the_mean_over_mirrored_cases(BayesianStages stages, FlipAxes flips)
    {
        using var run = new TrainedRun(Mean(stages));
        OnnxExport.Export(run.Options);
        var model = ModelFile.Load(run.Output);
        using var network = new OnnxNetwork(model);
        Prediction Predict(PreparedVolume prepared, int samples, FlipAxes axes) =>
            VolumePredictor.Predict(prepared, network, model.Manifest, new() { Samples = samples, Flips = axes }, TimeProvider.System, null, CancellationToken.None);
        var prepared = Cases.Ball(2);
        var copies = Enumerable.Range(0, 8).Select(n => (FlipAxes)n).Where(f => (f & ~flips) == 0).ToList();
        var alone = copies.Select(f => (Axes: f, Maps: Predict(prepared with { Voxels = ReferencePrediction.Mirrored(prepared.Voxels, Cases.Size, f) }, 3, FlipAxes.None))).ToList();

        var actual = Predict(prepared, 3, flips);

        Assert.Equal((copies.Count, 3), (actual.Copies, actual.Samples));
        for (var c = 0; c < 2; c++)
        {
            var expected = new double[Cases.Size.Count];
            foreach (var (axes, maps) in alone)
            {
                var restored = ReferencePrediction.Mirrored(maps.Probabilities[c].Voxels, Cases.Size, axes);
                for (var v = 0; v < expected.Length; v++)
                {
                    expected[v] += restored[v] / copies.Count;
                }
            }

            AssertClose(expected, actual.Probabilities[c].Voxels, $"class {c + 1}");
        }

        Assert.True(actual.MutualInformation.Voxels.Max() > 1e-4f);
        Assert.All(Predict(prepared, 1, flips).MutualInformation.Voxels, v => Assert.Equal(0, v)); // one draw of the weights: what flips change is not the weights' doing
    }

    [Fact]
    public void Sampling_stops_when_the_volume_is_settled_or_the_time_is_used_up()
    {
        using var run = new TrainedRun(Mean(BayesianStages.OutputLayer));
        OnnxExport.Export(run.Options);
        var model = ModelFile.Load(run.Output);
        using var network = new OnnxNetwork(model);
        Prediction Predict(PredictOptions options, TimeProvider clock) => VolumePredictor.Predict(Cases.Ball(2), network, model.Manifest, options, clock, null, CancellationToken.None);
        var all = Predict(new() { Samples = 40 }, TimeProvider.System);
        var settled = Predict(new() { Samples = 40, Tolerance = 0.5, FewestSamples = 3 }, TimeProvider.System);
        var hurried = Predict(new() { Samples = 40, TimeBudget = TimeSpan.FromSeconds(3.5) }, new Ticking());

        Assert.Equal((40, StopReason.AllSamples), (all.Samples, all.StoppedBy));
        Assert.Equal(StopReason.Tolerance, settled.StoppedBy);
        Assert.InRange(settled.Samples, 3, 39);
        Assert.Equal((4, StopReason.TimeBudget), (hurried.Samples, hurried.StoppedBy));

        // What was drawn before stopping is what would have been drawn.
        Assert.Equal(all.SampleVolumes[0].Take(settled.Samples), settled.SampleVolumes[0]);
        var totals = Enumerable.Range(0, settled.Samples).Select(s => settled.SampleVolumes.Sum(v => v[s])).ToList();
        var error = Math.Sqrt(totals.Sum(t => Math.Pow(t - totals.Average(), 2)) / (totals.Count - 1) / totals.Count);
        Assert.True(error <= 0.5 * totals.Average());
    }

    private static NetworkOptions Mean(BayesianStages stages) => Small with { Posterior = Posterior.MeanField, BayesianStages = stages, InitialSigmaRatio = 0.6 };

    private static void AssertClose(double[] expected, float[] actual, string what)
    {
        var error = expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(error <= Tolerance, $"{what}: differs by {error}");
    }

    /// <summary>A clock that moves on by a second each time it is read.</summary>
    private sealed class Ticking : TimeProvider
    {
        private long seconds;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => seconds++;
    }
}
