using System.Text.Json;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Checkpoints;
using Credence.Models.Losses;
using Credence.Models.Priors;
using Credence.Trainer.Datasets;
using Credence.Trainer.Distributed;
using Credence.Trainer.Planning;
using Credence.Trainer.Sampling;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests;

public sealed class TrainingLoopTests
{
    [Theory]
    [InlineData(Posterior.Plain, OptimiserKind.AdamW, "dice(batch) + hard-negatives(warm-up=0.8)", null)]
    [InlineData(Posterior.Plain, OptimiserKind.AdamW, "dice + cross-entropy", 0.9)]
    [InlineData(Posterior.Plain, OptimiserKind.Sgd, "dice + cross-entropy", 0.9, NormKind.Batch)]
    [InlineData(Posterior.ChannelDropout, OptimiserKind.Sgd, "weighted-cross-entropy", null)]
    [InlineData(Posterior.MeanField, OptimiserKind.AdamW, "dice + cross-entropy", null)]
    [InlineData(Posterior.MeanField, OptimiserKind.AdamW, "cross-entropy", null, NormKind.Batch, WeightEstimator.Flipout, PriorKind.ScaleMixture)]
    [InlineData(Posterior.MeanField, OptimiserKind.AdamW, "cross-entropy", null, NormKind.Instance, WeightEstimator.Reparameterisation, PriorKind.Gaussian, KlWarmUpKind.Linear, true)]
    [InlineData(Posterior.MeanField, OptimiserKind.AdamW, "cross-entropy", null, NormKind.Group, WeightEstimator.LocalReparameterisation, PriorKind.Laplace)]
    public void An_interrupted_run_goes_on_as_if_nothing_had_happened(
        Posterior posterior, OptimiserKind optimiser, string loss, double? average,
        NormKind norm = NormKind.Instance, WeightEstimator estimator = WeightEstimator.Reparameterisation, PriorKind prior = PriorKind.Gaussian,
        KlWarmUpKind warmUp = KlWarmUpKind.None, bool isDeeplySupervised = false)
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.File("whole")) with { Posterior = posterior, Optimiser = optimiser, Loss = LossSum.Parse(loss), AverageDecay = average, L1 = 1e-4 };
        options = options with { KlWarmUp = new() { Kind = warmUp }, Network = options.Network with { Norm = norm, Estimator = estimator, Prior = prior, HasDeepSupervision = isDeeplySupervised } };
        var dataset = Dataset.Open(data.Path);
        var (plan, _) = TrainingData.MakePlan(dataset, TrainingData.Survey(dataset, _ => { }, CancellationToken.None), null, new RunFolder(options.Run));
        if (isDeeplySupervised)
        {
            plan = plan with { Strides = [.. plan.Strides, [1, 1, 1]], Kernels = [.. plan.Kernels, [1, 1, 1]] }; // which needs four levels
        }

        foreach (var run in new[] { "whole", "broken" })
        {
            Directory.CreateDirectory(folder.File(run));
            plan.Write(folder.File($"{run}/plan.json"));
        }

        var whole = TrainingLoop.Fit(options, new Recorder(), TimeProvider.System, CancellationToken.None);

        // After the first step, in the middle of the second epoch, and behind the last step of an epoch and of the run, before they are judged.
        var broken = options with { Run = folder.File("broken") };
        var taken = new List<long>();
        foreach (var last in new long[] { 0, 4, 5, 8 })
        {
            using var interruption = new CancellationTokenSource();
            var recorder = new Recorder { OnStep = report => Interrupt(report, last, interruption) };
            var message = Assert.ThrowsAny<OperationCanceledException>(() => last == 0
                ? TrainingLoop.Fit(broken, recorder, TimeProvider.System, interruption.Token)
                : TrainingLoop.Resume(broken.Run, o => o, recorder, TimeProvider.System, interruption.Token)).Message;
            Assert.StartsWith($"{folder.File("broken/last.safetensors")} holds everything after {last + 1} steps.", message, StringComparison.Ordinal);
            Assert.Equal(last, recorder.Steps[^1].Step);
        }

        var resumed = TrainingLoop.Resume(broken.Run, o => o, new Recorder(), TimeProvider.System, CancellationToken.None);

        Assert.Equal(Enumerable.Range(0, 9).Select(n => (long)n), taken); // no step was taken twice
        Assert.Equal((whole.BestDice, whole.LastDice, whole.Steps), (resumed.BestDice, resumed.LastDice, resumed.Steps));
        Assert.Equal(Weights(folder.File("whole/last.safetensors")), Weights(folder.File("broken/last.safetensors")));
        Assert.Equal(Weights(folder.File("whole/best.safetensors")), Weights(folder.File("broken/best.safetensors")));
        Assert.Equal(Log(folder.File("whole")), Log(folder.File("broken")));

        void Interrupt(StepReport report, long last, CancellationTokenSource source)
        {
            taken.Add(report.Step);
            if (report.Step == last)
            {
                source.Cancel();
            }
        }
    }

    [Fact]
    public void A_finished_run_that_is_resumed_stays_as_it_is()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        // The second epoch is worse than the first: the learning rate is far too high.
        var finished = TrainingLoop.Fit(Options(data, folder.Path) with { Epochs = 2, LearningRate = 0.3 }, new Recorder(), TimeProvider.System, CancellationToken.None);
        var (weights, log) = (Weights(folder.File("last.safetensors")), Log(folder.Path));

        var again = TrainingLoop.Resume(folder.Path, o => o, new Recorder(), TimeProvider.System, CancellationToken.None);

        Assert.Equal((finished.BestDice, finished.LastDice, finished.Epochs, finished.Steps), (again.BestDice, again.LastDice, again.Epochs, again.Steps));
        Assert.Equal(weights, Weights(folder.File("last.safetensors")));
        Assert.Equal(log, Log(folder.Path));
    }

    /// <summary>The line of an epoch is written before its checkpoint: a process that dies in between leaves it behind, and goes on from a checkpoint within that epoch.</summary>
    [Fact]
    public void The_line_of_an_epoch_whose_checkpoint_was_not_written_is_written_once()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        using var interruption = new CancellationTokenSource();
        void Interrupt(StepReport report)
        {
            if (report.Step == 5)
            {
                interruption.Cancel();
            }
        }

        Assert.ThrowsAny<OperationCanceledException>(() => TrainingLoop.Fit(Options(data, folder.Path), new Recorder { OnStep = Interrupt }, TimeProvider.System, interruption.Token));
        var within = File.ReadAllBytes(folder.File("last.safetensors"));
        TrainingLoop.Resume(folder.Path, o => o, new Recorder(), TimeProvider.System, CancellationToken.None);
        var log = Log(folder.Path);
        File.WriteAllBytes(folder.File("last.safetensors"), within);
        File.WriteAllLines(folder.File("log.jsonl"), File.ReadAllLines(folder.File("log.jsonl"))[..8]); // two epochs of three steps, and their own lines
        TrainingLoop.Resume(folder.Path, o => o, new Recorder(), TimeProvider.System, CancellationToken.None);

        Assert.Equal(log, Log(folder.Path));
    }

    /// <summary>A checkpoint that cannot be written ends the run; the lines of its epoch are there, and are dropped when the run goes on.</summary>
    [Fact]
    public void An_epoch_is_in_the_log_before_its_checkpoint()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("last.safetensors/occupied"));

        Assert.ThrowsAny<Exception>(() => TrainingLoop.Fit(Options(data, folder.Path) with { Epochs = 1 }, new Recorder(), TimeProvider.System, CancellationToken.None));

        Assert.Contains("\"validationDice\"", File.ReadAllLines(folder.File("log.jsonl"))[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_does_not_go_on_with_other_data_or_another_plan()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        TrainingLoop.Fit(Options(data, folder.Path) with { Epochs = 1 }, new Recorder(), TimeProvider.System, CancellationToken.None);
        string Refusal(Func<TrainingOptions, TrainingOptions> change) =>
            Assert.Throws<DatasetException>(() => TrainingLoop.Resume(folder.Path, change, new Recorder(), TimeProvider.System, CancellationToken.None)).Message;

        Assert.Contains("plan.json: examples an epoch 9 instead of 6; width 8 instead of 4; expected the plan of", Refusal(o => o with { BatchSize = 3, Width = 8 }), StringComparison.Ordinal);
        var plan = TrainingPlan.Read(folder.File("plan.json"));
        (plan with { Spacing = new(1, 1, 3) }).Write(folder.File("plan.json"));
        Assert.Contains("plan.json: spacing ", Refusal(o => o), StringComparison.Ordinal);
        plan.Write(folder.File("plan.json"));

        File.Copy(data.File("labelsTr/case0.nii.gz"), data.File("labelsTr/case1.nii.gz"), overwrite: true);
        Assert.Matches(@": data [0-9a-f]{16}; expected data [0-9a-f]{16}, on which .*last\.safetensors was trained\. Restore the scans and masks", Refusal(o => o));
    }

    [Fact]
    public void Every_step_is_logged_with_its_two_gradients_and_every_epoch_with_its_dice()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        TrainingLoop.Fit(Options(data, folder.Path) with { Posterior = Posterior.MeanField }, new Recorder(), TimeProvider.System, CancellationToken.None);

        var lines = File.ReadAllLines(folder.File("log.jsonl")).Select(l => JsonDocument.Parse(l).RootElement).ToList();
        var steps = lines.Where(l => l.TryGetProperty("loss", out _)).ToList();
        Assert.Equal(Enumerable.Range(0, 9).Select(n => (long)n), steps.Select(s => s.GetProperty("step").GetInt64()));
        Assert.All(steps, step =>
        {
            double Value(string name) => step.GetProperty(name).GetDouble();
            Assert.True(Value("learningRate") > 0 && Value("dataGradientNorm") > 0 && Value("klGradientNorm") > 0 && Value("negativeLogLikelihood") > 0);
            Assert.InRange(Value("gradientCosine"), -1, 1);
            Assert.Equal(Value("kl") * Value("klFactor"), Value("weightedKl"), tolerance: 1e-12);
            Assert.True(Value("loss") > Value("weightedKl"));
        });
        var epochs = lines.Where(l => l.TryGetProperty("validationDice", out _)).ToList();
        Assert.Equal([3L, 6, 9], epochs.Select(e => e.GetProperty("step").GetInt64()));
        Assert.All(epochs, e => Assert.InRange(e.GetProperty("validationDice").GetDouble(), 0, 1));
        foreach (var (epoch, number) in epochs.Select((e, n) => (e, n)))
        {
            var seen = steps.Skip(3 * number).Take(3).Average(s => s.GetProperty("foregroundFraction").GetDouble());
            Assert.Equal(seen, epoch.GetProperty("foregroundFraction").GetDouble(), tolerance: 1e-12);
            Assert.InRange(epoch.GetProperty("patchesWithForeground").GetDouble(), seen > 0 ? 1.0 / 6 : 0, 1);
        }
    }

    [Fact]
    public void A_run_is_the_same_to_the_bit_when_it_is_done_again()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        foreach (var run in new[] { "one", "two" })
        {
            TrainingLoop.Fit(Options(data, folder.File(run)) with { Posterior = Posterior.MeanField }, new Recorder(), TimeProvider.System, CancellationToken.None);
        }

        Assert.Equal(Weights(folder.File("one/last.safetensors")), Weights(folder.File("two/last.safetensors")));
        Assert.Equal(Log(folder.File("one")), Log(folder.File("two")));
    }

    /// <summary>Read back from the log: what was multiplied, and how long the gradient was that it made.</summary>
    [Theory]
    [InlineData(KlWarmUpKind.Linear, new[] { 0, 1 / 6.0, 2 / 6.0, 3 / 6.0, 4 / 6.0, 5 / 6.0, 1, 1, 1, 1, 1, 1 }, new[] { false, false, true, false })]
    [InlineData(KlWarmUpKind.Cyclical, new[] { 0, 1 / 3.0, 2 / 3.0, 1, 1, 1, 0, 1 / 3.0, 2 / 3.0, 1, 1, 1 }, new[] { false, true, false, false })]
    public void A_warm_up_changes_the_effective_weight_of_the_kl_and_ends_at_its_full_weight(KlWarmUpKind kind, double[] factors, bool[] best)
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var plain = Options(data, folder.File("plain")) with { Posterior = Posterior.MeanField, LearningRate = 1e-12, Epochs = 4 };
        var (without, with) = (new Recorder(), new Recorder());
        TrainingLoop.Fit(plain, without, TimeProvider.System, CancellationToken.None);
        TrainingLoop.Fit(plain with { Run = folder.File("warm"), KlWarmUp = new() { Kind = kind, Share = 0.5, Cycles = 2 } }, with, TimeProvider.System, CancellationToken.None);

        // With a learning rate of almost 0 both runs see the same weights, so that only the factor differs.
        Assert.Equal(12, with.Steps.Count);
        foreach (var (a, b, factor) in without.Steps.Zip(with.Steps, factors))
        {
            Assert.Equal(factor * a.KlFactor, b.KlFactor, tolerance: 1e-12);
            Assert.Equal(factor * a.KlGradientNorm, b.KlGradientNorm, tolerance: 1e-4 * a.KlGradientNorm);
        }

        // An epoch that ends before the full weight has trained on another objective, and is never the best.
        Assert.True(without.Epochs[0].IsBest);
        Assert.Equal(best, with.Epochs.Select(e => e.IsBest));
    }

    [Fact]
    public void Where_no_epoch_reaches_the_full_weight_of_the_kl_the_last_one_is_kept()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var recorder = new Recorder();
        // How many steps a minute has is not known beforehand: this schedule ends within the last of them.
        var options = Options(data, folder.Path) with { Posterior = Posterior.MeanField, Epochs = null, Minutes = 1, Patience = 1, KlWarmUp = new() { Kind = KlWarmUpKind.Linear, Share = 0.999 } };
        var result = TrainingLoop.Fit(options, recorder, new SteppingClock(TimeSpan.FromSeconds(0.5)), CancellationToken.None);

        Assert.True(recorder.Epochs.Count > 2); // patience does not count before there is a best
        Assert.DoesNotContain(recorder.Epochs, e => e.IsBest);
        Assert.Equal(result.LastDice, result.BestDice);
        using var best = Checkpoint.Load(folder.File("best.safetensors"));
        using var last = Checkpoint.Load(folder.File("last.safetensors"));
        Assert.All(best.Tensors, t => Assert.True(t.Value.equal(last.Tensors[t.Key]).all().item<bool>(), t.Key));
    }

    [Fact]
    public void A_run_that_never_reaches_the_full_weight_of_the_kl_is_refused()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.Path) with { Posterior = Posterior.MeanField, KlWarmUp = new() { Kind = KlWarmUpKind.Linear, Share = 0.9 } };

        var refusal = Assert.Throws<DatasetException>(() => TrainingLoop.Fit(options, new Recorder(), TimeProvider.System, CancellationToken.None));
        Assert.Contains("a KL warm-up over 90% of the run, which is 9 steps long; expected a run whose last step has the full weight of the KL", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder.Path, "*.safetensors"));
    }

    [Theory]
    [InlineData(NormKind.Instance, 8, 2, "because instance norm makes a single number 0")]
    [InlineData(NormKind.Group, 64, 2, "because group norm with 64 groups of 16 channels makes a single number 0")]
    [InlineData(NormKind.Batch, 8, 1, "because batch norm over one example makes a single number 0")]
    [InlineData(NormKind.Group, 8, 2, null)]
    [InlineData(NormKind.Batch, 8, 2, null)]
    public void A_norm_over_one_number_is_refused_before_the_first_step(NormKind norm, int groups, int batch, string? expected)
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.Path);
        options = options with { Epochs = 1, StepsPerEpoch = 1, BatchSize = batch, Network = options.Network with { Norm = norm, NormGroups = groups } };
        var dataset = Dataset.Open(data.Path);
        var (plan, _) = TrainingData.MakePlan(dataset, TrainingData.Survey(dataset, _ => { }, CancellationToken.None), null, new RunFolder(options.Run));
        (plan with { PatchSize = plan.Stride }).Write(folder.File("plan.json"));

        if (expected is null)
        {
            TrainingLoop.Fit(options, new Recorder(), TimeProvider.System, CancellationToken.None);
            return;
        }

        var refusal = Assert.Throws<DatasetException>(() => TrainingLoop.Fit(options, new Recorder(), TimeProvider.System, CancellationToken.None));
        Assert.Contains("one voxel at the lowest level", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(expected, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_cannot_write_one_run_and_the_folder_is_free_when_the_first_ends()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.Path) with { Epochs = 1 };
        var refusals = new List<string>();
        void TryBoth(StepReport report)
        {
            refusals.Add(Assert.Throws<DatasetException>(() => TrainingLoop.Fit(options, new Recorder(), TimeProvider.System, CancellationToken.None)).Message);
            refusals.Add(Assert.Throws<DatasetException>(() => TrainingLoop.Resume(folder.Path, o => o, new Recorder(), TimeProvider.System, CancellationToken.None)).Message);
        }

        TrainingLoop.Fit(options, new Recorder { OnStep = TryBoth }, TimeProvider.System, CancellationToken.None);

        Assert.Equal(6, refusals.Count);
        Assert.All(refusals, r => Assert.Contains("a run that another process is writing", r, StringComparison.Ordinal));
        Assert.Equal(6, TrainingLoop.Resume(folder.Path, o => o with { Epochs = 2 }, new Recorder(), TimeProvider.System, CancellationToken.None).Steps);
    }

    [Fact]
    public void A_run_without_progress_stops_early_and_the_best_epoch_is_kept()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var recorder = new Recorder();
        // A learning rate of almost 0: no epoch is better than the first.
        var options = Options(data, folder.Path) with { Epochs = 50, StepsPerEpoch = 1, LearningRate = 1e-12, Patience = 3, Select = SelectionCriterion.NegativeLogLikelihood };
        var result = TrainingLoop.Fit(options, recorder, TimeProvider.System, CancellationToken.None);

        Assert.True(result is { IsStoppedEarly: true });
        var best = recorder.Epochs.FindLastIndex(e => e.IsBest);
        Assert.Equal(best + 4, result.Epochs);
        Assert.Equal(recorder.Epochs.Min(e => e.ValidationNegativeLogLikelihood), recorder.Epochs[best].ValidationNegativeLogLikelihood);
    }

    [Fact]
    public void Patience_does_not_count_epochs_that_end_before_the_full_weight_of_the_kl()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var recorder = new Recorder();
        var options = Options(data, folder.Path) with
        {
            Posterior = Posterior.MeanField,
            Epochs = 80,
            StepsPerEpoch = 1,
            LearningRate = 1e-12,
            Patience = 12,
            Select = SelectionCriterion.NegativeLogLikelihood,
            KlWarmUp = new() { Kind = KlWarmUpKind.Cyclical, Share = 0.5, Cycles = 4 },
        };
        var result = TrainingLoop.Fit(options, recorder, TimeProvider.System, CancellationToken.None);

        Assert.True(result.IsStoppedEarly);
        var full = recorder.Steps.Max(s => s.KlFactor);
        var since = recorder.Steps.Skip(recorder.Epochs.FindLastIndex(e => e.IsBest) + 1).Select(s => s.KlFactor == full).ToList();
        Assert.Equal(12, since.Count(isFull => isFull));
        Assert.True(since[^1]);
        Assert.Contains(false, since);
    }

    [Fact]
    public void Where_no_validation_case_has_foreground_the_likeliest_epoch_is_the_best_and_a_warning_says_so()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        foreach (var n in new[] { 1, 2, 3 })
        {
            NiftiFile.Write(data.File($"labelsTr/case{n}.nii.gz"), new LabelMap(SmallDataset.Grid, new byte[SmallDataset.Grid.Size.Count]));
        }

        var dataset = Dataset.Open(data.Path);
        var volumes = TrainingData.Survey(dataset, _ => { }, CancellationToken.None).LesionVolumes;
        foreach (var fold in new[] { 0, 1 })
        {
            var hasLesion = FoldSplit.Create(dataset, volumes, 2, fold, 1).Validation.Contains("case0");
            var recorder = new Recorder();
            TrainingLoop.Fit(Options(data, folder.File($"{fold}")) with { Folds = 2, Fold = fold, SplitSeed = 1, Epochs = 4, LearningRate = 1e-2 }, recorder, TimeProvider.System, CancellationToken.None);

            Assert.Equal(!hasLesion, recorder.Warnings.Any(w => w.StartsWith("no validation case has foreground", StringComparison.Ordinal)));
            var best = recorder.Epochs.FindLastIndex(e => e.IsBest);
            if (!hasLesion)
            {
                Assert.True(best > 0); // background is learned from epoch to epoch
                Assert.Equal(recorder.Epochs.Min(e => e.ValidationNegativeLogLikelihood), recorder.Epochs[best].ValidationNegativeLogLikelihood);
            }
        }
    }

    [Fact]
    public void A_plan_for_other_channels_or_classes_than_those_of_the_data_is_refused()
    {
        using var data = SmallDataset.Decathlon(channels: 2);
        using var folder = new TemporaryFolder();
        var dataset = Dataset.Open(data.Path);
        var (plan, _) = TrainingData.MakePlan(dataset, TrainingData.Survey(dataset, _ => { }, CancellationToken.None), null, new RunFolder(folder.Path));
        string Refusal(TrainingPlan edited)
        {
            edited.Write(folder.File("plan.json"));
            return Assert.Throws<DatasetException>(() => TrainingLoop.Fit(Options(data, folder.Path), new Recorder(), TimeProvider.System, CancellationToken.None)).Message;
        }

        Assert.Contains("plan.json: channels channel1, channel0 and labels 0 background, 1 lesion; expected channels channel0, channel1 and labels 0 background, 1 lesion, as in ",
            Refusal(plan with { Channels = [.. plan.Channels.Reverse()] }), StringComparison.Ordinal);
        Assert.Contains("1 tumour; expected ", Refusal(plan with { Classes = [plan.Classes[0], plan.Classes[1] with { Name = "tumour" }] }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_start_with_the_same_channels_in_another_order_is_refused_and_another_spacing_is_warned_of()
    {
        using var data = SmallDataset.Decathlon(channels: 2);
        using var folder = new TemporaryFolder();
        var first = Options(data, folder.File("first")) with { Epochs = 1 };
        TrainingLoop.Fit(first, new Recorder(), TimeProvider.System, CancellationToken.None);
        var next = first with { Run = folder.File("next"), StartFrom = folder.File("first") };

        Directory.CreateDirectory(next.Run);
        (TrainingPlan.Read(folder.File("first/plan.json")) with { Spacing = new(1, 1, 3) }).Write(folder.File("next/plan.json"));
        var recorder = new Recorder();
        TrainingLoop.Fit(next, recorder, TimeProvider.System, CancellationToken.None);
        Assert.Contains(recorder.Warnings, w => w.Contains("first was trained on another input: spacing ", StringComparison.Ordinal));

        data.Describe(new
        {
            name = "Blocks",
            channel_names = new Dictionary<string, string> { ["0"] = "channel1", ["1"] = "channel0" },
            labels = new Dictionary<string, int> { ["background"] = 0, ["lesion"] = 1 },
            file_ending = ".nii.gz",
        });
        Assert.Contains("channels in the order channel0, channel1; expected channel1, channel0.",
            Assert.Throws<ModelFileException>(() => TrainingLoop.Fit(next with { Run = folder.File("swapped") }, new Recorder(), TimeProvider.System, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_epoch_reports_its_layers_and_what_it_saw_first_and_last()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var recorder = new Recorder();
        TrainingLoop.Fit(Options(data, folder.Path) with { Posterior = Posterior.MeanField, Epochs = 1 }, recorder, TimeProvider.System, CancellationToken.None);

        var epoch = Assert.Single(recorder.Epochs);
        Assert.True(epoch.FirstSeenLoss > 0 && epoch.LastSeenLoss > 0 && epoch.ValidationNegativeLogLikelihood > 0);
        Assert.Equal("encoder0_conv0", epoch.Layers[0].Name);
        Assert.All(epoch.Layers, layer => Assert.True(layer.DataGradientNorm > 0 && layer.KlGradientNorm > 0 && layer.GradientCosine is >= -1 and <= 1));

        // The squares of the layers' parts of the KL gradient add up to that of the whole; means over steps only roughly.
        var total = recorder.Steps.Average(s => s.KlGradientNorm);
        Assert.Equal(total, Math.Sqrt(epoch.Layers.Sum(l => l.KlGradientNorm * l.KlGradientNorm)), tolerance: 0.01 * total);
    }

    /// <summary>Oracle: the weights that the epoch ended with, on the minibatches of its first and last steps, judged by libtorch's cross entropy.</summary>
    [Fact]
    public void Recency_is_the_loss_of_the_last_weights_on_the_first_and_on_the_last_minibatches()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var recorder = new Recorder();
        var options = Options(data, folder.Path) with { Epochs = 2, StepsPerEpoch = 5, RecencyMinibatches = 2, LearningRate = 5e-3, Loss = LossSum.Parse("cross-entropy") };
        TrainingLoop.Fit(options, recorder, TimeProvider.System, CancellationToken.None);

        using var checkpoint = Checkpoint.Load(folder.File("last.safetensors"));
        using var network = checkpoint.BuildNetwork();
        var prepared = TrainingData.Prepare(options, new RunFolder(folder.Path), checkpoint, _ => { }, SingleProcess.Instance, CancellationToken.None);
        var plan = prepared.Plan;
        var sampler = new PatchSampler(prepared.Training, plan.PatchSize, plan.Spacing, plan.Channels.Count, options.ForegroundProbability, options.Augmentation, options.Seed);
        double Loss(params long[] steps) => steps.Average(step =>
        {
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            using var batch = sampler.Draw(step, plan.BatchSize);
            var (images, targets) = batch.ToTensors(CPU);
            return nn.functional.cross_entropy(network.forward(images), targets).item<float>();
        });

        var last = recorder.Epochs[^1];
        Assert.Equal(Loss(5, 6), last.FirstSeenLoss!.Value, tolerance: 1e-5);
        Assert.Equal(Loss(8, 9), last.LastSeenLoss!.Value, tolerance: 1e-5);
        Assert.NotEqual(last.FirstSeenLoss.Value, last.LastSeenLoss.Value, tolerance: 1e-4);
    }

    [Theory]
    [InlineData("dice + cross-entropy")]
    [InlineData("dice + hard-negatives")]
    public void A_run_learns_and_its_folder_says_how(string loss)
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var result = TrainingLoop.Fit(Options(data, folder.Path) with { StepsPerEpoch = 40, LearningRate = 5e-3, Loss = LossSum.Parse(loss) }, new Recorder(), TimeProvider.System, CancellationToken.None);

        Assert.InRange(result.BestDice, 0.8, 1);
        Assert.Equal([".lock", "best.safetensors", "fingerprint.json", "last.safetensors", "log.jsonl", "options.json", "plan.json", "split.json", "warnings.json"],
            Directory.GetFiles(folder.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        using var best = Checkpoint.Load(result.BestCheckpoint);
        Assert.Equal(4, best.Network.Width);
        Assert.Equal(16, TrainingPlan.Read(folder.File("plan.json")).Width); // what an option overrides stays the plan's
        var manifest = JsonSerializer.Deserialize(best.Metadata[ModelManifest.MetadataKey], ManifestJson.Default.ModelManifest)!;
        Assert.Equal(result.BestDice, manifest.Provenance.Metrics["validation Dice mean foreground"]);
        Assert.Equal(64, manifest.Provenance.DataHash.Length);
    }

    [Fact]
    public void Weights_for_another_number_of_classes_are_refused_before_the_first_step()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.Path) with { Loss = LossSum.Parse("weighted-cross-entropy(weights=1:2:3:4:5:6)") };
        var e = Assert.Throws<DatasetException>(() => TrainingLoop.Fit(options, new Recorder(), TimeProvider.System, CancellationToken.None));

        Assert.Contains("expected the classes that --loss \"weighted-cross-entropy(weights=1:2:3:4:5:6)\" is written for. Give as many weights as there are classes, background first.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Minutes_follow_the_clock()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var recorder = new Recorder();
        var result = TrainingLoop.Fit(Options(data, folder.Path) with { Epochs = null, Minutes = 1 }, recorder, new SteppingClock(TimeSpan.FromSeconds(2)), CancellationToken.None);

        Assert.True(result.Seconds >= 60);
        Assert.True(recorder.Steps[^1].Seconds < 70); // the step after the limit is not taken
        Assert.True(recorder.Steps[^1].LearningRate < recorder.Steps[recorder.Steps.Count / 2].LearningRate);
    }

    [Fact]
    public void Training_leaves_no_tensor_behind()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.File("first")) with { Posterior = Posterior.MeanField, Epochs = 1 };
        TrainingLoop.Fit(options, new Recorder(), TimeProvider.System, CancellationToken.None);

        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        TrainingLoop.Fit(options with { Run = folder.File("second") }, new Recorder(), TimeProvider.System, CancellationToken.None);
        TrainingLoop.Resume(folder.File("second"), o => o with { Epochs = 2 }, new Recorder(), TimeProvider.System, CancellationToken.None);

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    /// <summary>An earlier version let a run warm up until its end.</summary>
    [Fact]
    public void A_run_whose_options_are_not_possible_any_more_says_which_and_what_to_do()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        TrainingLoop.Fit(Options(data, folder.Path) with { Epochs = 1, Posterior = Posterior.MeanField, KlWarmUp = new() { Kind = KlWarmUpKind.Linear, Share = 0.5 } }, new Recorder(), TimeProvider.System, CancellationToken.None);
        var path = folder.File("options.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"share\": 0.5", "\"share\": 1", StringComparison.Ordinal));

        Assert.Equal(
            $"{path}: options with a value that is not possible: Share = 1; expected what this version of credence-train can do. Correct the value in the file, or start again in a new folder.",
            Assert.Throws<DatasetException>(() => TrainingLoop.Resume(folder.Path, o => o, new Recorder(), TimeProvider.System, CancellationToken.None)).Message);
    }

    [Fact]
    public void A_folder_with_a_run_is_not_overwritten_and_a_damaged_checkpoint_not_used()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.Path) with { Epochs = 1 };
        TrainingLoop.Fit(options, new Recorder(), TimeProvider.System, CancellationToken.None);

        var refusal = Assert.Throws<DatasetException>(() => TrainingLoop.Fit(options, new Recorder(), TimeProvider.System, CancellationToken.None));
        Assert.Contains("Go on with --resume, or give another folder with --out.", refusal.Message, StringComparison.Ordinal);

        ModelFileException Resuming() => Assert.Throws<ModelFileException>(() =>
            TrainingLoop.Resume(folder.Path, o => o with { Epochs = 2 }, new Recorder(), TimeProvider.System, CancellationToken.None));
        var last = folder.File("last.safetensors");
        var whole = File.ReadAllBytes(last);
        File.WriteAllBytes(last, whole[..(whole.Length / 2)]);
        Assert.Contains("last.safetensors", Resuming().Message, StringComparison.Ordinal);
        File.Copy(folder.File("best.safetensors"), last, overwrite: true); // sound, but without the optimiser
        Assert.Contains("Only last.safetensors can be resumed", Resuming().Message, StringComparison.Ordinal);
    }

    private static TrainingOptions Options(SmallDataset data, string run) =>
        new() { Data = data.Path, Run = run, Epochs = 3, StepsPerEpoch = 3, Width = 4, BatchSize = 2, Device = "cpu" };

    private static Dictionary<string, string> Weights(string path)
    {
        var (tensors, _) = SafetensorsFile.Read(path);
        var hashes = tensors.ToDictionary(t => t.Key, t => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(t.Value.bytes)));
        foreach (var tensor in tensors.Values)
        {
            tensor.Dispose();
        }

        return hashes;
    }

    private static List<string> Log(string run) =>
        [.. File.ReadAllLines(Path.Combine(run, "log.jsonl")).Select(l => l[..l.LastIndexOf("\"seconds\"", StringComparison.Ordinal)])];

    private sealed class Recorder : ITrainingObserver
    {
        public Action<StepReport>? OnStep { get; init; }

        public List<StepReport> Steps { get; } = [];

        public List<EpochReport> Epochs { get; } = [];

        public void Preparing(string what)
        {
        }

        public void Started(TrainingOptions options, TrainingPlan plan, Network network, string objective, ResourceCheck resources)
        {
        }

        public List<string> Warnings { get; } = [];

        public void Warned(string warning) => Warnings.Add(warning);

        public void Stepped(StepReport report, double progress)
        {
            Steps.Add(report);
            OnStep?.Invoke(report);
        }

        public void Validated(EpochReport report) => Epochs.Add(report);
    }

    /// <summary>A clock that moves on by a fixed time whenever it is looked at.</summary>
    private sealed class SteppingClock(TimeSpan step) : TimeProvider
    {
        private long now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now += step.Ticks;
    }
}
