using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Onnx;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Architecture;
using Microsoft.ML.OnnxRuntime;

namespace Credence.Exporter.Tests;

/// <summary>The engine against <see cref="ReferencePrediction"/>.</summary>
public sealed class EngineReferenceTests
{
    private const int Samples = 3; // of an ensemble of two, the first member twice
    private const double Tolerance = 1e-4; // of a probability; of entropies in nats

    private static readonly NetworkOptions Small = new() { InputChannels = 2, Classes = 3, Width = 2 };
    private static readonly NetworkOptions Dropout = Small with { Posterior = Posterior.ChannelDropout, DropProbability = 0.3 };

    public static TheoryData<string, NetworkOptions, int, SharedWork> Networks => new()
    {
        { "plain", Small, 1, SharedWork.None },
        { "dropout everywhere", Dropout, 1, SharedWork.Trunk },
        { "dropout in the decoder", Dropout with { DropoutPlacement = DropoutPlacement.Decoder }, 1, SharedWork.Trunk },
        { "Gaussian everywhere", Mean(BayesianStages.All), 1, SharedWork.None },
        { "Gaussian everywhere, trained by Flipout", Mean(BayesianStages.All) with { Estimator = WeightEstimator.Flipout }, 1, SharedWork.None },
        { "Gaussian decoder", Mean(BayesianStages.Decoder), 1, SharedWork.Trunk },
        { "Gaussian last stage", Mean(BayesianStages.LastStage), 1, SharedWork.Trunk },
        { "Gaussian output", Mean(BayesianStages.OutputLayer), 1, SharedWork.BlendedFeatures },
        { "residual, Gaussian decoder", Mean(BayesianStages.Decoder) with { Encoder = EncoderKind.Residual, ResidualBlocks = [1, 1, 1] }, 1, SharedWork.Trunk },
        { "group norm, two classes, Gaussian output", Mean(BayesianStages.OutputLayer) with { Classes = 2, Norm = NormKind.Group, NormGroups = 2 }, 1, SharedWork.BlendedFeatures },
        { "ensemble", Small, 3, SharedWork.None },
        { "ensemble, dropout", Dropout, 2, SharedWork.None },
        { "ensemble, Gaussian last stage", Mean(BayesianStages.LastStage), 2, SharedWork.None },
    };

    /// <summary>Every overlap, batch and number of threads, every amount of memory for shared features; and the same bytes from one run to the next.</summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public void Maps_equal_the_reference(string name, NetworkOptions options, int members, SharedWork shared)
    {
        using var runs = Export(options, members);
        var model = ModelFile.Load(runs.Output);
        var prepared = Cases.Ball(options.InputChannels);
        foreach (var overlap in new[] { 0, 0.25, 0.5 })
        {
            var expected = ReferencePrediction.Of(model, prepared, model.Manifest.IsSampled ? Samples : 1, seed: 7, overlap);
            Assert.True(!model.Manifest.IsSampled || expected.Information.Max() > 1e-3, "the samples differ too little for the comparison to mean anything");
            foreach (var threads in new[] { 1, 2 })
            {
                using var network = new OnnxNetwork(model, threads);
                (int Batch, long Memory)[] runsOfEngine = overlap == 0.25 && threads == 2 ? [(1, long.MaxValue), (4, long.MaxValue), (3, 300_000L), (2, 0L)] : [(1, long.MaxValue), (4, long.MaxValue)];
                foreach (var (batch, memory) in runsOfEngine)
                {
                    var what = $"{name}, overlap {overlap}, batch {batch}, {threads} threads, {memory} bytes";
                    Prediction Predict(OnnxNetwork on) => VolumePredictor.Predict(
                        prepared, on, model.Manifest, new() { Samples = Samples, Seed = 7, Overlap = overlap, BatchSize = batch, FeatureMemory = memory }, TimeProvider.System, null, CancellationToken.None);
                    var actual = Predict(network);

                    Assert.Equal((expected.EmptyPatches, true), (actual.EmptyPatches, actual.EmptyPatches > 0 && actual.Patches > 4));
                    if (memory == long.MaxValue)
                    {
                        Assert.Equal(shared, actual.Shared);
                    }

                    for (var c = 1; c < options.Classes; c++)
                    {
                        AssertClose(expected.Probability[c], actual.Probabilities[c - 1].Voxels, $"{what}, class {c}");
                        Assert.Equal(expected.Volumes[c], actual.SampleVolumes[c - 1], (a, b) => Math.Abs(a - b) <= 0.002 * prepared.Geometry.Size.Count / 1000); // voxels at the threshold may fall either way
                    }

                    AssertClose(expected.Entropy, actual.PredictiveEntropy.Voxels, $"{what}, entropy");
                    AssertClose(expected.Information, actual.MutualInformation.Voxels, $"{what}, mutual information");
                    if (batch == 4)
                    {
                        using var fresh = new OnnxNetwork(model, threads);
                        AssertSame(actual, Predict(fresh));

                        // What a device with memory of its own goes through, with that of the host in its place.
                        using var bound = new OnnxNetwork(model, threads, InferenceDevice.Cpu, open => new(new("Cpu", OrtAllocatorType.DeviceAllocator, 0, OrtMemType.Default), open));
                        AssertSame(actual, Predict(bound));
                    }
                }
            }
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

    [Theory]
    [MemberData(nameof(Networks))]
    public void Maps_of_a_GPU_equal_the_reference(string name, NetworkOptions options, int members, SharedWork shared)
    {
        Assert.SkipUnless(OrtEnv.Instance().GetAvailableProviders().Contains("CUDAExecutionProvider"), "this build of ONNX Runtime has no CUDA: -p:Accelerator=cuda");
        using var runs = Export(options, members);
        var model = ModelFile.Load(runs.Output);
        var choice = DeviceChoice.Open(model, new(ExecutionProvider.Cuda), device => new(model, 0, device));
        using var network = choice.Network;
        Assert.SkipWhen(choice.Warning is not null && choice.Device == InferenceDevice.Cpu && !choice.Warning.Contains("golden numbers", StringComparison.Ordinal), $"no CUDA device: {choice.Warning}");
        Assert.Null(choice.Warning);
        var prepared = Cases.Ball(options.InputChannels);
        var expected = ReferencePrediction.Of(model, prepared, model.Manifest.IsSampled ? Samples : 1, seed: 7);

        var actual = VolumePredictor.Predict(prepared, network, model.Manifest, new() { Samples = Samples, Seed = 7 }, TimeProvider.System, null, CancellationToken.None);

        Assert.Equal(shared, actual.Shared);
        for (var c = 1; c < options.Classes; c++)
        {
            AssertClose(expected.Probability[c], actual.Probabilities[c - 1].Voxels, $"{name}, class {c}");
        }

        AssertClose(expected.Entropy, actual.PredictiveEntropy.Voxels, $"{name}, entropy");
        AssertClose(expected.Information, actual.MutualInformation.Voxels, $"{name}, mutual information");
    }

    [Theory]
    [InlineData("plain", FlipAxes.PosteriorAnterior)]
    [InlineData("Gaussian output", FlipAxes.LeftRight)]
    [InlineData("dropout in the decoder", FlipAxes.LeftRight | FlipAxes.InferiorSuperior)]
    [InlineData("Gaussian everywhere", FlipAxes.LeftRight | FlipAxes.PosteriorAnterior | FlipAxes.InferiorSuperior)]
    [InlineData("ensemble, dropout", FlipAxes.LeftRight | FlipAxes.PosteriorAnterior)]
    public void Flips_equal_the_reference(string name, FlipAxes flips)
    {
        var (_, options, members, _) = Networks.Select(n => n.Data).Single(n => n.Item1 == name);
        using var runs = Export(options, members);
        var model = ModelFile.Load(runs.Output);
        using var network = new OnnxNetwork(model);
        var prepared = Cases.Ball(2);
        Prediction Predict(int samples) => VolumePredictor.Predict(prepared, network, model.Manifest, new() { Samples = samples, Seed = 7, Flips = flips }, TimeProvider.System, null, CancellationToken.None);
        var expected = ReferencePrediction.Of(model, prepared, model.Manifest.IsSampled ? Samples : 1, seed: 7, flips: flips);

        var actual = Predict(Samples);

        Assert.Equal(1 << System.Numerics.BitOperations.PopCount((uint)flips), actual.Copies);
        AssertClose(expected.Probability[1], actual.Probabilities[0].Voxels, "class 1");
        AssertClose(expected.Probability[2], actual.Probabilities[1].Voxels, "class 2");
        AssertClose(expected.Entropy, actual.PredictiveEntropy.Voxels, "entropy");
        AssertClose(expected.Information, actual.MutualInformation.Voxels, "mutual information");
        AssertSame(actual, Predict(Samples));
        Assert.All(Predict(1).MutualInformation.Voxels, v => Assert.Equal(0, v)); // one draw of the weights: what flips change is not the weights' doing
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

    /// <summary>An overlap, a temperature and a threshold that are not the defaults; members whose logits differ enough to be told apart.</summary>
    private static TrainedRuns Export(NetworkOptions options, int members)
    {
        var runs = new TrainedRuns(members, options, m => m with { Overlap = 0.4, Calibration = m.Calibration with { Temperature = 1.3, Threshold = 0.6 } },
            n => (n.get_parameter("output.weight.value") ?? n.get_parameter("output.weight.mean"))!.mul_(3));
        OnnxExport.Export(runs.Options);
        return runs;
    }

    private static void AssertSame(Prediction one, Prediction other)
    {
        static byte[] Bytes(Prediction p) => [.. p.Probabilities.Append(p.PredictiveEntropy).Append(p.MutualInformation).SelectMany(m => System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(m.Voxels).ToArray())];
        Assert.True(Bytes(one).AsSpan().SequenceEqual(Bytes(other)), "the bytes of two runs differ");
    }

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
