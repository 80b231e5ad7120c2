using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Models;
using Credence.Models.Checkpoints;
using Credence.Models.Losses;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>How far a run has come; stored in every checkpoint.</summary>
/// <param name="Epoch">Epochs done.</param>
/// <param name="Step">Steps done.</param>
/// <param name="Seconds">Time spent, interruptions not counted.</param>
/// <param name="BestDice">Best validation Dice so far.</param>
public sealed record RunProgress(int Epoch, long Step, double Seconds, double BestDice);

/// <summary>What a finished run reached.</summary>
/// <param name="BestCheckpoint">File with the best weights.</param>
/// <param name="BestDice">Its validation Dice.</param>
/// <param name="LastDice">Validation Dice after the last epoch.</param>
/// <param name="Epochs">Epochs done.</param>
/// <param name="Steps">Steps done.</param>
/// <param name="Seconds">Time spent.</param>
public sealed record TrainingResult(string BestCheckpoint, double BestDice, double LastDice, int Epochs, long Steps, double Seconds);

/// <summary>Where the reports of a run go.</summary>
public interface ITrainingObserver
{
    /// <summary>Preparation, in words.</summary>
    void Preparing(string what);

    /// <summary>Called once, when training begins or goes on.</summary>
    void Started(TrainingOptions options, TrainingPlan plan, Network network, string objective);

    /// <summary>Something that a user should know and that is no error.</summary>
    void Warned(string warning);

    /// <summary>Called after every step, with the share of the run that is over.</summary>
    void Stepped(StepReport report, double progress);

    /// <summary>Called after every epoch.</summary>
    void Validated(EpochReport report);
}

/// <summary>Trains one network on one fold: data, plan, steps, validation, checkpoints.</summary>
public sealed class TrainingLoop
{
    private const double NoDice = -1;
    private static readonly string Program = $"credence-train {typeof(TrainingLoop).Assembly.GetName().Version?.ToString(3)}";

    private readonly TrainingOptions options;
    private readonly ITrainingObserver observer;
    private readonly TimeProvider clock;
    private readonly RunFolder folder;

    private TrainingLoop(TrainingOptions options, ITrainingObserver observer, TimeProvider clock)
    {
        (this.options, this.observer, this.clock) = (options, observer, clock);
        folder = new RunFolder(options.Run);
    }

    /// <summary>Starts a run in an empty folder.</summary>
    /// <exception cref="DatasetException">The data cannot be trained on, or the folder already holds a run.</exception>
    public static TrainingResult Fit(TrainingOptions options, ITrainingObserver observer, TimeProvider clock, CancellationToken cancellation)
    {
        var loop = new TrainingLoop(options, observer, clock);
        loop.folder.RefuseExistingRun();
        return loop.Run(null, cancellation);
    }

    /// <summary>Goes on with an interrupted run, from its last checkpoint, with the options it was started with.</summary>
    /// <param name="run">The run folder.</param>
    /// <param name="change">Applied to the stored options, for example to train longer.</param>
    /// <param name="observer">Receives the reports.</param>
    /// <param name="clock">Source of time.</param>
    /// <param name="cancellation">Stops the run after the current step; the last checkpoint stays.</param>
    /// <exception cref="DatasetException">The folder holds no run.</exception>
    /// <exception cref="ModelFileException">The checkpoint is damaged.</exception>
    public static TrainingResult Resume(
        string run, Func<TrainingOptions, TrainingOptions> change, ITrainingObserver observer, TimeProvider clock, CancellationToken cancellation)
    {
        var folder = new RunFolder(run);
        var options = change(folder.ReadOptions()) with { Run = run };
        try
        {
            using var checkpoint = File.Exists(folder.LastCheckpoint) ? Checkpoint.Load(folder.LastCheckpoint) : null;
            return new TrainingLoop(options, observer, clock).Run(checkpoint, cancellation);
        }
        catch (CheckpointException e)
        {
            throw new ModelFileException(e.Path, e.Found, e.Expected, e.Remedy, e);
        }
    }

    private TrainingResult Run(Checkpoint? checkpoint, CancellationToken cancellation)
    {
        var data = TrainingData.Prepare(options, folder, observer.Preparing, cancellation);
        var (plan, device) = (data.Plan, ResolveDevice(options.Device));
        if (options.Threads > 0)
        {
            set_num_threads(options.Threads);
        }

        var batch = plan.BatchSize;
        var elbo = new Elbo(
            options.DataTerm, options.KlScaling ?? Elbo.ScalingFor(options.DataTerm),
            minibatches: options.StepsPerEpoch, examples: (long)options.StepsPerEpoch * batch, voxels: plan.PatchSize.Count)
        { Temper = options.Temper };
        var objective = Objective(elbo);

        using var scope = NewDisposeScope();
        using var initialisation = new Generator((ulong)PatchSampler.Mix(options.Seed, 3, 0));
        using var network = checkpoint?.BuildNetwork() ?? UNet.Build(NetworkOptions(plan), initialisation);
        network.to(device);
        using var optimisation = new Optimisation(network, options);
        var progress = new RunProgress(0, 0, 0, NoDice);
        if (checkpoint is not null)
        {
            (progress, var state) = RunFolder.ReadState(checkpoint);
            optimisation.LoadState(state);
        }

        folder.Write(options, plan, data.Split);
        observer.Started(options, plan, network, objective);
        if (options.Posterior == Posterior.MeanField && elbo.Warning is { } warning)
        {
            observer.Warned(warning);
        }

        using var log = TrainingLog.Open(folder.Log, progress.Step);
        using var noiseGenerator = new Generator(0, device);
        var noise = new RandomNoise(noiseGenerator, device);
        var validation = new Validation(data, new TorchPatchNetwork(network, device));
        var sampler = new PatchSampler(
            data.Training, plan.PatchSize, plan.Spacing, plan.Channels.Count, options.ForegroundProbability, options.Augmentation, options.Seed);
        var schedule = new LearningRateSchedule(optimisation.TopLearningRate, options.WarmUp);

        var start = clock.GetTimestamp();
        var earlier = progress.Seconds;
        double Seconds() => earlier + clock.GetElapsedTime(start).TotalSeconds;
        double Share(long step) => options.Minutes is { } minutes
            ? Seconds() / (60 * minutes)
            : (double)step / ((long)options.Epochs!.Value * options.StepsPerEpoch);

        var lastDice = progress.BestDice;
        var next = Task.Run(() => sampler.Draw(progress.Step, batch), cancellation);
        while (Share(progress.Step) < 1)
        {
            var losses = 0.0;
            var steps = 0;
            for (; steps < options.StepsPerEpoch && Share(progress.Step) < 1; steps++)
            {
                cancellation.ThrowIfCancellationRequested();
                var patches = next.GetAwaiter().GetResult();
                var following = progress.Step + 1;
                next = Task.Run(() => sampler.Draw(following, batch), cancellation);

                var share = Share(progress.Step);
                var rate = schedule.At(share);
                noiseGenerator.manual_seed(PatchSampler.Mix(options.Seed, 4, (ulong)progress.Step));
                var klFactor = network.NoiseInputs.Count > 0 && options.Posterior == Posterior.MeanField ? elbo.KlFactor(steps + 1) : 0;
                var values = Step(network, optimisation, noise, patches, batch, plan, device, elbo.DataFactor(batch), klFactor, rate);
                if (!double.IsFinite(values.Loss) || !double.IsFinite(values.DataNorm))
                {
                    throw new DatasetException(options.Run, FormattableString.Invariant($"loss {values.Loss} and gradient norm {values.DataNorm} at step {progress.Step}"),
                        "finite numbers", "Lower --learning-rate; the checkpoint before this epoch is intact, and --resume goes on from it.");
                }

                var report = new StepReport(
                    progress.Step, progress.Epoch, rate, values.Loss, values.NegativeLogLikelihood, values.Kl, klFactor, klFactor * values.Kl,
                    values.DataNorm, values.KlNorm, values.Cosine, patches.ForegroundFraction, Seconds());
                log.Write(report);
                observer.Stepped(report, share);
                losses += values.Loss;
                progress = progress with { Step = following };
            }

            var dice = validation.Run(cancellation);
            lastDice = dice.Mean;
            var isBest = dice.Mean > progress.BestDice;
            progress = new(progress.Epoch + 1, progress.Step, Seconds(), Math.Max(progress.BestDice, dice.Mean));
            var manifest = data.Manifest(objective, options, progress, dice, Program, clock.GetUtcNow());
            if (isBest)
            {
                RunFolder.Save(folder.BestCheckpoint, network, manifest, progress, optimiserState: null);
            }

            using (var state = optimisation.SaveState())
            {
                RunFolder.Save(folder.LastCheckpoint, network, manifest, progress, state);
            }

            var epoch = new EpochReport(progress.Epoch - 1, progress.Step, dice.Mean, dice.ByClass, losses / Math.Max(1, steps), isBest, progress.Seconds);
            log.Write(epoch);
            observer.Validated(epoch);
        }

        return new(folder.BestCheckpoint, progress.BestDice, lastDice, progress.Epoch, progress.Step, progress.Seconds);
    }

    private ObjectiveValues Step(
        Network network, Optimisation optimisation, RandomNoise noise, PatchBatch patches, int batch, TrainingPlan plan, Device device,
        double dataFactor, double klFactor, double learningRate)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        var size = plan.PatchSize;
        var images = tensor(patches.Images, [batch, plan.Channels.Count, size.Depth, size.Height, size.Width]).to(device);
        var targets = tensor(patches.Targets, [batch, size.Depth, size.Height, size.Width]).to(device);

        optimisation.ZeroGradients();
        using var loss = SegmentationLoss.Compute(options.Loss, network.Run(images, noise), targets);
        var values = ObjectiveGradients.Backward(network, loss, dataFactor, klFactor);
        nn.utils.clip_grad_norm_(network.parameters(), options.GradientClip * dataFactor);
        optimisation.Step(learningRate);
        return values;
    }

    private NetworkOptions NetworkOptions(TrainingPlan plan) => new()
    {
        InputChannels = plan.Channels.Count,
        Classes = plan.Classes.Count,
        Width = plan.Width,
        Strides = plan.Strides,
        Kernels = plan.Kernels,
        Posterior = options.Posterior,
        DropProbability = options.DropProbability,
        PriorSigma = options.PriorSigma,
    };

    private string Objective(Elbo elbo)
    {
        var isLogLikelihood = SegmentationLoss.IsLogLikelihood(options.Loss);
        return options.Posterior == Posterior.MeanField
            ? elbo.Describe(isLogLikelihood)
            : $"{options.Loss}, {options.DataTerm}";
    }

    private static Device ResolveDevice(string name) => name switch
    {
        "auto" => cuda.is_available() ? CUDA : CPU,
        _ => new Device(name),
    };
}
