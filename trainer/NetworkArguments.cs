using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Credence.Models;
using Credence.Models.Architecture;
using Credence.Models.Priors;
using Credence.Trainer.Training;

namespace Credence.Trainer;

/// <summary>The command-line options that shape the network, its posterior and its start; the plan decides channels, classes, width, strides and kernels.</summary>
internal sealed class NetworkArguments
{
    // Of FitOptions.
    private const string PriorSigma = "--prior-sigma";
    private const string Temper = "--temper";
    private const string KlShare = "--kl-warm-up-share";
    private const string KlCycles = "--kl-cycles";
    private const string L1 = "--l1";
    private const string WeightDecay = "--weight-decay";
    private const string DropProbability = "--drop-probability";

    private static readonly NetworkOptions Defaults = FitOptions.Defaults.Network;

    private readonly Option<EncoderKind> encoder = FitOptions.Kind("--encoder", "Stages of the encoder", Defaults.Encoder);
    private readonly Option<ShortcutKind> shortcut = FitOptions.Kind("--shortcut", "How shortcuts of a residual encoder change resolution", Defaults.Shortcut);
    private readonly Option<int[]?> blocks = new("--residual-blocks")
    {
        Description = "Residual encoder: blocks at each level, separated by commas, such as 1,2,2; 1, 3, 4, 6, 6, ... by default.",
        CustomParser = result =>
        {
            var words = result.Tokens.SelectMany(t => t.Value.Split(',')).ToList();
            var numbers = words.Select(w => int.TryParse(w, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n > 0 ? n : (int?)null).ToList();
            if (numbers.Contains(null))
            {
                result.AddError($"--residual-blocks {string.Join(",", words)}: give whole numbers above 0, one a level, such as 1,2,2.");
                return null;
            }

            return [.. numbers.OfType<int>()];
        },
    };

    private readonly Option<bool> deepSupervision = new("--deep-supervision") { Description = "Train outputs at lower levels of the decoder too." };
    private readonly Option<NormKind> norm = FitOptions.Kind("--norm", "Normalisation of activations", Defaults.Norm);
    private readonly Option<int?> groups = FitOptions.Positive(new Option<int?>("--norm-groups") { Description = $"Groups of group norm; {Defaults.NormGroups} by default." });
    private readonly Option<BayesianStages> stages = FitOptions.Kind("--bayesian-stages", "Mean-field: layers that are distributions", Defaults.BayesianStages);
    private readonly Option<WeightEstimator> estimator = FitOptions.Kind("--estimator", "Mean-field: how a training step draws weights", Defaults.Estimator);
    private readonly Option<PriorKind> prior = FitOptions.Kind("--prior", "Mean-field: family of the prior", Defaults.Prior);
    private readonly Option<double?> priorRatio = FitOptions.Positive(new Option<double?>("--prior-sigma-ratio")
    {
        Description = $"Fan-in Gaussian prior: its standard deviation as a share of sqrt(2 / fan-in); {Defaults.PriorSigmaRatio} by default.",
    });

    private readonly Option<double?> narrowSigma = FitOptions.Positive(new Option<double?>("--narrow-sigma")
    {
        Description = $"Scale-mixture prior: standard deviation of the narrow component; {Defaults.NarrowSigma} by default.",
    });

    private readonly Option<double?> wideShare = FitOptions.Positive(new Option<double?>("--wide-share")
    {
        Description = $"Scale-mixture prior: share of the wide component, whose standard deviation is --prior-sigma; {Defaults.WideShare} by default.",
    });

    private readonly Option<double?> sigmaRatio = FitOptions.Positive(new Option<double?>("--initial-sigma-ratio")
    {
        Description = $"Mean-field: standard deviation at the start, as a share of sqrt(2 / fan-in); {Defaults.InitialSigmaRatio} by default.",
    });

    private readonly Option<DropoutPlacement> placement = FitOptions.Kind("--dropout-placement", "Channel dropout: behind which stages", Defaults.DropoutPlacement);
    private readonly Option<FileSystemInfo> startFrom = new("--start-from") { Description = "Start from the weights of this run or checkpoint, to train on or to make a plain network Bayesian; `cross-validate` also takes the folder of a cross-validation, and each network starts from that of its seed and fold." };
    private readonly Option<double?> delta = FitOptions.Positive(new Option<double?>("--moped-delta")
    {
        Description = $"--start-from a plain network: standard deviation of a Gaussian weight as a share of |w|; {FitOptions.Defaults.MopedDelta} by default.",
    });

    private readonly Option<PriorMean> priorMean = FitOptions.Kind("--prior-mean", "Mean-field: centre of the prior, zero or the weights of --start-from", Defaults.PriorMean);

    /// <summary>Adds the options, and the checks between them, to a command that trains.</summary>
    /// <param name="command">The command.</param>
    /// <param name="except">Names of options that mean nothing to it.</param>
    public void AddTo(Command command, params string[] except)
    {
        Option[] options =
        [
            encoder, shortcut, blocks, deepSupervision, norm, groups, stages, estimator, prior, priorRatio, narrowSigma, wideShare, sigmaRatio, placement,
            startFrom, delta, priorMean,
        ];
        foreach (var option in options.Where(o => !except.Contains(o.Name)))
        {
            command.Options.Add(option);
        }

        command.Validators.Add(RefuseWithoutEffect);
        command.Validators.Add(result =>
        {
            if (result.GetResult(priorMean) is not null && result.GetValue(priorMean) == PriorMean.Start && result.GetResult(startFrom) is null)
            {
                result.AddError("--prior-mean start needs --start-from, the network whose weights are the prior mean.");
            }

            if (result.GetResult(wideShare) is not null && result.GetValue(wideShare) is >= 1)
            {
                result.AddError($"--wide-share is {result.GetValue(wideShare)}; give a number between 0 and 1.");
            }
        });
    }

    /// <summary>Refuses an option that would do nothing beside the others.</summary>
    private void RefuseWithoutEffect(CommandResult result)
    {
        // A validator does not see the defaults of options that were not given.
        bool IsGiven(string name) => result.GetResult(name) is OptionResult { Implicit: false };
        T Value<T>(Option<T> option, T otherwise) => IsGiven(option.Name) ? result.GetValue(option)! : otherwise;
        void Need(bool isMet, string needed, params string[] names)
        {
            foreach (var name in names.Where(name => !isMet && IsGiven(name)))
            {
                result.AddError($"{name} has no effect without {needed}. Give that, or leave {name} out.");
            }
        }

        Need(Value(norm, Defaults.Norm) == NormKind.Group, "--norm group", groups.Name);
        Need(Value(encoder, Defaults.Encoder) == EncoderKind.Residual, "--encoder residual", shortcut.Name, blocks.Name);
        if (result.Command.Options.OfType<Option<Posterior>>().SingleOrDefault() is { } posterior) // a command without it has chosen
        {
            var kind = Value(posterior, FitOptions.Defaults.Posterior);
            Need(kind == Posterior.MeanField, $"--posterior mean-field, and the posterior is {FitOptions.Hyphenated(kind.ToString())}",
                stages.Name, estimator.Name, prior.Name, PriorSigma, priorRatio.Name, narrowSigma.Name, wideShare.Name, sigmaRatio.Name, delta.Name, priorMean.Name,
                "--kl-scaling", Temper, "--weight-noise", "--kl-warm-up", KlShare, KlCycles);
            Need(kind == Posterior.ChannelDropout, $"--posterior channel-dropout, and the posterior is {FitOptions.Hyphenated(kind.ToString())}", placement.Name, DropProbability);
            if (kind != Posterior.MeanField)
            {
                return; // one sentence an option
            }
        }

        Need(Value(stages, Defaults.BayesianStages) != BayesianStages.All || Value(deepSupervision, false), "weights that are points, such as --bayesian-stages decoder leaves; the others have their prior", L1, WeightDecay);
        var family = Value(prior, Defaults.Prior);
        Need(family != PriorKind.FanInGaussian, "--prior gaussian, laplace or scale-mixture; fan-in-gaussian has --prior-sigma-ratio", PriorSigma);
        Need(family == PriorKind.FanInGaussian, "--prior fan-in-gaussian", priorRatio.Name);
        Need(family == PriorKind.ScaleMixture, "--prior scale-mixture", narrowSigma.Name, wideShare.Name);
        Need(IsGiven(startFrom.Name), "--start-from", delta.Name);

        var warmUp = result.Command.Options.OfType<Option<KlWarmUpKind>>().Single();
        if (result.Command.Options.OfType<Option<double>>().SingleOrDefault(o => o.Name == Temper) is { } temper)
        {
            Need(Value(temper, FitOptions.Defaults.Temper) > 0, $"{Temper} above 0", warmUp.Name, KlShare, KlCycles);
        }

        Need(Value(warmUp, FitOptions.Defaults.KlWarmUp.Kind) != KlWarmUpKind.None, $"{warmUp.Name} linear or cyclical", KlShare);
        Need(Value(warmUp, FitOptions.Defaults.KlWarmUp.Kind) == KlWarmUpKind.Cyclical, $"{warmUp.Name} cyclical", KlCycles);
    }

    /// <summary>Puts the values given on the command line into the options of a run.</summary>
    public TrainingOptions Apply(TrainingOptions options, ParseResult parse) => options with
    {
        Network = options.Network with
        {
            Encoder = parse.GetValue(encoder),
            Shortcut = parse.GetValue(shortcut),
            ResidualBlocks = parse.GetValue(blocks) ?? [],
            HasDeepSupervision = parse.GetValue(deepSupervision),
            Norm = parse.GetValue(norm),
            NormGroups = parse.GetValue(groups) ?? Defaults.NormGroups,
            BayesianStages = parse.GetValue(stages),
            Estimator = parse.GetValue(estimator),
            Prior = parse.GetValue(prior),
            PriorSigmaRatio = parse.GetValue(priorRatio) ?? Defaults.PriorSigmaRatio,
            NarrowSigma = parse.GetValue(narrowSigma) ?? Defaults.NarrowSigma,
            WideShare = parse.GetValue(wideShare) ?? Defaults.WideShare,
            InitialSigmaRatio = parse.GetValue(sigmaRatio) ?? Defaults.InitialSigmaRatio,
            DropoutPlacement = parse.GetValue(placement),
            PriorMean = parse.GetValue(priorMean),
        },
        StartFrom = parse.GetValue(startFrom)?.FullName,
        MopedDelta = parse.GetValue(delta) ?? FitOptions.Defaults.MopedDelta,
    };
}
