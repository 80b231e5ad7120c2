using System.Globalization;
using System.Text.Json;
using Credence.Inference.Model;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Checkpoints;
using Credence.Models.Losses;
using Credence.Trainer.Datasets;
using Credence.Trainer.Distributed;
using Credence.Trainer.Planning;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>Trains one network on one fold: data, plan, steps, validation, checkpoints.</summary>
internal sealed class TrainingLoop
{
    private const double LargestDeformation = 1.0 / 6; // of a segment: a larger displacement would change by more than a voxel from one voxel to the next in many draws

    private readonly TrainingOptions options;
    private readonly WarningRecorder observer;
    private readonly TimeProvider clock;
    private readonly IProcessGroup group;
    private readonly RunFolder folder;

    private TrainingLoop(TrainingOptions options, ITrainingObserver observer, TimeProvider clock, IProcessGroup group, RunFolder folder)
    {
        (this.options, this.clock, this.group, this.folder) = (options, clock, group, folder);
        this.observer = new WarningRecorder(observer, folder);
    }

    /// <summary>Starts a run in an empty folder.</summary>
    /// <param name="options">Of the run.</param>
    /// <param name="observer">Receives the reports.</param>
    /// <param name="clock">Source of time.</param>
    /// <param name="cancellation">Stops the run after the current step, which the last checkpoint then holds.</param>
    /// <param name="group">The processes that train together; null for this one alone.</param>
    /// <exception cref="DatasetException">The data cannot be trained on, the folder already holds a run, or another process writes it.</exception>
    public static TrainingResult Fit(TrainingOptions options, ITrainingObserver observer, TimeProvider clock, CancellationToken cancellation, IProcessGroup? group = null)
    {
        group ??= SingleProcess.Instance;
        var folder = new RunFolder(options.Run, isWriter: group.Rank == 0);
        using var claim = group.Together(() =>
        {
            folder.RefuseExistingRun();
            return folder.Claim();
        });
        return new TrainingLoop(options, observer, clock, group, folder).Run(null, cancellation);
    }

    /// <summary>Goes on with an interrupted run, from its last checkpoint, with the options it was started with.</summary>
    /// <param name="run">The run folder.</param>
    /// <param name="change">Applied to the stored options, for example to train longer.</param>
    /// <param name="observer">Receives the reports.</param>
    /// <param name="clock">Source of time.</param>
    /// <param name="cancellation">Stops the run after the current step, which the last checkpoint then holds.</param>
    /// <param name="group">The processes that train together; null for this one alone. All of them read the folder.</param>
    /// <exception cref="DatasetException">The folder holds no run, or another process writes it.</exception>
    /// <exception cref="ModelFileException">The checkpoint is damaged.</exception>
    public static TrainingResult Resume(
        string run, Func<TrainingOptions, TrainingOptions> change, ITrainingObserver observer, TimeProvider clock, CancellationToken cancellation, IProcessGroup? group = null)
    {
        group ??= SingleProcess.Instance;
        var folder = new RunFolder(run, isWriter: group.Rank == 0);
        var (options, claim) = group.Together(() => (change(folder.ReadOptions()) with { Run = run }, folder.Claim()));
        using (claim)
        {
            using var checkpoint = group.Together(() => File.Exists(folder.LastCheckpoint) ? Readable(() => Checkpoint.Load(folder.LastCheckpoint)) : null);
            return new TrainingLoop(options, observer, clock, group, folder).Run(checkpoint, cancellation);
        }
    }

    private TrainingResult Run(Checkpoint? checkpoint, CancellationToken cancellation)
    {
        group.RequireSame(Identity(options));
        var (data, device) = group.Together(() =>
        {
            var prepared = TrainingData.Prepare(options, folder, checkpoint, observer.Preparing, group, cancellation);
            RefuseUnfit(options, prepared.Plan, group.Size);
            if (options.ElasticPeriod is not null && group.Size == 1)
            {
                throw new DatasetException(options.Run, "elastic averaging in one process", "several processes", "Start them with mpirun or srun, or leave --elastic-period out.");
            }

            return (prepared, ResolveDevice(options.Device, group));
        });
        group.RequireSame(data.Identity);
        var plan = data.Plan;
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
        var type = options.Precision == ComputePrecision.Float64 ? float64 : float32;
        using var network = group.Together(() =>
            checkpoint is null ? folder.StartNetwork(options, NetworkOptions(options, plan), plan, initialisation, observer.Warned) : Readable(() => checkpoint.BuildNetwork(type)));
        network.to(device, type);
        network.Precision = options.Precision;
        var objective = Objective(options, elbo, data.Loss(options), network.Options);
        using var run = new TrainingRun(options, data, network, elbo, device, clock, group);
        if (checkpoint is not null)
        {
            group.Together(() => Readable(() => run.Restore(checkpoint)));
        }

        folder.Write(options with { Network = network.Options }, data.Split);
        var resources = ResourceCheck.Of(OfOnePass(plan, options, group.Size), data.Fingerprint, network, Optimisation.StatesOf(options.Optimiser), DeviceMemory.Of(device));
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

        if (options.StartFrom is { } start && data.Split.SeenScans is null)
        {
            observer.Warned($"which scans {start} has seen is not recorded beside it (split.json); if it has seen validation cases, their figures are too good.");
        }

        foreach (var concern in data.Concerns)
        {
            observer.Warned(concern);
        }

        var own = observer.Warnings.ToList();
        foreach (var (text, rank) in group.Gather(string.Join('\0', own)).Select((text, rank) => (text, rank)).Skip(1))
        {
            foreach (var concern in text.Split('\0', StringSplitOptions.RemoveEmptyEntries).Except(own))
            {
                observer.Warned($"process {rank}: {concern}");
            }
        }

        using var log = group.Rank == 0 ? TrainingLog.Open(folder.Log, run.Progress) : null;
        try
        {
            while (!run.IsOver)
            {
                var epoch = run.TrainEpoch(Report, cancellation);
                observer.Validated(run.Validate(epoch, objective, folder, report => log?.Write(report), cancellation));
            }
        }
        catch (Exception e) when (e is OperationCanceledException || e is AgreedFailureException { IsInterruption: true })
        {
            run.Interrupt(objective, folder, () => log?.Flush());
            throw group.Agreed(new InterruptedException(
                run.Progress.Step == 0 ? $"{options.Run} has no step yet; give the same command again." : $"{folder.LastCheckpoint} holds everything after {run.Progress.Step} steps. `fit --resume`, or the same command of cross-validate or elbo, goes on.",
                cancellation));
        }

        var progress = run.Progress;
        return new(folder.BestCheckpoint, progress.Best?.Dice ?? 0, run.LastDice, progress.Epoch, progress.Step, progress.Seconds, run.IsStale);

        void Report(StepReport step, double share)
        {
            log?.Write(step);
            observer.Stepped(step, share);
        }
    }

    /// <summary>The plan with the largest number of examples that a process has in memory at once.</summary>
    internal static TrainingPlan OfOnePass(TrainingPlan plan, TrainingOptions options, int processes = 1) =>
        plan with { BatchSize = (plan.BatchSize - 1) / (processes * options.Accumulate) + 1 };

    /// <summary>Refuses what would train, and end with nothing.</summary>
    /// <param name="options">Of the run.</param>
    /// <param name="plan">With the overrides of the options.</param>
    /// <param name="processes">That train together.</param>
    /// <exception cref="DatasetException">The KL never has its full weight, a norm has a single number to normalise, a deformation would fold space, or the minibatch cannot be dealt out.</exception>
    internal static void RefuseUnfit(TrainingOptions options, TrainingPlan plan, int processes = 1)
    {
        RefuseUndivided(options, plan, processes);
        var steps = (long)(options.Epochs ?? 0) * options.StepsPerEpoch;
        if (options.Posterior == Posterior.MeanField && steps > 0 && !options.KlWarmUp.EndsAtOne(steps))
        {
            throw new DatasetException(options.Run, $"a {options.KlWarmUp}, which is {steps} steps long",
                "a run whose last step has the full weight of the KL: no other epoch can be its best", "Lower --kl-warm-up-share or --kl-cycles, or train longer.");
        }

        var largest = Displacement.SegmentLength(plan.PatchSize, plan.Spacing) * LargestDeformation;
        if (options.Augmentation.MaximumDeformation > largest)
        {
            throw new DatasetException(options.Run, FormattableString.Invariant($"--deformation {options.Augmentation.MaximumDeformation} with patches of {plan.PatchSize} voxels of {plan.Spacing.X:0.##} x {plan.Spacing.Y:0.##} x {plan.Spacing.Z:0.##} mm"),
                FormattableString.Invariant($"at most {largest:0.##}: more would fold the scan"), "Give a smaller --deformation.");
        }

        if (plan.PatchSize.Count == plan.Stride.Count && SingleNumber(NetworkOptions(options, plan), plan.BatchSize) is var (norm, remedy))
        {
            throw new DatasetException(Path.Combine(options.Run, TrainingPlan.FileName), $"patch {plan.PatchSize} and total stride {plan.Stride}: one voxel at the lowest level",
                $"at least 2 voxels there, because {norm} makes a single number 0", $"Enlarge the patch or remove a stride in the plan, or train with {remedy}.");
        }
    }

    /// <summary>Refuses to deal out a minibatch that is too small, or whose examples depend on each other in a way that no part of it can know.</summary>
    private static void RefuseUndivided(TrainingOptions options, TrainingPlan plan, int processes)
    {
        if (processes * options.Accumulate == 1)
        {
            return;
        }

        var parts = FormattableString.Invariant($"{processes} processes and {options.Accumulate} passes a step");
        void Refuse(string found, string expected, string remedy) => throw new DatasetException(options.Run, $"{found}, dealt out to {parts}", expected, remedy);
        if (plan.BatchSize < processes * options.Accumulate)
        {
            Refuse(FormattableString.Invariant($"minibatches of {plan.BatchSize}"), "an example at least for each", "Give a larger --batch-size, fewer processes or a smaller --accumulate.");
        }

        if (options.Network.Norm == NormKind.Batch)
        {
            Refuse("batch norm", "a norm of single examples: each part would have statistics of its own", "Give --norm instance or --norm group.");
        }

        var coupling = options.Accumulate > 1 ? MinibatchCoupling.Sums : MinibatchCoupling.Order;
        if ((options.ElasticPeriod is null || options.Accumulate > 1) && options.Loss.Coupled(coupling) is [var loss, ..])
        {
            Refuse($"the loss {loss}", $"losses whose parts add up: it needs {(coupling == MinibatchCoupling.Order ? "the order of all voxels" : "sums over all voxels")} of the minibatch before any gradient",
                coupling == MinibatchCoupling.Order ? "Give another --loss, or train in one process." : "Give another --loss, or more processes instead of --accumulate.");
        }
    }

    /// <summary>What processes that train together must have alike, by name: the program, and every option but those of the place.</summary>
    private static Dictionary<string, string> Identity(TrainingOptions options)
    {
        var common = options with { Data = "", Run = "", Device = "", Threads = 0, SamplingWorkers = 1, TestLock = null };
        return JsonSerializer.SerializeToNode(common, TrainerJson.Lines)!.AsObject().ToDictionary(p => p.Key, p => JsonSerializer.Serialize(p.Value, TrainerJson.Lines))
            .Append(KeyValuePair.Create("program", TrainingData.CodeHash)).ToDictionary();
    }

    /// <summary>Reads from a checkpoint; one that cannot be used is a model file that cannot be used.</summary>
    private static T Readable<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (CheckpointException e)
        {
            throw new ModelFileException(e.Path, e.Found, e.Expected, e.Remedy, e);
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

    /// <summary>The device of a name; of processes that train together, each takes a CUDA device of its machine for itself.</summary>
    /// <exception cref="DatasetException">There is no such device.</exception>
    internal static Device ResolveDevice(string name, IProcessGroup? group = null)
    {
        var (isGpu, count) = (cuda.is_available(), cuda.device_count());
        return name switch
        {
            "cpu" => CPU,
            "auto" when !isGpu => CPU,
            "auto" or "cuda" when isGpu && group is { Size: > 1 } => group.LocalRank < count
                ? new Device($"cuda:{group.LocalRank}")
                : throw new DatasetException($"--device {name}", $"process {group.LocalRank} of a machine with {count} CUDA devices, counted from 0", "a device a process", "Start as many processes a machine as it has devices."),
            "auto" => CUDA,
            "cuda" when isGpu => CUDA,
            _ when name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name[5..], NumberStyles.None, CultureInfo.InvariantCulture, out var index) && isGpu && index < count => new Device(name),
            _ => throw new DatasetException($"--device {name}", isGpu ? $"a machine with {count} CUDA devices" : "no CUDA device that this build can use",
                isGpu ? $"auto, cpu, or cuda:0 to cuda:{count - 1}" : "auto or cpu", "Give another --device; for a GPU, build with -p:Accelerator=cuda."),
        };
    }
}
