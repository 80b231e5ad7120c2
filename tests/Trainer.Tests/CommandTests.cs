using System.Text.Json.Nodes;
using Credence.Inference.Model;
using Credence.Models.Checkpoints;

namespace Credence.Trainer.Tests;

/// <summary>credence-train as a user runs it: exit codes and messages.</summary>
public sealed class CommandTests
{
    public static TheoryData<string> Damages => [.. DatasetTests.Damages.Select(row => row.Data.Item1)];

    [Theory]
    [MemberData(nameof(Damages))]
    public void Bad_data_ends_with_exit_code_3_one_line_and_no_checkpoint(string damage)
    {
        using var data = DatasetTests.Damaged(damage);
        using var run = new TemporaryFolder();

        var (code, _, error) = Train("fit", "--data", damage == "no folder" ? data.File("absent") : data.Path, "--out", run.File("run"), "--epochs", "1", "--steps-per-epoch", "1", "--width", "4");

        Assert.Equal(3, code);
        Assert.Matches(@"^error: .+: .+; expected .+\. .+\.\n$", error);
        Assert.False(Directory.Exists(run.File("run")) && Directory.GetFiles(run.File("run"), "*.safetensors").Length > 0);
        Assert.Empty(Directory.GetFiles(run.Path, "*.part", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("Give --data", "fit", "--out", "run")]
    [InlineData("--epochs is 0; give a number above 0.", "fit", "--data", "d", "--out", "run", "--epochs", "0")]
    [InlineData("Give --epochs or --minutes, not both.", "fit", "--data", "d", "--out", "run", "--epochs", "1", "--minutes", "1")]
    [InlineData("give at least 2 folds", "fit", "--data", "d", "--out", "run", "--fold", "5")]
    [InlineData("'gaussian' is not one of plain, channel-dropout, mean-field.", "fit", "--data", "d", "--out", "run", "--posterior", "gaussian")]
    [InlineData("--data-term mean-per-voxel with --kl-scaling whole is not an evidence lower bound; give per-voxel", "fit", "--data", "d", "--out", "run", "--kl-scaling", "whole")]
    [InlineData("'dice + fokal' at character 8: 'fokal'; expected one of cross-entropy, weighted-cross-entropy", "fit", "--data", "d", "--out", "run", "--loss", "dice + fokal")]
    [InlineData("--prior-mean start needs --start-from, the network whose weights are the prior mean.", "fit", "--data", "d", "--out", "run", "--prior-mean", "start")]
    [InlineData("--wide-share is 1; give a number between 0 and 1.", "fit", "--data", "d", "--out", "run", "--wide-share", "1")]
    [InlineData("'reparam' is not one of reparameterisation, flipout, local-reparameterisation.", "fit", "--data", "d", "--out", "run", "-p", "mean-field", "--estimator", "reparam")]
    [InlineData("--prior has no effect without --posterior mean-field, and the posterior is plain. Give that, or leave --prior out.", "fit", "--data", "d", "--out", "run", "--prior", "laplace")]
    [InlineData("--prior-sigma has no effect without --posterior mean-field, and the posterior is plain. Give that, or leave --prior-sigma out.", "cross-validate", "--data", "d", "--out", "cv", "--prior-sigma", "0.5")]
    [InlineData("--temper has no effect without --posterior mean-field, and the posterior is plain. Give that, or leave --temper out.", "fit", "--data", "d", "--out", "run", "--temper", "0.5")]
    [InlineData("--kl-scaling has no effect without --posterior mean-field, and the posterior is plain. Give that, or leave --kl-scaling out.", "fit", "--data", "d", "--out", "run", "--kl-scaling", "per-voxel")]
    [InlineData("--kl-warm-up has no effect without --posterior mean-field, and the posterior is plain. Give that, or leave --kl-warm-up out.", "fit", "--data", "d", "--out", "run", "--kl-warm-up", "linear")]
    [InlineData("--kl-warm-up-share has no effect without --posterior mean-field, and the posterior is plain. Give that, or leave --kl-warm-up-share out.", "fit", "--data", "d", "--out", "run", "--kl-warm-up-share", "0.3")]
    [InlineData("--kl-cycles has no effect without --posterior mean-field, and the posterior is plain. Give that, or leave --kl-cycles out.", "fit", "--data", "d", "--out", "run", "--kl-cycles", "2")]
    [InlineData("--temper has no effect without --posterior mean-field, and the posterior is channel-dropout.", "cross-validate", "--data", "d", "--out", "cv", "-p", "channel-dropout", "--temper", "1")]
    [InlineData("--kl-warm-up-share has no effect without --kl-warm-up linear or cyclical.", "fit", "--data", "d", "--out", "run", "-p", "mean-field", "--kl-warm-up-share", "0.3")]
    [InlineData("--kl-cycles has no effect without --kl-warm-up cyclical.", "elbo", "--data", "d", "--out", "sweep", "--kl-warm-up", "linear", "--kl-cycles", "3")]
    [InlineData("--dropout-placement has no effect without --posterior channel-dropout, and the posterior is plain.", "fit", "--data", "d", "--out", "run", "--dropout-placement", "decoder")]
    [InlineData("--prior-sigma has no effect without --prior gaussian, laplace or scale-mixture; fan-in-gaussian has --prior-sigma-ratio.", "fit", "--data", "d", "--out", "run", "-p", "mean-field", "--prior", "fan-in-gaussian", "--prior-sigma", "1")]
    [InlineData("--narrow-sigma has no effect without --prior scale-mixture.", "fit", "--data", "d", "--out", "run", "-p", "mean-field", "--narrow-sigma", "0.01")]
    [InlineData("--moped-delta has no effect without --start-from.", "fit", "--data", "d", "--out", "run", "-p", "mean-field", "--moped-delta", "0.2")]
    [InlineData("--norm-groups has no effect without --norm group.", "fit", "--data", "d", "--out", "run", "--norm-groups", "4")]
    [InlineData("--shortcut has no effect without --encoder residual.", "fit", "--data", "d", "--out", "run", "--shortcut", "strided-projection")]
    [InlineData("'--out' is required", "plan", "--data", "d")]
    [InlineData("--shard 3/2: give number/count, such as 2/8, or auto.", "cross-validate", "--data", "d", "--out", "cv", "--shard", "3/2")]
    [InlineData("--seeds 1,1: give whole numbers, each once, such as 1,2,3.", "cross-validate", "--data", "d", "--out", "cv", "--seeds", "1,1")]
    [InlineData("'train' is not one of validation, test.", "evaluate", "--run", "r", "--data", "d", "--out", "e", "--split", "train")]
    [InlineData("Give two results or more.", "compare", "cv")]
    [InlineData("--device is gpu; give auto, cpu, cuda, or a device such as cuda:0.", "fit", "--data", "d", "--out", "run", "--device", "gpu")]
    [InlineData("--device is cuda:x; give auto, cpu, cuda, or a device such as cuda:0.", "evaluate", "--run", "r", "--data", "d", "--out", "e", "--device", "cuda:x")]
    [InlineData("--samples is -1; give 0 (the posterior mean) or more.", "cross-validate", "--data", "d", "--out", "cv", "--samples", "-1")]
    [InlineData("--flip-axes is xyz; give letters of i, j and k such as ij, or none.", "fit", "--data", "d", "--out", "run", "--flip-axes", "xyz")]
    [InlineData("--augmentation-strength is 4; give a number from 0 to 3.", "fit", "--data", "d", "--out", "run", "--augmentation-strength", "4")]
    [InlineData("--deformation is -1; give 0 or more.", "fit", "--data", "d", "--out", "run", "--deformation", "-1")]
    [InlineData("--receive-field is 0.5; give a number from 1 to 10.", "fit", "--data", "d", "--out", "run", "--receive-field", "0.5")]
    [InlineData("--foreground-probability is 1.5; give a number from 0 to 1.", "fit", "--data", "d", "--out", "run", "--foreground-probability", "1.5")]
    [InlineData("--foreground-probability is -0.1; give a number from 0 to 1.", "cross-validate", "--data", "d", "--out", "cv", "--foreground-probability", "-0.1")]
    [InlineData("--weight-decay is Infinity; give 0 or more.", "fit", "--data", "d", "--out", "run", "--weight-decay", "Infinity")]
    [InlineData("--drop-probability is 1; give a number between 0 and 1, without them.", "fit", "--data", "d", "--out", "run", "-p", "channel-dropout", "--drop-probability", "1")]
    [InlineData("--l1 has no effect without weights that are points", "fit", "--data", "d", "--out", "run", "-p", "mean-field", "--l1", "1e-5")]
    [InlineData("--weight-decay has no effect without weights that are points", "elbo", "--data", "d", "--out", "run", "--weight-decay", "0.1")]
    [InlineData("'--drop-probability'", "elbo", "--data", "d", "--out", "run", "--drop-probability", "0.2")]
    [InlineData("--residual-blocks 1,0: give whole numbers above 0, one a level, such as 1,2,2.", "fit", "--data", "d", "--out", "run", "--encoder", "residual", "--residual-blocks", "1,0")]
    [InlineData("--residual-blocks has no effect without --encoder residual", "fit", "--data", "d", "--out", "run", "--residual-blocks", "1,2")]
    [InlineData("--connectivity is 8; give 6, 18 or 26.", "cross-validate", "--data", "d", "--out", "cv", "--connectivity", "8")]
    [InlineData("--lesion-iou is 0; give a number above 0 and at most 1.", "evaluate", "--run", "r", "--data", "d", "--out", "e", "--lesion-iou", "0")]
    [InlineData("--learning-rate is NaN; give a number above 0.", "fit", "--data", "d", "--out", "run", "--learning-rate", "NaN")]
    [InlineData("--temper is -1; give 0 or more.", "fit", "--data", "d", "--out", "run", "-p", "mean-field", "--temper", "-1")]
    [InlineData("'--temper'", "elbo", "--data", "d", "--out", "sweep", "--temper", "2")]
    [InlineData("'geometric-per-minibatch' is neither a number of 0 or more nor one of whole, per-minibatch, per-example, per-voxel.", "elbo", "--data", "d", "--out", "sweep", "--tempers", "geometric-per-minibatch")]
    [InlineData("--fold 5 of --folds 5", "elbo", "--data", "d", "--out", "sweep", "--fold", "5")]
    [InlineData("--fold 3 of --folds 3", "plan", "--data", "d", "--out", "run", "--fold", "3", "--folds", "3")]
    [InlineData("--learning-rate cannot change when a run is resumed; leave it out, or start a run of its own.", "fit", "--out", "run", "--resume", "--learning-rate", "0.1")]
    [InlineData("--kl-warm-up has no effect without --temper above 0", "fit", "--data", "d", "--out", "run", "--posterior", "mean-field", "--temper", "0", "--kl-warm-up", "linear")]
    [InlineData("--weight-noise", "cross-validate", "--data", "d", "--out", "cv", "--posterior", "mean-field", "--weight-noise", "independent")]
    [InlineData("--elastic-period", "elbo", "--data", "d", "--out", "sweep", "--elastic-period", "4")]
    [InlineData("frobnicate", "frobnicate")]
    public void A_wrong_command_line_ends_with_exit_code_2_and_says_what_is_right(string message, params string[] arguments)
    {
        var (code, _, error) = Train(arguments);

        Assert.Equal(2, code);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Contains("--help", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Plan_fit_and_resume_work_and_end_with_exit_code_0()
    {
        using var data = SmallDataset.ScanFolders();
        using var folder = new TemporaryFolder();
        var run = folder.File("run");

        var plan = Train("plan", "--data", data.Path, "--out", run);
        Assert.Equal((0, ""), (plan.ExitCode, plan.Error));
        Assert.Contains("a fit with these options (plain, width 16, batch 8, adam-w, on this machine):", plan.Output, StringComparison.Ordinal);
        Assert.Contains("the mask is lesion_mask.nii.gz", plan.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(run, "dataset.json")));

        var fit = Train("fit", "--data", data.Path, "--out", run, "--epochs", "1", "--steps-per-epoch", "2", "--width", "4", "--foreground-probability", "0.25",
            "--augmentation-strength", "2", "--deformation", "0.5", "--receive-field", "3", "--json");
        Assert.Equal(0, fit.ExitCode);
        var options = JsonNode.Parse(File.ReadAllText(Path.Combine(run, "options.json")))!;
        Assert.Equal(0.25, (double)options["foregroundProbability"]!);
        var augmentation = options["augmentation"]!;
        Assert.Equal((40, 0.5, 3), ((double)augmentation["maximumRotation"]!, (double)augmentation["maximumDeformation"]!, (double)augmentation["maximumReceiveField"]!));
        using (var checkpoint = Checkpoint.Load(Path.Combine(run, "last.safetensors")))
        {
            var provenance = JsonNode.Parse(checkpoint.Metadata[ModelManifest.MetadataKey])!["provenance"]!;
            Assert.EndsWith(", foreground probability 0.25", (string)provenance["objective"]!, StringComparison.Ordinal);
        }

        var folded = Train("fit", "--data", data.Path, "--out", folder.File("folded"), "--epochs", "1", "--deformation", "1000");
        Assert.Equal(3, folded.ExitCode);
        Assert.Contains("more would fold the scan", folded.Error, StringComparison.Ordinal);

        Assert.StartsWith("{\"bestCheckpoint\":", fit.Output, StringComparison.Ordinal);
        Assert.Contains("epoch 1  step 2", fit.Error, StringComparison.Ordinal);
        Assert.Contains("warning: plan.json was measured on 5 cases, not on the 4 that train", fit.Error, StringComparison.Ordinal);

        var looked = new string('a', 64);
        File.WriteAllText(folder.File("lock.json"), $$"""{"testSet": "{{looked}}", "scanHashes": {"case": "{{looked}}"}, "looks": [{"time": "2026-01-01T00:00:00Z", "what": "evaluate", "program": "test"}]}""");
        var resumed = Train("fit", "--out", run, "--resume", "--epochs", "2", "--workers", "2", "--threads", "1", "--device", "cpu", "--data", data.Path, "--test-lock", folder.File("lock.json"), "--report");
        Assert.Equal(0, resumed.ExitCode);
        Assert.Equal(folder.File("lock.json"), (string)JsonNode.Parse(File.ReadAllText(Path.Combine(run, "options.json")))!["testLock"]!);
        Assert.Contains("1 case, locked as aaaaaaaaaaaaaaaa, looked at 1 time, last on 2026-01-01T00:00:00Z", File.ReadAllText(Path.Combine(run, "report.html")), StringComparison.Ordinal);
        Assert.StartsWith("1 case, locked as aaaaaaaaaaaaaaaa", (string)JsonNode.Parse(File.ReadAllText(Path.Combine(run, "report", "evaluation.json")))!["testSetLock"]!, StringComparison.Ordinal);
        Assert.Contains("after 2 epochs, 4 steps", resumed.Output, StringComparison.Ordinal);

        Assert.Equal(3, Train("fit", "--data", data.Path, "--out", run, "--epochs", "1").ExitCode);
        File.WriteAllText(Path.Combine(run, "last.safetensors"), "not a checkpoint");
        Assert.Equal(4, Train("fit", "--out", run, "--resume", "--epochs", "3").ExitCode);
        Assert.Equal(3, Train("fit", "--out", folder.File("nothing"), "--resume").ExitCode);
    }

    /// <summary>What is planned is what those options would train: the parameters are those that `fit` reports.</summary>
    [Fact]
    public void A_plan_takes_the_options_of_fit_and_counts_that_network()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        string[] arguments = ["--data", data.Path, "--out", folder.Path, "--fold", "1", "--posterior", "mean-field", "--encoder", "residual", "--residual-blocks", "1,2,1", "--width", "5", "--batch-size", "1", "--optimiser", "sgd"];

        var plan = Train(["plan", .. arguments]);
        var fit = Train(["fit", .. arguments, "--epochs", "1", "--steps-per-epoch", "1", "--recency", "0"]);

        Assert.Equal((0, 0), (plan.ExitCode, fit.ExitCode));
        Assert.Contains("a fit with these options (mean-field, width 5, batch 1, sgd, on this machine):", plan.Output, StringComparison.Ordinal);
        var lines = fit.Error.Split('\n').Where(l => l.Contains(" parameters for about ", StringComparison.Ordinal) || l.StartsWith("memory about", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, lines.Count);
        Assert.All(lines, line => Assert.Contains(line, plan.Output, StringComparison.Ordinal));
        Assert.Contains("--drop-probability has no effect without --posterior channel-dropout", Train(["plan", .. arguments, "--drop-probability", "0.2"]).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_for_a_fold_has_not_seen_its_validation_cases_and_a_missing_device_is_named()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        string[] arguments = ["--data", data.Path, "--out", folder.Path, "--folds", "5", "--fold", "1", "--seed", "4"];

        var plan = Train(["plan", .. arguments]);
        Assert.Contains("measured: 4 cases, without the 1 of fold 1", plan.Output, StringComparison.Ordinal);
        var missing = Train(["fit", .. arguments, "--device", "cuda:99"]);
        Assert.Equal(3, missing.ExitCode);
        Assert.Contains("--device cuda:99: ", missing.Error, StringComparison.Ordinal);
        var fit = Train(["fit", .. arguments, "--epochs", "1", "--steps-per-epoch", "1", "--width", "4"]);
        Assert.Equal(0, fit.ExitCode);
        Assert.DoesNotContain("was measured on", fit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Cross_validate_compare_tune_and_evaluate_work_and_end_with_exit_code_0()
    {
        using var data = SmallDataset.Decathlon(cases: 4);
        using var folder = new TemporaryFolder();

        var validated = Train("cross-validate", "--data", data.Path, "--out", folder.File("cv"), "--seeds", "1", "--folds", "2", "--epochs", "1", "--steps-per-epoch", "2", "--width", "4");
        Assert.Equal(0, validated.ExitCode);
        Assert.Matches(@"(?m)^metric +patients +undefined +mean +sd +95 % interval +sd seed +sd fold +sd case +sd seed x fold +sd residual$", validated.Output);
        Assert.Matches(@"(?m)^lesion/dice +4 ", validated.Output);
        Assert.Contains("2 networks, each judged on its fold", validated.Output, StringComparison.Ordinal);

        var compared = Train("compare", folder.File("cv"), folder.File("cv"), "--metric", "lesion/dice");
        Assert.Equal((0, ""), (compared.ExitCode, compared.Error));
        Assert.Contains("is the same as that of", compared.Output, StringComparison.Ordinal);

        var tuned = Train("tune", folder.File("cv"), "--objective", "lesion-f1", "--largest-minimum", "4");
        Assert.Equal(0, tuned.ExitCode);
        Assert.Contains("is optimism: tuned on the other folds it is", tuned.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(folder.File("cv/calibration.json")));

        var evaluated = Train("evaluate", "--run", folder.File("cv/seed-1-fold-0"), "--data", data.Path, "--out", folder.File("evaluation"), "--json", "--matching", "shifts", "--empty", "one");
        Assert.Equal(0, evaluated.ExitCode);
        var rules = JsonNode.Parse(evaluated.Output)!["rules"]!;
        Assert.Equal(("shifts", "Six", 0.25, "one"), ((string)rules["lesions"]!["matching"]!, (string)rules["lesions"]!["connectivity"]!, (double)rules["lesions"]!["threshold"]!, (string)rules["emptyCases"]!));
        Assert.StartsWith("{\"program\":\"credence-train ", evaluated.Output, StringComparison.Ordinal);
        Assert.Equal(3, Train("evaluate", "--run", folder.File("cv/seed-1-fold-0"), "--data", data.Path, "--out", folder.File("evaluation"), "--split", "test").ExitCode);
    }

    /// <summary>Two seeds on one fold, which without a seed of the folds would share no validation case.</summary>
    [Fact]
    public void Networks_of_several_seeds_share_their_folds_and_are_judged_as_an_ensemble()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        foreach (var seed in new[] { "1", "2" })
        {
            Assert.Equal(0, Train("fit", "--data", data.Path, "--out", folder.File(seed), "--seed", seed, "--split-seed", "1", "--epochs", "1", "--steps-per-epoch", "1", "--width", "4", "--recency", "0").ExitCode);
        }

        Assert.Equal(File.ReadAllText(folder.File("1/split.json")), File.ReadAllText(folder.File("2/split.json")));
        Assert.Equal(0, Train("evaluate", "--run", folder.File("1"), folder.File("2"), "--data", data.Path, "--out", folder.File("evaluation")).ExitCode);
    }

    /// <summary>The plan of a fold measures the cases that train in a fit of that fold, and neither takes a start that has seen the others.</summary>
    [Fact]
    public void A_plan_leaves_out_the_fold_of_the_fit_that_follows_it()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        IReadOnlyList<string> Ids(string file, string key) => [.. JsonNode.Parse(File.ReadAllText(folder.File(file)))![key]!.AsArray().Select(id => (string)id!).Order(StringComparer.Ordinal)];
        string[] FitOf(string run, int fold) => ["fit", "--data", data.Path, "--out", folder.File(run), "--seed", "5", "--split-seed", "1", "--folds", "3", "--fold", $"{fold}", "--epochs", "1", "--steps-per-epoch", "1", "--width", "4", "--recency", "0"];
        foreach (var fold in new[] { 0, 1 })
        {
            Assert.Equal(0, Train("plan", "--data", data.Path, "--out", folder.File($"plan-{fold}"), "--seed", "9", "--split-seed", "1", "--folds", "3", "--fold", $"{fold}").ExitCode);
            Assert.Equal(0, Train(FitOf($"fit-{fold}", fold)).ExitCode);
            Assert.Equal(Ids($"fit-{fold}/split.json", "training"), Ids($"plan-{fold}/plan.json", "measuredCases"));
        }

        string[] other = ["--start-from", folder.File("fit-1")];
        foreach (var (code, _, errors) in new[]
        {
            Train([.. FitOf("started", 0), .. other]),
            Train(["plan", "--data", data.Path, "--out", folder.File("planned"), "--split-seed", "1", "--folds", "3", "--fold", "0", .. other]),
        })
        {
            Assert.Equal(3, code);
            Assert.Matches(@"a network that has seen \d+ of the \d+ validation cases of fold 0", errors);
        }
    }

    /// <summary>What a scheduler sends before it kills, and Ctrl-C: the run ends behind a step, and goes on as if nothing had happened.</summary>
    [Fact]
    public void A_signal_leaves_a_checkpoint_behind_the_present_step_and_a_documented_exit_code()
    {
        using var data = SmallDataset.Decathlon();
        using var folder = new TemporaryFolder();
        string[] Options(string run) => ["fit", "--data", data.Path, "--out", folder.File(run), "--epochs", "3", "--steps-per-epoch", "20", "--width", "2", "--batch-size", "1", "--recency", "1", "--average", "0.9", "--device", "cpu", "--threads", "1"];
        Assert.Equal(0, Train(Options("whole")).ExitCode);

        foreach (var (signal, expected, arguments) in new[] { ("TERM", 143, Options("broken")), ("INT", 130, ["fit", "--out", folder.File("broken"), "--resume"]) })
        {
            using var process = BuiltProgram.Start("Trainer", "credence-train", arguments);
            var errors = new List<string>();
            while (process.StandardError.ReadLine() is { } line)
            {
                errors.Add(line);
                if (line.StartsWith("epoch ", StringComparison.Ordinal))
                {
                    using var kill = System.Diagnostics.Process.Start("kill", [$"-{signal}", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
                }
            }

            process.WaitForExit();
            Assert.Equal(expected, process.ExitCode);
            Assert.Matches(@"^interrupted: .*broken/last\.safetensors holds everything after \d+ steps\. ", errors[^1]);
        }

        var resumed = Train("fit", "--out", folder.File("broken"), "--resume");
        Assert.Equal((0, true), (resumed.ExitCode, resumed.Output.Contains("after 3 epochs, 60 steps", StringComparison.Ordinal)));
        Assert.Empty(RunComparison.Differences(folder.File("whole"), folder.File("broken")));
    }

    [Fact]
    public void Phantoms_are_written_on_request()
    {
        using var folder = new TemporaryFolder();

        var (code, output, _) = Train("phantom", "--out", folder.File("data"), "--cases", "1", "--format", "dicom");

        Assert.Equal((0, true), (code, output.StartsWith("1 phantoms", StringComparison.Ordinal)));
        Assert.NotEmpty(Directory.GetFiles(folder.File("data/phantom_000/flair")));
    }

    private static (int ExitCode, string Output, string Error) Train(params string[] arguments) => BuiltProgram.Run("Trainer", "credence-train", arguments);
}
