using Credence.Inference.Model;
using Credence.Models;
using Credence.Models.Checkpoints;
using Credence.Trainer.Datasets;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>What an epoch of steps left behind for its report.</summary>
/// <param name="MeanLoss">Mean over the steps.</param>
/// <param name="ForegroundFraction">Share of foreground voxels in the patches.</param>
/// <param name="PatchesWithForeground">Share of the patches that hold any.</param>
/// <param name="Recency">Null when it is not measured.</param>
/// <param name="Pulls">Gradients by layer.</param>
/// <param name="HasFullKl">Whether the last step had the full weight of the KL.</param>
internal sealed record TrainedEpoch(double MeanLoss, double ForegroundFraction, double PatchesWithForeground, Recency? Recency, GradientPulls Pulls, bool HasFullKl);

/// <summary>A network in training: everything that changes from step to step, and all that a checkpoint must hold to go on bit for bit.</summary>
internal sealed class TrainingRun : IDisposable
{
    private const int MinibatchesAhead = 3; // one case in many is slow to sample; more would only hold memory

    private static readonly string Program = $"credence-train {typeof(TrainingRun).Assembly.GetName().Version?.ToString(3)}";

    private readonly TrainingOptions options;
    private readonly TrainingData data;
    private readonly Network network;
    private readonly Elbo elbo;
    private readonly TimeProvider clock;
    private readonly int batch;
    private readonly Func<long, IMinibatch> draw;
    private readonly Optimisation optimisation;
    private readonly WeightAverage? average;
    private readonly Generator noiseGenerator;
    private readonly TrainingNoise noise;
    private readonly Validation validation;
    private readonly PatchSampler sampler;
    private readonly LearningRateSchedule schedule;
    private readonly TrainingStep step;
    private readonly long start;
    private double earlier; // seconds before this process took over

    public TrainingRun(TrainingOptions options, TrainingData data, Network network, Elbo elbo, Device device, TimeProvider clock)
    {
        (this.options, this.data, this.network, this.elbo, this.clock) = (options, data, network, elbo, clock);
        var plan = data.Plan;
        batch = plan.BatchSize;
        optimisation = new Optimisation(network, options);
        average = options.AverageDecay is { } decay ? new WeightAverage(network, decay) : null;
        noiseGenerator = new Generator(0);
        noise = new TrainingNoise(noiseGenerator, device);
        validation = new Validation(data, new TorchPatchNetwork(network, device));
        sampler = new PatchSampler(
            data.Training, plan.PatchSize, plan.Spacing, plan.Channels.Count, options.ForegroundProbability, options.Augmentation, options.Seed);
        schedule = new LearningRateSchedule(optimisation.TopLearningRate, options.WarmUp);
        draw = device.type == DeviceType.CUDA ? number => sampler.Cut(number, batch, device) : number => sampler.Draw(number, batch);
        step = new TrainingStep(network, data.Loss(options), optimisation, options, device);
        start = clock.GetTimestamp();
    }

    public RunProgress Progress { get; private set; } = RunProgress.Start;

    /// <summary>Validation Dice after the last epoch.</summary>
    public double LastDice => Progress.LastDice;

    /// <summary>Whether the score has not improved for as many epochs as the options allow.</summary>
    public bool IsStale => options.Patience is { } patience && Progress.Best is { HasFullKl: true } best && Progress.Epoch - 1 - best.Epoch >= patience;

    public bool IsOver => Share >= 1 || IsStale;

    private double Seconds => earlier + clock.GetElapsedTime(start).TotalSeconds;

    /// <summary>Share of the run that is over.</summary>
    private double Share => options.Minutes is { } minutes
        ? Seconds / (60 * minutes)
        : (double)Progress.Step / ((long)options.Epochs!.Value * options.StepsPerEpoch);

    /// <summary>Goes on from a checkpoint; the network already has its weights.</summary>
    /// <exception cref="CheckpointException">The checkpoint lacks what a run needs.</exception>
    public void Restore(Checkpoint checkpoint)
    {
        (Progress, var state) = RunFolder.ReadState(checkpoint);
        optimisation.LoadState(state);
        average?.Restore(checkpoint);
        earlier = Progress.Seconds;
    }

    /// <summary>Takes the steps of one epoch.</summary>
    /// <param name="report">Receives every step, and the share of the run that was over before it.</param>
    /// <param name="cancellation">Stops after the current step.</param>
    public TrainedEpoch TrainEpoch(Action<StepReport, double> report, CancellationToken cancellation)
    {
        var (firstStep, steps, losses, pulls) = (Progress.Step, 0, 0.0, new GradientPulls());
        var (foreground, withForeground, warmUp) = (0.0, 0, 1.0);
        using var minibatches = new PatchQueue(draw, firstStep, MinibatchesAhead, options.SamplingWorkers);
        while (steps < options.StepsPerEpoch && Share is var share && share < 1)
        {
            cancellation.ThrowIfCancellationRequested();
            var asked = clock.GetTimestamp();
            using var patches = minibatches.Take();
            var waited = clock.GetElapsedTime(asked);
            var current = Progress.Step;

            noiseGenerator.manual_seed(PatchSampler.Mix(options.Seed, 4, (ulong)current));
            var rate = schedule.At(share);
            warmUp = options.KlWarmUp.At(share);
            var klFactor = options.Posterior == Posterior.MeanField ? elbo.KlFactor(steps + 1) * warmUp : 0;
            var begun = clock.GetTimestamp();
            var values = step.Take(patches, noise, new(rate, elbo.DataFactor(batch), klFactor, share));
            var computed = clock.GetElapsedTime(begun);
            if (!double.IsFinite(values.Loss) || !double.IsFinite(values.Total.DataNorm))
            {
                throw new DivergedException(options.Run, current, values.Loss, values.Total.DataNorm);
            }

            average?.Update(current);
            pulls.Add(values.Layers);
            losses += values.Loss;
            foreground += patches.ForegroundFraction;
            withForeground += patches.WithForeground;
            steps++;
            report(
                new StepReport(
                    current, Progress.Epoch, rate, values.Loss, values.NegativeLogLikelihood, values.Kl, klFactor, klFactor * values.Kl,
                    values.Total.DataNorm, values.Total.KlNorm, values.Total.Cosine, patches.ForegroundFraction, Seconds,
                    waited.TotalSeconds, computed.TotalSeconds),
                share);
            Progress = Progress with { Step = current + 1 };
        }

        var taken = Math.Max(1, steps);
        return new(
            losses / taken,
            foreground / taken,
            (double)withForeground / (taken * batch),
            steps > 0 && options.RecencyMinibatches is > 0 and var count ? Recency.Measure(step, sampler, firstStep, steps, batch, count) : null,
            pulls,
            options.Posterior != Posterior.MeanField || warmUp >= 1);
    }

    /// <summary>Validates and writes the checkpoints. With an average, everything is of the averaged weights.</summary>
    /// <param name="epoch">What its steps left behind.</param>
    /// <param name="objective">In words, for the manifest.</param>
    /// <param name="folder">Of the run.</param>
    /// <param name="log">Receives the report before the last checkpoint is written: lines beyond a checkpoint are dropped on resuming, missing ones would never be written.</param>
    /// <param name="cancellation">Stops between two cases.</param>
    public EpochReport Validate(TrainedEpoch epoch, string objective, RunFolder folder, Action<EpochReport> log, CancellationToken cancellation)
    {
        return average is null ? Judge(new Dictionary<string, Tensor>()) : average.While(Judge);

        EpochReport Judge(IReadOnlyDictionary<string, Tensor> inTraining)
        {
            var scores = validation.Run(cancellation);
            var score = options.Select == SelectionCriterion.Dice ? scores.MeanDice : -scores.NegativeLogLikelihood;
            var judged = new BestEpoch(Progress.Epoch, score, scores.MeanDice, epoch.HasFullKl);
            var best = Progress.BestWith(judged);
            var isBest = ReferenceEquals(best, judged);
            Progress = new(Progress.Epoch + 1, Progress.Step, Seconds, best) { LastDice = scores.MeanDice };
            var manifest = data.Manifest(objective, options, Progress, scores, Program, clock.GetUtcNow());
            if (isBest)
            {
                RunFolder.Save(folder.BestCheckpoint, network, manifest, Progress, new Dictionary<string, Tensor>());
            }

            var report = new EpochReport(
                Progress.Epoch - 1, Progress.Step, scores.MeanDice, scores.DiceByClass, scores.NegativeLogLikelihood, epoch.MeanLoss, epoch.ForegroundFraction, epoch.PatchesWithForeground,
                epoch.Recency?.FirstSeen, epoch.Recency?.LastSeen, epoch.Pulls.ByLayer(network, noise), isBest && best.HasFullKl, Progress.Seconds);
            log(report);
            using var state = optimisation.SaveState();
            RunFolder.Save(folder.LastCheckpoint, network, manifest, Progress, inTraining.Append(KeyValuePair.Create(RunFolder.OptimiserKey, state)).ToDictionary());
            return report;
        }
    }

    public void Dispose()
    {
        average?.Dispose();
        noiseGenerator.Dispose();
        optimisation.Dispose();
    }
}
