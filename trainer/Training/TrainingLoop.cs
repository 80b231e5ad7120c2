using System.Globalization;
using Credence.Inference.Model;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Checkpoints;
using Credence.Models.Losses;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>Trains one network on one fold: data, plan, steps, validation, checkpoints.</summary>
internal sealed class TrainingLoop
{
    private readonly TrainingOptions options;
    private readonly WarningRecorder observer;
    private readonly TimeProvider clock;
    private readonly RunFolder folder;

    private TrainingLoop(TrainingOptions options, ITrainingObserver observer, TimeProvider clock)
    {
        (this.options, this.clock) = (options, clock);
        folder = new RunFolder(options.Run);
        this.observer = new WarningRecorder(observer, folder);
    }

    /// <summary>Starts a run in an empty folder.</summary>
    /// <exception cref="DatasetException">The data cannot be trained on, the folder already holds a run, or another process writes it.</exception>
    public static TrainingResult Fit(TrainingOptions options, ITrainingObserver observer, TimeProvider clock, CancellationToken cancellation)
    {
        var loop = new TrainingLoop(options, observer, clock);
        using var claim = loop.folder.Claim();
        loop.folder.RefuseExistingRun();
        return loop.Run(null, cancellation);
    }

    /// <summary>Goes on with an interrupted run, from its last checkpoint, with the options it was started with.</summary>
    /// <param name="run">The run folder.</param>
    /// <param name="change">Applied to the stored options, for example to train longer.</param>
    /// <param name="observer">Receives the reports.</param>
    /// <param name="clock">Source of time.</param>
    /// <param name="cancellation">Stops the run after the current step; the last checkpoint stays.</param>
    /// <exception cref="DatasetException">The folder holds no run, or another process writes it.</exception>
    /// <exception cref="ModelFileException">The checkpoint is damaged.</exception>
    public static TrainingResult Resume(
        string run, Func<TrainingOptions, TrainingOptions> change, ITrainingObserver observer, TimeProvider clock, CancellationToken cancellation)
    {
        var folder = new RunFolder(run);
        var options = change(folder.ReadOptions()) with { Run = run };
        using var claim = folder.Claim();
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
        var data = TrainingData.Prepare(options, folder, checkpoint, observer.Preparing, cancellation);
        var (plan, device) = (data.Plan, ResolveDevice(options.Device));
        RefuseUnfit(options, plan);
        ConvolutionSearch.Switch(device.type == DeviceType.CUDA);
        if (options.Threads > 0)
        {
            set_num_threads(options.Threads);
        }

        var elbo = new Elbo(
            options.DataTerm, options.KlScaling ?? Elbo.ScalingFor(options.DataTerm),
            minibatches: options.StepsPerEpoch, examples: (long)options.StepsPerEpoch * plan.BatchSize, voxels: plan.PatchSize.Count)
        { Temper = options.Temper };

        using var scope = NewDisposeScope();
        using var initialisation = new Generator((ulong)PatchSampler.Mix(options.Seed, 3, 0));
        using var network = checkpoint?.BuildNetwork() ?? folder.StartNetwork(options, NetworkOptions(options, plan), initialisation, observer.Warned);
        network.to(device);
        network.Precision = options.Precision;
        var objective = Objective(options, elbo, data.Loss(options), network.Options);
        using var run = new TrainingRun(options, data, network, elbo, device, clock);
        if (checkpoint is not null)
        {
            run.Restore(checkpoint);
        }

        folder.Write(options with { Network = network.Options }, plan, data.Split);
        var resources = ResourceCheck.Of(plan, data.Fingerprint, network, Optimisation.StatesOf(options.Optimiser), DeviceMemory.Of(device));
        observer.Started(options, plan, network, objective, resources);
        foreach (var problem in resources.Warnings)
        {
            observer.Warned(problem);
        }

        if (options.Posterior == Posterior.MeanField && elbo.Warning is { } warning)
        {
            observer.Warned(warning);
        }

        foreach (var concern in network.Options.Warnings(plan.BatchSize))
        {
            observer.Warned(concern);
        }

        if (data.PlanConcern is { } planned)
        {
            observer.Warned(planned);
        }

        using var log = TrainingLog.Open(folder.Log, run.Progress.Step);
        while (!run.IsOver)
        {
            var epoch = run.TrainEpoch(Report, cancellation);
            observer.Validated(run.Validate(epoch, objective, folder, log.Write, cancellation));
        }

        var progress = run.Progress;
        return new(folder.BestCheckpoint, progress.Best?.Dice ?? 0, run.LastDice, progress.Epoch, progress.Step, progress.Seconds, run.IsStale);

        void Report(StepReport step, double share)
        {
            log.Write(step);
            observer.Stepped(step, share);
        }
    }

    /// <summary>Refuses what would train, and end with nothing.</summary>
    /// <exception cref="DatasetException">The KL never has its full weight, or a norm has a single number to normalise.</exception>
    internal static void RefuseUnfit(TrainingOptions options, TrainingPlan plan)
    {
        var steps = (long)(options.Epochs ?? 0) * options.StepsPerEpoch;
        if (options.Posterior == Posterior.MeanField && steps > 0 && !options.KlWarmUp.EndsAtOne(steps))
        {
            throw new DatasetException(options.Run, $"a {options.KlWarmUp}, which is {steps} steps long",
                "a run whose last step has the full weight of the KL: no other epoch can be its best", "Lower --kl-warm-up-share or --kl-cycles, or train longer.");
        }

        if (plan.PatchSize.Count == plan.Stride.Count && SingleNumber(NetworkOptions(options, plan), plan.BatchSize) is var (norm, remedy))
        {
            throw new DatasetException(Path.Combine(options.Run, TrainingPlan.FileName), $"patch {plan.PatchSize} and total stride {plan.Stride}: one voxel at the lowest level",
                $"at least 2 voxels there, because {norm} makes a single number 0", $"Enlarge the patch or remove a stride in the plan, or train with {remedy}.");
        }
    }

    /// <summary>The norm that has one number to normalise where the lowest level has one voxel, and what would help; null where it has more.</summary>
    private static (string Norm, string Remedy)? SingleNumber(NetworkOptions network, int batch)
    {
        var channels = network.WidthAt(network.Levels - 1);
        return network.Norm switch
        {
            NormKind.Instance => ("instance norm", "--norm group"),
            NormKind.Group when network.NormGroups % channels == 0 => ($"group norm with {network.NormGroups} groups of {channels} channels", "fewer --norm-groups"),
            NormKind.Batch when batch == 1 => ("batch norm over one example", "a larger --batch-size"),
            _ => null,
        };
    }

    /// <summary>The network that a plan and the options of a run ask for.</summary>
    internal static NetworkOptions NetworkOptions(TrainingOptions options, TrainingPlan plan) => options.Network with
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

    /// <summary>What is minimised, in words, for log and manifest.</summary>
    internal static string Objective(TrainingOptions options, Elbo elbo, LossSum loss, NetworkOptions network)
    {
        string[] parts = options.Posterior == Posterior.MeanField
            ? [elbo.Describe(Likelihood.Of(loss, network, options.ForegroundProbability)), options.KlWarmUp.ToString(), $"loss {loss}"]
            : [$"{loss}", $"{options.DataTerm}"];
        return FormattableString.Invariant($"{string.Join(", ", parts.Where(p => p.Length > 0))}, foreground probability {options.ForegroundProbability}");
    }

    /// <summary>The device of a name.</summary>
    /// <exception cref="DatasetException">There is no such device.</exception>
    internal static Device ResolveDevice(string name)
    {
        var (isGpu, count) = (cuda.is_available(), cuda.device_count());
        return name switch
        {
            "auto" => isGpu ? CUDA : CPU,
            "cpu" => CPU,
            "cuda" when isGpu => CUDA,
            _ when name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name[5..], NumberStyles.None, CultureInfo.InvariantCulture, out var index) && isGpu && index < count => new Device(name),
            _ => throw new DatasetException($"--device {name}", isGpu ? $"a machine with {count} CUDA devices" : "no CUDA device that this build can use",
                isGpu ? $"auto, cpu, or cuda:0 to cuda:{count - 1}" : "auto or cpu", "Give another --device; for a GPU, build with -p:Accelerator=cuda."),
        };
    }
}
