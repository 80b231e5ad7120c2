using System.Security.Cryptography;
using Credence.Inference.Model;
using Credence.Models;
using Credence.Models.Checkpoints;
using Credence.Trainer.Datasets;
using Credence.Trainer.Distributed;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>What an epoch of steps left behind for its report.</summary>
/// <param name="Sums">Over its steps.</param>
/// <param name="Recency">Null when it is not measured.</param>
/// <param name="HasFullKl">Whether the last step had the full weight of the KL.</param>
internal sealed record TrainedEpoch(EpochSums Sums, Recency? Recency, bool HasFullKl);

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
    private readonly Device device;
    private readonly IProcessGroup group;
    private readonly MinibatchLayout layout;
    private readonly Func<long, IMinibatch> draw;
    private readonly Optimisation optimisation;
    private readonly WeightAverage? average;
    private readonly ElasticAverage? elastic;
    private readonly Validation validation;
    private readonly LearningRateSchedule schedule;
    private readonly TrainingStep step;
    private readonly long start;
    private double earlier; // seconds before this process took over

    public TrainingRun(TrainingOptions options, TrainingData data, Network network, Elbo elbo, Device device, TimeProvider clock, IProcessGroup group)
    {
        (this.options, this.data, this.network, this.elbo, this.device, this.clock, this.group) = (options, data, network, elbo, device, clock, group);
        var plan = data.Plan;
        layout = new(plan.BatchSize, group.Size, group.Rank, options.Accumulate);
        Broadcast();
        optimisation = new Optimisation(network, options);
        average = options.AverageDecay is { } decay ? new WeightAverage(network, decay) : null;
        validation = new Validation(data, new TorchPatchNetwork(network, device), group);
        var sampler = new PatchSampler(
            data.Training, plan.PatchSize, plan.Spacing, plan.Channels.Count, options.ForegroundProbability, options.Augmentation, options.Seed);
        schedule = LearningRateSchedule.For(optimisation.TopLearningRate, options.WarmUp, options.ElasticPeriod is null ? layout.Batch : (double)layout.Batch / group.Size, options.ReferenceBatchSize);
        draw = number =>
        {
            var (of, range) = (number / layout.Passes, layout.Of((int)(number % layout.Passes)));
            return device.type == DeviceType.CUDA ? sampler.Cut(of, layout.Batch, range, device) : sampler.Draw(of, layout.Batch, range);
        };
        elastic = options.ElasticPeriod is { } period ? new ElasticAverage(network, group, period, options.ElasticStrength) : null;
        step = new TrainingStep(network, data.Loss(options), optimisation, options, device, layout, group, elastic);
        start = clock.GetTimestamp();
    }

    public RunProgress Progress { get; private set; } = RunProgress.Start;

    /// <summary>Validation Dice after the last epoch.</summary>
    public double LastDice => Progress.LastDice;

    /// <summary>Whether the score has not improved for as many epochs as the options allow.</summary>
    public bool IsStale => options.Patience is { } patience && Progress.Best is { HasFullKl: true } && Progress.EpochsSinceBest >= patience;

    /// <summary>Whether no epoch is left; one that was interrupted is, even behind its last step.</summary>
    public bool IsOver => Progress.Within is null && (AgreedShare(CancellationToken.None) >= 1 || IsStale);

    private double Seconds => earlier + clock.GetElapsedTime(start).TotalSeconds;

    /// <summary>Share of the run that is over.</summary>
    private double Share => options.Minutes is { } minutes
        ? Seconds / (60 * minutes)
        : (double)Progress.Step / ((long)options.Epochs!.Value * options.StepsPerEpoch);

    /// <summary>Goes on from a checkpoint; the network already has its weights.</summary>
    /// <exception cref="CheckpointException">The checkpoint lacks what a run needs.</exception>
    /// <returns>How far the run has come.</returns>
    public RunProgress Restore(Checkpoint checkpoint)
    {
        (Progress, var state) = RunFolder.ReadState(checkpoint);
        optimisation.LoadState(elastic?.Restore(checkpoint) ?? state);
        average?.Restore(checkpoint);
        earlier = Progress.Seconds;
        return Progress;
    }

    /// <summary>Gives every process the weights of process 0.</summary>
    private void Broadcast()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        foreach (var tensor in network.parameters().Concat(network.buffers()))
        {
            group.Broadcast(tensor);
        }
    }

    /// <summary>Takes the steps of one epoch, or those that are left of one that was interrupted.</summary>
    /// <param name="report">Receives every step, and the share of the run that was over before it.</param>
    /// <param name="cancellation">Stops after the current step.</param>
    public TrainedEpoch TrainEpoch(Action<StepReport, double> report, CancellationToken cancellation)
    {
        var epoch = Progress.Within ?? new() { FirstStep = Progress.Step };
        step.Progress = epoch.Share;
        using var minibatches = new PatchQueue(draw, Progress.Step * layout.Passes, MinibatchesAhead * layout.Passes, options.SamplingWorkers);
        while (epoch.Steps < options.StepsPerEpoch && AgreedShare(cancellation) is var share && share < 1)
        {
            var (asked, communicated) = (clock.GetTimestamp(), group.Communication);
            using var passes = new MinibatchPasses([.. Enumerable.Range(0, layout.Passes).Select(_ => minibatches.Take())]);
            var waited = clock.GetElapsedTime(asked);
            var current = Progress.Step;

            var rate = schedule.At(share);
            var warmUp = options.KlWarmUp.At(share);
            var klFactor = options.Posterior == Posterior.MeanField ? elbo.KlFactor(epoch.Steps + 1) * warmUp : 0;
            var begun = clock.GetTimestamp();
            var values = OfAll(step.Take(passes.All, Noise(current), new(rate, elbo.DataFactor(layout.Batch), klFactor, share, current)));
            var computed = clock.GetElapsedTime(begun);
            if (!double.IsFinite(values.Loss) || !double.IsFinite(values.Total.DataNorm))
            {
                throw group.Agreed(new DivergedException(options.Run, current, values.Loss, values.Total.DataNorm));
            }

            average?.Update(current);
            var (seen, holding) = passes.Foreground(layout, group);
            epoch = epoch with
            {
                Steps = epoch.Steps + 1,
                Loss = epoch.Loss + values.Loss,
                Foreground = epoch.Foreground + seen,
                WithForeground = epoch.WithForeground + holding,
                KlWarmUp = warmUp,
                Share = share,
                Layers = GradientPulls.Add(epoch.Layers, values.Layers),
            };
            report(
                new StepReport(
                    current, Progress.Epoch, rate, values.Loss, values.NegativeLogLikelihood, values.Kl, klFactor, klFactor * values.Kl,
                    values.Total.DataNorm, values.Total.KlNorm, values.Total.Cosine, seen, Seconds,
                    waited.TotalSeconds, computed.TotalSeconds, (group.Communication - communicated).TotalSeconds),
                share);
            Progress = Progress with { Step = current + 1, Within = epoch };
        }

        return new(
            epoch,
            epoch.Steps > 0 && options.RecencyMinibatches is > 0 and var count ? Recency.Measure(Loss, epoch.FirstStep, epoch.Steps, count) : null,
            options.Posterior != Posterior.MeanField || epoch.KlWarmUp >= 1);
    }

    /// <summary>Writes the last checkpoint of a run that was interrupted within an epoch: what goes on from it is the run that nobody interrupted, to the bit.</summary>
    /// <param name="objective">In words, for the manifest.</param>
    /// <param name="folder">Of the run.</param>
    /// <param name="flush">Writes the log to the disk before.</param>
    public void Interrupt(string objective, RunFolder folder, Action flush)
    {
        if (Progress.Within is null)
        {
            return; // there is no step since the last checkpoint
        }

        flush();
        Progress = Progress with { Seconds = Seconds };
        _ = WhileKept(Write);

        bool Write(IReadOnlyDictionary<string, Tensor> inTraining)
        {
            SaveLast(data.Manifest(objective, options, Progress, null, Program, clock.GetUtcNow()), folder, inTraining);
            return true;
        }
    }

    private StepNoise Noise(long of) => StepNoise.Of(options.Seed, of, options.WeightNoise, group, network, device);

    /// <summary>The loss of the present weights on the minibatch of a step.</summary>
    private double Loss(long of)
    {
        using var passes = new MinibatchPasses([.. Enumerable.Range(0, layout.Passes).Select(pass => draw(of * layout.Passes + pass))]);
        return step.Loss(passes.All);
    }

    /// <summary>With elastic averaging, values and norms in the mean over the processes.</summary>
    private ObjectiveValues OfAll(ObjectiveValues own)
    {
        if (elastic is null)
        {
            return own;
        }

        Span<double> sums = [own.Loss, own.NegativeLogLikelihood, own.Kl, own.Total.DataNorm, own.Total.KlNorm];
        group.Sum(sums);
        return own with
        {
            Loss = sums[0] / group.Size,
            NegativeLogLikelihood = sums[1] / group.Size,
            Kl = sums[2] / group.Size,
            Total = own.Total with { DataNorm = sums[3] / group.Size, KlNorm = sums[4] / group.Size },
        };
    }

    /// <summary>The share of the run that is over, by the clock of process 0.</summary>
    /// <param name="cancellation">Of any process stops all of them.</param>
    private double AgreedShare(CancellationToken cancellation)
    {
        Span<double> agreed = [group.Rank == 0 ? Share : 0, cancellation.IsCancellationRequested ? 1 : 0];
        group.Sum(agreed);
        return agreed[1] == 0 ? agreed[0] : throw group.Agreed(new OperationCanceledException(cancellation));
    }

    /// <summary>Validates and writes the checkpoints. With an average, everything is of the averaged weights.</summary>
    /// <param name="epoch">What its steps left behind.</param>
    /// <param name="objective">In words, for the manifest.</param>
    /// <param name="folder">Of the run.</param>
    /// <param name="log">Receives the report before the last checkpoint is written: lines beyond a checkpoint are dropped on resuming, missing ones would never be written.</param>
    /// <param name="cancellation">Stops between two cases.</param>
    public EpochReport Validate(TrainedEpoch epoch, string objective, RunFolder folder, Action<EpochReport> log, CancellationToken cancellation)
    {
        RequireSameWeights();
        return WhileKept(Judge);

        EpochReport Judge(IReadOnlyDictionary<string, Tensor> inTraining)
        {
            var scores = validation.Run(cancellation);
            var score = options.Select == SelectionCriterion.Dice && data.ValidatesForeground ? scores.MeanDice : -scores.NegativeLogLikelihood;
            var judged = new BestEpoch(Progress.Epoch, score, scores.MeanDice, epoch.HasFullKl);
            var best = Progress.BestWith(judged);
            var isBest = ReferenceEquals(best, judged);
            Progress = new(Progress.Epoch + 1, Progress.Step, Seconds, best)
            {
                LastDice = scores.MeanDice,
                EpochsSinceBest = isBest ? 0 : Progress.EpochsSinceBest + (epoch.HasFullKl ? 1 : 0),
            };
            var manifest = data.Manifest(objective, options, Progress, scores, Program, clock.GetUtcNow());
            if (isBest)
            {
                folder.Save(folder.BestCheckpoint, network, manifest, Progress, new Dictionary<string, Tensor>());
            }

            var (sums, steps) = (epoch.Sums, Math.Max(1, epoch.Sums.Steps));
            var report = new EpochReport(
                Progress.Epoch - 1, Progress.Step, scores.MeanDice, scores.DiceByClass, scores.NegativeLogLikelihood, sums.Loss / steps, sums.Foreground / steps, sums.WithForeground / (steps * layout.Batch),
                epoch.Recency?.FirstSeen, epoch.Recency?.LastSeen, GradientPulls.ByLayer(sums, network, Noise(Progress.Step).Kl), isBest && best.HasFullKl, Progress.Seconds);
            log(report);
            SaveLast(manifest, folder, inTraining);
            return report;
        }
    }

    /// <summary>Runs a function while the network holds what is validated and kept; it gets what training goes on with beside it, for a checkpoint.</summary>
    private T WhileKept<T>(Func<IReadOnlyDictionary<string, Tensor>, T> function)
    {
        if (elastic is null)
        {
            return average is null ? function(new Dictionary<string, Tensor>()) : average.While(function);
        }

        using var scope = NewDisposeScope();
        var inTraining = elastic.Save(optimisation.SaveState());
        return elastic.While(() => function(inTraining));
    }

    /// <summary>The processes take the same steps from the same sums, so that their weights must agree to the bit; with elastic averaging each has its own.</summary>
    private void RequireSameWeights()
    {
        if (group.Size == 1 || elastic is not null)
        {
            return;
        }

        using var scope = NewDisposeScope();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var parameter in network.parameters())
        {
            hash.AppendData(parameter.detach().cpu().contiguous().bytes);
        }

        if (group.Gather(Convert.ToHexStringLower(hash.GetHashAndReset())).Distinct().Count() > 1)
        {
            throw group.Agreed(new ProcessGroupException($"weights that differ between the processes after {Progress.Step} steps", "the same bits in all",
                "A processor, a network or a library computes something else than the others: find it, and go on from the last checkpoint with --resume."));
        }
    }

    private void SaveLast(ModelManifest manifest, RunFolder folder, IReadOnlyDictionary<string, Tensor> inTraining)
    {
        using var state = optimisation.SaveState();
        folder.Save(folder.LastCheckpoint, network, manifest, Progress, inTraining.Append(KeyValuePair.Create(RunFolder.OptimiserKey, state)).ToDictionary());
    }

    public void Dispose()
    {
        average?.Dispose();
        elastic?.Dispose();
        optimisation.Dispose();
    }
}
