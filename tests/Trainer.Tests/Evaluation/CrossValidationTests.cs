using System.Text.Json.Nodes;
using Credence.Inference;
using Credence.MedicalIO.Nifti;
using Credence.Models;
using Credence.Models.Checkpoints;
using Credence.Models.Priors;
using Credence.Trainer.Datasets;
using Credence.Trainer.Evaluation;
using Credence.Trainer.Reports;
using Credence.Trainer.Training;

namespace Credence.Trainer.Tests.Evaluation;

public sealed class CrossValidationTests
{
    [Fact]
    public void Every_case_is_judged_once_a_seed_and_an_interrupted_cross_validation_ends_as_if_nothing_had_happened()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.File("cv"));

        using var interruption = new CancellationTokenSource();
        var steps = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => new CrossValidation(options, _ => new SilentObserver(_ =>
        {
            if (++steps == 5)
            {
                interruption.Cancel(); // inside the second network
            }
        }), TimeProvider.System).Run(interruption.Token));
        Assert.Null(Run(options with { Shard = new(1, 2) })); // networks 1 and 3 of 4
        var report = Run(options)!;

        Assert.Equal([(1ul, 0), (1ul, 1), (2ul, 0), (2ul, 1)], report.Results.Select(r => (r.Seed, r.Fold)));
        Assert.All(report.Results.GroupBy(r => r.Seed), s => Assert.Equal(["case0", "case1", "case2", "case3"], s.SelectMany(r => r.Cases).Select(c => c.Id).Order(StringComparer.Ordinal)));
        var dice = Assert.Single(report.Metrics, m => m.Summary.Metric == "lesion/dice");
        Assert.Equal(report.Results.SelectMany(r => r.Cases).Average(c => c.Value("dice")!.Value), dice.Summary.Mean, tolerance: 1e-12);
        Assert.NotNull(dice.Variance);
        Assert.Equal((CheckpointChoice.Last, null), (EvaluationReport.Read(folder.File("cv/seed-1-fold-0")).Checkpoint, EvaluationReport.Read(folder.File("cv/seed-1-fold-0")).Selection));

        // Judged by other rules it is another cross-validation; the record of the looks may lie anywhere.
        Assert.Contains("rules was null, now ", Assert.Throws<DatasetException>(() => Run(options with { Rules = new() { SurfaceTolerance = 2 } })).Message, StringComparison.Ordinal);
        new TestLock(folder.File("looks.json")).Look("0123456789abcdef", new Dictionary<string, string> { ["case7"] = "aa" }, "evaluate a", "test", TimeProvider.System);
        var locked = Run(options with { Training = options.Training with { TestLock = folder.File("looks.json") } })!;
        Assert.StartsWith("1 case, locked as 0123456789abcdef, looked at 1 time, last on ", locked.TestSet, StringComparison.Ordinal);
        CrossValidationPage.Write(locked, folder.File("cv"));
        Assert.Contains(locked.TestSet, File.ReadAllText(folder.File("cv/report.html")), StringComparison.Ordinal);
        Assert.Equal("no look was ever taken", Run(options)!.TestSet);

        var whole = File.ReadAllText(folder.File("cv/cross-validation.json"));
        Directory.Delete(folder.File("cv/seed-1-fold-1"), recursive: true);
        Directory.Delete(folder.File("cv/seed-2-fold-0/probabilities"), recursive: true);
        Run(options);
        Assert.Equal(whole, File.ReadAllText(folder.File("cv/cross-validation.json")));

        Assert.Equal(
            $"{folder.File("cv")}: results with other settings: options.stepsPerEpoch was 3, now 4; expected the same options and data. Give the options it was started with, or another folder with --out.",
            Assert.Throws<DatasetException>(() => Run(options with { Training = options.Training with { StepsPerEpoch = 4 } })).Message);
    }

    /// <summary>The shards run as jobs of a scheduler do, and one of them is there twice.</summary>
    [Fact]
    public void Shards_that_are_merged_give_the_report_of_one_process_and_missing_networks_are_named()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        var whole = Run(Options(data, folder.File("whole")))!;
        var shared = folder.File("shared");
        string[] command = ["cross-validate", "--data", data.Path, "--out", shared, "--seeds", "1,2", "--folds", "2", "--epochs", "1", "--steps-per-epoch", "3", "--width", "4", "--batch-size", "2", "--device", "cpu"];
        (int ExitCode, string Output, string Error) Train(string environment, params string[] arguments) => BuiltProgram.RunIn("Trainer", "credence-train", environment, arguments);

        var (code, output, error) = Train("SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=2", command);
        Assert.Equal((0, $"shard 2/2 is done; networks of other shards are missing, so there is no report yet. `credence-train merge {shared}` writes it, or names them.\n"), (code, output));
        Assert.StartsWith("shard 2/2, from SLURM_ARRAY_TASK_ID=2, ", error, StringComparison.Ordinal);

        (code, _, error) = Train("", "merge", shared);
        Assert.Equal((7, $"error: {shared}: network seed-1-fold-0 of shard 1/2 is missing: it has not begun\nerror: {shared}: network seed-2-fold-0 of shard 1/2 is missing: it has not begun\nRun the shards that are missing with the command of the others, then merge again.\n"), (code, error));
        Assert.False(File.Exists(Path.Combine(shared, "cross-validation.json")));

        // A shard that was requeued while its first process still lives is refused, and takes over when that is gone.
        using (new FileStream(Path.Combine(shared, ".lock-1-of-2"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            (code, _, error) = Train("JOB_COMPLETION_INDEX=0 CREDENCE_SHARDS=2", command);
            Assert.Equal((3, true), (code, error.Contains("a cross-validation of which another process does shard 1/2", StringComparison.Ordinal)));
        }

        Assert.Equal(0, Train("JOB_COMPLETION_INDEX=0 CREDENCE_SHARDS=2", command).ExitCode);
        File.Delete(Path.Combine(shared, "cross-validation.json")); // the last shard wrote it
        Assert.Equal(0, Train("", "merge", shared, "--report").ExitCode);
        Assert.Equal(File.ReadAllText(folder.File("whole/cross-validation.json")), File.ReadAllText(Path.Combine(shared, "cross-validation.json")));
        Assert.Equal(whole.Results.SelectMany(r => r.Cases).Count(), Directory.GetFiles(shared, "*.nii.gz", SearchOption.AllDirectories).Length);
        Assert.True(File.Exists(Path.Combine(shared, "report.html")));

        // Taken back: trained, not judged.
        File.Delete(Path.Combine(shared, "seed-2-fold-1/evaluation.json"));
        (code, _, error) = Train("", "merge", shared);
        Assert.Equal((7, true), (code, error.Contains("network seed-2-fold-1 of shard 2/2 is missing: it is trained in part, or not judged yet", StringComparison.Ordinal)));
    }

    /// <summary>The last pod of docs/how-to/cluster/cross-validate.yaml, with shorter training.</summary>
    [Fact]
    public void A_pod_of_the_ready_job_trains_its_network()
    {
        var job = new JobFile("cross-validate.yaml");
        job.AssertSound();
        Assert.Equal("credence-train", job.Program);
        using var folder = new TemporaryFolder();
        using var data = SmallDataset.Decathlon(cases: 5);
        Directory.CreateSymbolicLink(folder.File("dataset"), data.Path);
        string[] arguments = [.. job.Arguments(folder.Path).Select(a => a == "100" ? "1" : a), "--steps-per-epoch", "1", "--width", "2", "--batch-size", "1", "--recency", "0", "--device", "cpu"];

        var (code, _, error) = BuiltProgram.RunIn("Trainer", "credence-train", job.Environment(job.Completions - 1), arguments);
        Assert.True(code == 0, error);
        Assert.StartsWith("shard 8/8, from JOB_COMPLETION_INDEX=7 and CREDENCE_SHARDS=8\n", error, StringComparison.Ordinal);
        Assert.Equal(["seed-2-fold-2"], Directory.GetDirectories(folder.File("cv")).Select(Path.GetFileName)); // the eighth of ten
    }

    [Fact]
    public void Out_of_fold_probabilities_are_tuned_on_and_only_with_their_own_data()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        Run(Options(data, folder.File("cv")) with { Seeds = [3] });

        var tuned = OutOfFoldTuning.Run(new() { CrossValidation = folder.File("cv"), Output = folder.File("calibration.json"), Thresholds = [0.1, 0.5, 0.9], LargestMinimum = 5 }, _ => { }, CancellationToken.None);

        Assert.InRange(tuned.Apparent, Math.Max(tuned.Untuned, tuned.Nested), 1);
        Assert.Equal(tuned.Apparent - tuned.Nested, tuned.Optimism);
        Assert.Equal([0, 1], tuned.WithoutFold.Select(f => f.Fold));
        Assert.Contains(tuned.Calibration.Threshold, tuned.Thresholds);
        Assert.Equal(tuned.Calibration, Inference.Model.TunedCalibration.Read(folder.File("calibration.json")).Calibration);
        Assert.Equal((4, null, null), (tuned.VolumeIntervals!.Cases, tuned.VolumeIntervals.Widened, tuned.Calibration.VolumeInterval)); // too few cases to widen anything

        Assert.Contains("folds 0, 1; expected fold 1 and two others at least", Assert.Throws<DatasetException>(() =>
            OutOfFoldTuning.Run(new() { CrossValidation = folder.File("cv"), Output = folder.File("calibration.json"), LeftOut = 1 }, _ => { }, CancellationToken.None)).Message, StringComparison.Ordinal);

        File.Copy(data.File("labelsTr/case0.nii.gz"), data.File("labelsTr/case1.nii.gz"), overwrite: true);
        Assert.Contains("Give its data set with --data, or cross-validate again.", Assert.Throws<DatasetException>(() =>
            OutOfFoldTuning.Run(new() { CrossValidation = folder.File("cv"), Output = folder.File("calibration.json") }, _ => { }, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    /// <summary>Oracle: the networks predict as in deployment at the decision that was tuned; of 20 cases the factor is the largest that any needs, and the limit of the mean entropy the largest that any has.</summary>
    [Fact]
    public void Volume_intervals_and_the_limit_of_the_entropy_are_those_of_deployment_at_the_tuned_decision()
    {
        using var data = SmallDataset.Decathlon(cases: 20);
        using var folder = new TemporaryFolder();
        Run(Options(data, folder.File("cv")) with { Seeds = [3], Samples = 3, Training = Options(data, "").Training with { Posterior = Posterior.MeanField, StepsPerEpoch = 10 } });
        var tuned = OutOfFoldTuning.Run(new() { CrossValidation = folder.File("cv"), Output = folder.File("calibration.json"), Thresholds = [0.3, 0.5], LargestMinimum = 1 }, _ => { }, CancellationToken.None);

        var dataset = Dataset.Open(data.Path);
        var entropies = new List<double>();
        var needed = Enumerable.Range(0, 2).SelectMany(fold =>
        {
            var run = folder.File($"cv/seed-3-fold-{fold}");
            using var member = TrainedMember.Load(run, CheckpointChoice.Last, TorchSharp.torch.CPU);
            var manifest = member.Manifest with { Calibration = tuned.Calibration };
            var held = new RunFolder(run).ReadSplit(dataset).Validation;
            return dataset.Cases.Where(c => held.Contains(c.Id)).Select(c =>
            {
                var loaded = CaseReader.Read(dataset, c);
                var prediction = VolumePredictor.Predict(
                    Preprocessing.Prepare(loaded.Channels, manifest.Preprocessing), new TorchPatchNetwork(member.Network, TorchSharp.torch.CPU), manifest, new() { Samples = 3, Seed = 1 }, TimeProvider.System, null, CancellationToken.None);
                var foreground = prediction.PredictiveEntropy.Voxels.Where((_, v) => prediction.Segmentation.Labels[v] == 1).ToList();
                entropies.AddRange(foreground.Count > 0 ? [foreground.Average(e => (double)e)] : []);
                var volumes = prediction.SampleVolumes[0].Order().ToArray();
                var voxel = loaded.Mask.Geometry.VoxelVolume / 1000;
                var truth = loaded.Mask.Labels.Count(l => l == 1) * voxel;
                var (low, high) = (0.95 * volumes[0] + 0.05 * volumes[1], 0.05 * volumes[1] + 0.95 * volumes[2]); // percentiles 2.5 and 97.5 of three
                return Math.Max((low + voxel) / (truth + voxel), (truth + voxel) / (high + voxel));
            }).ToList();
        }).ToList();

        Assert.Equal(20, needed.Count);
        Assert.Equal(3, tuned.Calibration.VolumeInterval!.Samples);
        Assert.Equal(Math.Max(1, needed.Max()), Assert.Single(tuned.Calibration.VolumeInterval.Factors), tolerance: 1e-9);
        Assert.Equal(needed.Count(f => f <= 1) / 20.0, Assert.Single(tuned.VolumeIntervals!.OfSamples), tolerance: 1e-9);
        Assert.InRange(entropies.Count, 19, 20);
        Assert.Equal((3, Math.Round(entropies.Max(), 9)), (tuned.Calibration.MeanEntropyLimit!.Samples, Math.Round(Assert.Single(tuned.Calibration.MeanEntropyLimit.Limits)!.Value, 9)));
        Assert.Null(tuned.VolumeIntervals.Widened); // ten cases of the other fold are too few
    }

    /// <summary>What the left-out fold's networks left is removed from the disk: nothing of it can have been looked at.</summary>
    [Fact]
    public void A_fold_that_is_left_out_is_not_looked_at_and_seeds_may_be_tuned_as_one_ensemble()
    {
        using var data = SmallDataset.Decathlon(cases: 6);
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.File("cv")) with { Seeds = [3, 4], Samples = 2 };
        Run(options with { Training = options.Training with { Folds = 3 } });
        TuneOptions tune = new() { CrossValidation = folder.File("cv"), Output = folder.File("calibration.json"), Thresholds = [0.5], LargestMinimum = 1, LeftOut = 2 };
        foreach (var seed in new[] { 3, 4 })
        {
            Directory.Delete(folder.File($"cv/seed-{seed}-fold-2/probabilities"), recursive: true);
            File.Delete(folder.File($"cv/seed-{seed}-fold-2/last.safetensors"));
        }

        var single = OutOfFoldTuning.Run(tune, _ => { }, CancellationToken.None);
        Assert.Equal((null, 2, 4), (single.Members, single.LeftOut, single.VolumeIntervals!.Cases));
        Assert.Equal([0, 1], single.WithoutFold.Select(f => f.Fold));

        // Oracle: the mean of the maps of two seeds, by hand, at threshold 0.5.
        var ensemble = OutOfFoldTuning.Run(tune with { IsEnsemble = true, HasVolumeIntervals = false }, _ => { }, CancellationToken.None);
        Assert.Equal((2, null), (ensemble.Members, ensemble.VolumeIntervals));
        var results = CrossValidationReport.Read(folder.File("cv")).Results.Where(r => r.Seed == 3 && r.Fold < 2);
        var dice = results.SelectMany(r => r.Cases.Select(c =>
        {
            float[][] maps = [.. new[] { 3, 4 }.Select(seed => NiftiFile.Read(folder.File($"cv/seed-{seed}-fold-{r.Fold}/probabilities/{c.Id}-1.nii.gz")).Voxels)];
            var truth = NiftiFile.ReadLabels(data.File($"labelsTr/{c.Id}.nii.gz")).Labels;
            var both = truth.Where((t, v) => t == 1 && maps[0][v] + maps[1][v] > 1).Count();
            return 2.0 * both / (truth.Count(t => t == 1) + Enumerable.Range(0, truth.Length).Count(v => maps[0][v] + maps[1][v] > 1));
        })).Average();
        Assert.Equal(dice, ensemble.Untuned, tolerance: 1e-6);
    }

    /// <summary>Oracle: the network itself predicts at the temperature and beside it, as in deployment; kept maps have 16 bits, so that neither figure is exact.</summary>
    [Theory]
    [InlineData(Posterior.MeanField)]
    [InlineData(Posterior.ChannelDropout)]
    [InlineData(Posterior.Plain)]
    public void The_tuned_temperature_is_the_one_at_which_deployment_has_the_largest_likelihood(Posterior posterior)
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.File("cv")) with { Seeds = [3], Samples = 4 };
        Run(options with { Training = options.Training with { Posterior = posterior, StepsPerEpoch = 10 } });
        var tuned = OutOfFoldTuning.Run(new() { CrossValidation = folder.File("cv"), Output = folder.File("calibration.json"), Thresholds = [0.5], LargestMinimum = 1 }, _ => { }, CancellationToken.None);

        var dataset = Dataset.Open(data.Path);
        double Deployed(double temperature) => Enumerable.Range(0, 2).Average(fold =>
        {
            var run = folder.File($"cv/seed-3-fold-{fold}");
            using var member = TrainedMember.Load(run, CheckpointChoice.Last, TorchSharp.torch.CPU);
            var manifest = member.Manifest with { Calibration = member.Manifest.Calibration with { Temperature = temperature } };
            var held = new RunFolder(run).ReadSplit(dataset).Validation;
            return dataset.Cases.Where(c => held.Contains(c.Id)).Average(c =>
            {
                var loaded = CaseReader.Read(dataset, c);
                var prediction = VolumePredictor.Predict(
                    Preprocessing.Prepare(loaded.Channels, manifest.Preprocessing), new TorchPatchNetwork(member.Network, TorchSharp.torch.CPU), manifest, new() { Samples = 4, Seed = 1 }, TimeProvider.System, null, CancellationToken.None);
                return loaded.Mask.Labels.Zip(prediction.Probabilities[0].Voxels).Average(v => -Math.Log(Math.Max(1e-7, v.First == 1 ? v.Second : 1 - v.Second)));
            });
        });

        var at = Deployed(tuned.Calibration.Temperature);
        Assert.NotEqual(1, tuned.Calibration.Temperature);
        Assert.True(at < Deployed(0.97 * tuned.Calibration.Temperature) && at < Deployed(1.03 * tuned.Calibration.Temperature), $"{tuned.Calibration.Temperature}: {at}");
        Assert.StartsWith("largest out-of-fold likelihood", tuned.TemperatureRule, StringComparison.Ordinal);
    }

    [Fact]
    public void An_ensemble_is_judged_on_the_test_set_which_counts_the_looks_and_stays_out_of_training()
    {
        using var data = SmallDataset.Decathlon(cases: 5);
        var description = JsonNode.Parse(File.ReadAllText(data.File("dataset.json")))!.AsObject();
        description["test"] = new JsonArray("case4");
        File.WriteAllText(data.File("dataset.json"), description.ToJsonString());
        using var folder = new TemporaryFolder();
        foreach (var fold in new[] { 0, 1 })
        {
            TrainingLoop.Fit(Options(data, "").Training with { Run = folder.File($"run{fold}"), Fold = fold, Posterior = Posterior.ChannelDropout }, new SilentObserver(), TimeProvider.System, CancellationToken.None);
        }

        EvaluateOptions Evaluation(params string[] runs) => new()
        {
            Runs = [.. runs.Select(folder.File)],
            Data = data.Path,
            Output = folder.File("evaluation"),
            Split = EvaluationSplit.Test,
            Samples = 2,
            Keep = KeptMaps.Segmentations,
        };
        EvaluationReport Evaluate(EvaluateOptions options) => RunEvaluation.Run(options, _ => { }, TimeProvider.System, CancellationToken.None);

        var first = Evaluate(Evaluation("run0"));
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        var second = Evaluate(Evaluation("run0", "run1"));

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
        Assert.Equal((1, 2), (first.TestSet!.Looks, second.TestSet!.Looks));
        Assert.Equal("this test set has been looked at 2 times", second.TestSet.ToString());
        Assert.Equal(["case4"], second.Cases.Select(c => c.Id));
        Assert.True(File.Exists(folder.File("evaluation/segmentations/case4.nii.gz")));
        Assert.Equal(second.Cases[0].Values["lesion/dice"], EvaluationReport.Read(folder.File("evaluation")).Cases[0].Values["lesion/dice"]);
        Assert.Contains("no case that validates in every run", Assert.Throws<DatasetException>(() => Evaluate(Evaluation("run0", "run1") with { Split = EvaluationSplit.Validation })).Message, StringComparison.Ordinal);

        // A comparison of these reports is a look, at the record they name or at the one that is given.
        File.Move(data.File("test-lock.json"), folder.File("moved.json"));
        var (code, _, message) = BuiltProgram.Run("Trainer", "credence-train", ["compare", folder.File("evaluation"), folder.File("evaluation")]);
        Assert.Equal((3, true), (code, message.Contains("give the record with --test-lock.", StringComparison.Ordinal)));
        (code, var output, _) = BuiltProgram.Run("Trainer", "credence-train", ["compare", folder.File("evaluation"), folder.File("evaluation"), "--test-lock", folder.File("moved.json")]);
        Assert.Equal((0, true), (code, output.Contains("looked at 3 times", StringComparison.Ordinal)));
        File.Move(folder.File("moved.json"), data.File("test-lock.json"));

        // The locked scan under another name: the lock keeps it out of training.
        File.Copy(data.File("imagesTr/case4.nii.gz"), data.File("imagesTr/case9.nii.gz"));
        File.Copy(data.File("labelsTr/case3.nii.gz"), data.File("labelsTr/case9.nii.gz"));
        Assert.Contains("case case9 for training has the scan of case case4 of the test set; expected every scan on one side.", Assert.Throws<DatasetException>(() => Evaluate(Evaluation("run0"))).Message, StringComparison.Ordinal);
        Assert.Contains("case case9 has the scan of case case4 of the test set locked by", Assert.Throws<DatasetException>(() =>
            TrainingLoop.Fit(Options(data, "").Training with { Run = folder.File("leak") }, new SilentObserver(), TimeProvider.System, CancellationToken.None)).Message, StringComparison.Ordinal);

        // Before the first look nothing is locked, but the scan is on both sides.
        File.Delete(data.File("test-lock.json"));
        Assert.Contains("case case9 for training has the scan of case case4 of the test set; expected every scan on one side.", Assert.Throws<DatasetException>(() =>
            TrainingLoop.Fit(Options(data, "").Training with { Run = folder.File("leak") }, new SilentObserver(), TimeProvider.System, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_run_that_goes_on_keeps_the_split_it_was_started_with()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        var options = Options(data, "").Training with { Run = folder.Path };
        TrainingLoop.Fit(options, new SilentObserver(), TimeProvider.System, CancellationToken.None);
        var split = File.ReadAllText(folder.File("split.json")).Replace("case", "CASE", StringComparison.Ordinal);
        File.WriteAllText(folder.File("split.json"), split);

        var error = Assert.Throws<DatasetException>(() => TrainingLoop.Resume(folder.Path, o => o with { Epochs = 2 }, new SilentObserver(), TimeProvider.System, CancellationToken.None));

        Assert.Contains("split.json: a split in which case CASE0 is listed; expected the cases of", error.Message, StringComparison.Ordinal);
        File.WriteAllText(folder.File("split.json"), split.Replace("CASE", "case", StringComparison.Ordinal));
        foreach (var other in new[] { options with { Fold = 1 }, options with { SplitSeed = 9 }, options with { Folds = 3 } })
        {
            Assert.Contains($"a run of fold 0 of 2, split with seed 1; expected fold {other.Fold} of {other.Folds}, split with seed {other.SplitSeed ?? 1}, as asked for.",
                Assert.Throws<DatasetException>(() => TrainingLoop.Resume(folder.Path, _ => other, new SilentObserver(), TimeProvider.System, CancellationToken.None)).Message, StringComparison.Ordinal);
        }
    }

    /// <summary>Oracle: with the start as prior mean, the checkpoint says which weights a network started from.</summary>
    [Fact]
    public void Each_network_starts_from_one_that_has_not_seen_its_validation_cases_either()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        var plain = Options(data, folder.File("plain")) with { Seeds = [1] };
        Run(plain);
        var bayesian = plain with
        {
            Output = folder.File("bayesian"),
            Training = plain.Training with { Posterior = Posterior.MeanField, Network = plain.Training.Network with { PriorMean = PriorMean.Start }, StartFrom = folder.File("plain") },
        };
        using var interruption = new CancellationTokenSource();
        var steps = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => new CrossValidation(bayesian, _ => new SilentObserver(_ =>
        {
            if (++steps == 2)
            {
                interruption.Cancel();
            }
        }), TimeProvider.System).Run(interruption.Token));
        Run(bayesian);

        var runs = new[] { "seed-1-fold-0", "seed-1-fold-1" };
        foreach (var run in runs)
        {
            using var start = Checkpoint.Load(folder.File($"plain/{run}/last.safetensors"));
            using var trained = Checkpoint.Load(folder.File($"bayesian/{run}/last.safetensors"));
            Assert.True(trained.Tensors["network/output.weight.priorMean"].equal(start.Tensors["network/output.weight.value"]).all().item<bool>(), run);
            Assert.Equal(start.Path, new RunFolder(folder.File($"bayesian/{run}")).ReadOptions().StartFrom);
            Assert.Equal(2, SplitOf(folder, $"bayesian/{run}").SeenScans!.Count);
        }

        // What is done needs its start no more.
        Directory.Delete(folder.File("plain"), recursive: true);
        Assert.Equal(2, Run(bayesian)!.Results.Count);
    }

    [Fact]
    public void A_cross_validation_with_a_start_that_cannot_be_is_refused_before_anything_is_trained()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        var plain = Options(data, folder.File("plain")) with { Seeds = [1] };
        Run(plain);
        var next = plain with { Output = folder.File("next"), Training = plain.Training with { StartFrom = folder.File("plain") } };

        Assert.Equal(
            $"{folder.File("plain/seed-2-fold-0")}: no network that is trained and judged; expected one to start from for each seed and fold. Train it first, or give the seeds that are there with --seeds.",
            Refusal(next with { Seeds = [1, 2] }));
        Assert.Contains("a cross-validation of 2 folds, split with seed 1; expected 2 folds, split with seed 5.", Refusal(next with { Training = next.Training with { SplitSeed = 5 } }), StringComparison.Ordinal);
        Assert.Contains("a network that has seen 2 of the 2 validation cases of fold 1, such as case", Refusal(next with { Training = next.Training with { StartFrom = folder.File("plain/seed-1-fold-0") } }), StringComparison.Ordinal);
        Assert.Contains("no last.safetensors", Refusal(next with { Training = next.Training with { StartFrom = folder.File("nothing") } }), StringComparison.Ordinal);
        using (var other = SmallDataset.Decathlon(cases: 4))
        {
            File.Copy(other.File("labelsTr/case0.nii.gz"), other.File("labelsTr/case1.nii.gz"), overwrite: true);
            Assert.Contains($"{folder.File("plain")}: a cross-validation of data ", Refusal(next with { Training = next.Training with { Data = other.Path } }), StringComparison.Ordinal);
        }

        Assert.False(Directory.Exists(folder.File("next")));
        Assert.NotNull(Run(next)); // the folder belongs to no other settings

        string Refusal(CrossValidateOptions options) => Assert.Throws<DatasetException>(() => Run(options)).Message;
    }

    /// <summary>Names and masks have changed, and the scans came by way of another run: they are the same scans.</summary>
    [Fact]
    public void A_start_that_has_seen_validation_scans_is_refused_whatever_they_are_called()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        var options = Options(data, "").Training with { SplitSeed = 1 };
        TrainingOptions First(string run) => options with { Run = folder.File(run) };
        static void Fit(TrainingOptions options) => TrainingLoop.Fit(options, new SilentObserver(), TimeProvider.System, CancellationToken.None);
        Fit(First("first"));
        Fit(First("second") with { StartFrom = folder.File("first") });
        using var renamed = SmallDataset.Decathlon(cases: 4);
        foreach (var part in new[] { "images", "labels" })
        {
            var names = Directory.GetFiles(renamed.File($"{part}Tr")).Order(StringComparer.Ordinal).ToList();
            var copies = names.ConvertAll(n => n + ".copy");
            names.Zip(copies).ToList().ForEach(f => File.Move(f.First, f.Second));
            names.Zip(copies.AsEnumerable().Reverse()).ToList().ForEach(f => File.Move(f.Second, f.First));
        }

        var refused = 0;
        foreach (var fold in new[] { 0, 1 })
        {
            var leak = First($"of-fold-{fold}") with { Data = renamed.Path, Fold = fold, StartFrom = folder.File("second/last.safetensors") };
            try
            {
                Fit(leak);
            }
            catch (DatasetException e)
            {
                Assert.Contains("a network that has seen ", e.Message, StringComparison.Ordinal);
                refused++;
            }
        }

        Assert.InRange(refused, 1, 2); // two scans of four trained, and lie in one fold or in both
        var split = SplitOf(folder, "second") with { SeenScans = null }; // as an earlier build wrote it
        File.WriteAllText(folder.File("second/split.json"), System.Text.Json.JsonSerializer.Serialize(split, TrainerJson.Indented));
        Fit(First("unknown") with { Fold = 1, StartFrom = folder.File("second") });
        Assert.Contains("which scans ", File.ReadAllText(folder.File("unknown/warnings.json")), StringComparison.Ordinal);
        Assert.Null(SplitOf(folder, "unknown").SeenScans);
    }

    [Fact]
    public void Patients_that_change_in_the_middle_of_a_cross_validation_are_refused()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        var options = Options(data, folder.Path) with { Seeds = [1] };
        Run(options);
        var (train, judge) = (SplitOf(folder, "seed-1-fold-0").Training, SplitOf(folder, "seed-1-fold-0").Validation);
        var description = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(data.File("dataset.json")))!.AsObject();
        description["patients"] = System.Text.Json.JsonSerializer.SerializeToNode(new Dictionary<string, string> { [train[0]] = "a", [judge[0]] = "a", [train[1]] = "b", [judge[1]] = "b" });
        File.WriteAllText(data.File("dataset.json"), description.ToJsonString());

        Assert.Contains(", which is in another fold now; expected the folds that the cross-validation was started with. Restore \"patients\" in dataset.json",
            Assert.Throws<DatasetException>(() => Run(options)).Message, StringComparison.Ordinal);
    }

    /// <summary>As where the folds of one seed came from two splits.</summary>
    [Fact]
    public void A_report_in_which_a_case_is_judged_twice_is_refused()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        Run(Options(data, folder.Path) with { Seeds = [1] });
        var (twice, never) = (SplitOf(folder, "seed-1-fold-0").Validation[0], SplitOf(folder, "seed-1-fold-1").Validation[0]);
        var report = folder.File("seed-1-fold-1/evaluation.json");
        File.WriteAllText(report, File.ReadAllText(report).Replace(never, twice, StringComparison.Ordinal));
        File.Move(folder.File($"seed-1-fold-1/probabilities/{never}-1.nii.gz"), folder.File($"seed-1-fold-1/probabilities/{twice}-1.nii.gz"));

        var results = new CrossValidationResults(folder.Path, CrossValidationSettings.Read(folder.Path), Dataset.Open(data.Path));
        Assert.Matches($"(2 networks of seed 1 that judge case {twice}|0 networks of seed 1 that judge case {never}); expected one: its folds are of one split",
            Assert.Throws<DatasetException>(() => results.Report(CrossValidationJobs.Read(folder.Path), "")).Message);
    }

    [Fact]
    public void A_report_that_leaves_out_seeds_of_the_folder_says_so()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();
        var (error, code) = (new List<string>(), new List<int>());
        foreach (var seeds in new[] { "1", "2", "1,2" })
        {
            var run = BuiltProgram.Run("Trainer", "credence-train", ["cross-validate", "--data", data.Path, "--out", folder.Path, "--seeds", seeds, "--folds", "2", "--epochs", "1", "--steps-per-epoch", "1", "--width", "4", "--device", "cpu"]);
            error.Add(run.Error);
            code.Add(run.ExitCode);
        }

        Assert.Equal([0, 0, 0], code);
        Assert.Contains("it leaves out seed 1 of ", error[1], StringComparison.Ordinal);
        Assert.Contains("give --seeds 1,2 for all", error[1], StringComparison.Ordinal);
        Assert.All([error[0], error[2]], e => Assert.DoesNotContain("leaves out", e, StringComparison.Ordinal));
    }

    private static FoldSplit SplitOf(TemporaryFolder folder, string run) => TrainerJson.Read<FoldSplit>(folder.File($"{run}/split.json"), "split", "", "");

    private static CrossValidateOptions Options(SmallDataset data, string output) => new()
    {
        Training = new() { Data = data.Path, Run = "", Epochs = 1, StepsPerEpoch = 3, Width = 4, BatchSize = 2, Folds = 2, Device = "cpu" },
        Output = output,
        Seeds = [1, 2],
    };

    private static CrossValidationReport? Run(CrossValidateOptions options) => new CrossValidation(options, _ => new SilentObserver(), TimeProvider.System).Run(CancellationToken.None);
}
