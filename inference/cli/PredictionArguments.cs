using System.CommandLine;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.InferenceCli.Page;

namespace Credence.InferenceCli;

/// <summary>How predictions are made, as the command line says it.</summary>
/// <param name="Model">Model file.</param>
/// <param name="Options">Samples, seed, when to stop.</param>
/// <param name="Threads">Of one run of the network; 0 is one a core.</param>
/// <param name="Device">What to run on.</param>
/// <param name="Trust">Keys, one of which the model has to be signed with; null takes any model.</param>
/// <param name="WritesDicom">Whether DICOM scans get DICOM results.</param>
/// <param name="WritesPage">Whether each case gets a page to look at.</param>
internal sealed record PredictionSettings(string Model, PredictOptions Options, int Threads, InferenceDevice Device, TrustedKeys? Trust, bool WritesDicom, bool WritesPage)
{
    /// <summary>Reads the recipe of the model alone.</summary>
    /// <exception cref="ModelFileException">The file cannot be used.</exception>
    public ModelManifest ReadManifest() => ModelFile.Load(Model, trust: Trust).Manifest;

    /// <summary>Loads the model, and has a device choose its algorithms before the first case.</summary>
    /// <exception cref="ModelFileException">The file cannot be used.</exception>
    public LesionSegmenter Load()
    {
        var segmenter = LesionSegmenter.Load(Model, Threads, device: Device, trust: Trust);
        if (segmenter.Device.Provider != ExecutionProvider.Cpu)
        {
            segmenter.WarmUp(Options);
        }

        return segmenter;
    }
}

/// <summary>The options that <c>predict</c> and <c>batch</c> share.</summary>
internal sealed class PredictionArguments
{
    private const int Largest = 1_000_000;

    private static readonly PredictOptions Defaults = new();

    private readonly Option<FileInfo> model = new("--model", "-m") { Description = "Model file written by credence-export.", Required = true };
    private readonly Option<int?> samples = From0(new Option<int?>("--samples", "-n")
    {
        Description = "Monte Carlo samples, 16 by default; 0 runs the posterior mean once. A plain network always runs once. An ensemble gives its members in turn: by default whole rounds of them, of plain members one.",
    });

    private readonly Option<ulong> seed = new("--seed") { Description = "Seed of the weight samples: same seed, same result.", DefaultValueFactory = _ => Defaults.Seed };
    private readonly Option<double?> overlap = new("--overlap") { Description = "Overlap of neighbouring patches, from 0 to below 1; the model's by default." };
    private readonly Option<FlipAxes> flips = new("--flips")
    {
        Description = "Mirror the case in each sample and take the mean: left-right, posterior-anterior, inferior-superior, several of them separated by commas, or all.",
        HelpName = "axes",
        CustomParser = result =>
        {
            var axes = FlipAxes.None;
            foreach (var word in result.Tokens.SelectMany(t => t.Value.Split(',')))
            {
                switch (word)
                {
                    case "left-right": axes |= FlipAxes.LeftRight; break;
                    case "posterior-anterior": axes |= FlipAxes.PosteriorAnterior; break;
                    case "inferior-superior": axes |= FlipAxes.InferiorSuperior; break;
                    case "all": axes |= FlipAxes.LeftRight | FlipAxes.PosteriorAnterior | FlipAxes.InferiorSuperior; break;
                    default: result.AddError($"--flips: '{word}' is not one of left-right, posterior-anterior, inferior-superior, all."); break;
                }
            }

            return axes;
        },
    };

    private readonly Option<double?> tolerance = Above0(new("--tolerance") { Description = "Stop early once the standard error of the lesion volume is below this share of it, such as 0.02." });
    private readonly Option<double?> seconds = Above0(new("--time-budget") { Description = "Stop with the sample that ends later than this many seconds after the start." });
    private readonly Option<double?> total = Above0(new("--memory") { Description = "GiB that predictions may take beside program, model and scans; a batch shares them among its --jobs. Fewer patches run at once and less is kept; a case that does not fit is refused." });
    private readonly Option<double?> memory = Above0(new("--feature-memory") { Description = "GiB for features that all samples share; 4 by default. Less is slower, with the same result." });
    private readonly Option<double?> deviation = Above0(new("--deviation-limit")
    {
        Description = "Refuse a scan that lies further outside the spacings and intensities of the training cases than this, in the margins that are warned of; 4 by default.",
    });

    private readonly Option<bool> strict = new("--strict") { Description = "Refuse whatever would be warned of, as --deviation-limit 1." };
    private readonly Option<bool> anyScan = new("--any-scan") { Description = "Warn of scans unlike the training cases, but refuse none." };
    private readonly Option<int> threads = From0(new Option<int>("--threads", "-t") { Description = "Threads; 0 is one a core." });
    private readonly Option<FileInfo[]> trust = TrustOption();
    private readonly Option<InferenceDevice> device = Device("What ONNX Runtime computes with");
    private readonly Option<AlgorithmSearch> search = new("--convolution-search") { Description = "How CUDA chooses the algorithms of convolutions: exhaustive (the default: the first patch is slow, the others are fastest), heuristic or default." };
    private readonly Option<bool> dicom = new("--dicom") { Description = "Also write segmentation, maps and a picture as DICOM objects in the study of a DICOM scan." };
    private readonly Option<bool> noPage = new("--no-page") { Description = $"Do not write {CasePage.File}, the page to look at a result with, nor the {BatchPage.File} of a batch." };

    public PredictionArguments() => overlap.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<double?>() is { } value && !(value >= 0 && value < 1))
        {
            result.AddError("--overlap is out of range; give a number from 0 to below 1.");
        }
    });

    public void AddTo(Command command)
    {
        AddWithoutDicomTo(command);
        command.Options.Add(dicom);
    }

    /// <summary>For a command that decides itself whether there are DICOM results.</summary>
    public void AddWithoutDicomTo(Command command)
    {
        foreach (var option in (Option[])[model, trust, samples, seed, overlap, flips, tolerance, seconds, deviation, strict, anyScan, total, memory, threads, device, search, noPage])
        {
            command.Options.Add(option);
        }

        command.Validators.Add(result =>
        {
            var limits = new Option[] { deviation, strict, anyScan }.Where(o => result.GetResult(o) is { Implicit: false }).Select(o => o.Name).ToList();
            if (limits.Count > 1)
            {
                result.AddError($"{string.Join(" and ", limits)} contradict each other; give one of them.");
            }
        });
    }

    public PredictionSettings Read(ParseResult parse) => new(
        parse.GetRequiredValue(model).FullName,
        new()
        {
            Samples = parse.GetValue(samples),
            Seed = parse.GetValue(seed),
            Overlap = parse.GetValue(overlap),
            Flips = parse.GetValue(flips),
            Tolerance = parse.GetValue(tolerance),
            TimeBudget = parse.GetValue(seconds) is { } budget ? TimeSpan.FromSeconds(budget) : null,
            DeviationLimit = parse.GetValue(strict) ? 1 : parse.GetValue(anyScan) ? null : parse.GetValue(deviation) ?? Defaults.DeviationLimit,
            Memory = parse.GetValue(total) is { } all ? (long)(all * (1L << 30)) : null,
            FeatureMemory = parse.GetValue(memory) is { } gibibytes ? (long)(gibibytes * (1L << 30)) : Defaults.FeatureMemory,
        },
        parse.GetValue(threads),
        parse.GetRequiredValue(device) with { Search = parse.GetValue(search) },
        ReadKeys(parse.GetValue(trust)),
        parse.GetValue(dicom),
        !parse.GetValue(noPage));

    /// <summary>The option that names keys.</summary>
    public static Option<FileInfo[]> TrustOption() => new("--trust")
    {
        Description = "PEM files with public keys: a model that is not signed with one of them (credence-export sign) is refused.",
    };

    /// <summary>Reads the keys of <see cref="TrustOption"/>.</summary>
    /// <returns>Null where there are none: any model is taken.</returns>
    /// <exception cref="ModelFileException">A file holds no public key.</exception>
    public static TrustedKeys? ReadKeys(FileInfo[]? files) => files is { Length: > 0 } ? TrustedKeys.Read([.. files.Select(f => f.FullName)]) : null;

    /// <summary>The option that names a device; the processor by default.</summary>
    /// <param name="what">Begins its description.</param>
    public static Option<InferenceDevice> Device(string what) => new("--device")
    {
        Description = $"{what}: cpu (the default), cuda:0, tensorrt:0, directml:0, openvino, or auto (cuda:0 where this build of ONNX Runtime has CUDA, else cpu). One that is not there, or that fails the self-test of the model, is replaced by cpu with a warning.",
        DefaultValueFactory = _ => InferenceDevice.Cpu,
        CustomParser = result =>
        {
            var text = result.Tokens[0].Value;
            if (InferenceDevice.Parse(text) is { } device)
            {
                return device;
            }

            result.AddError($"--device: '{text}' is not one of auto, cpu, cuda, tensorrt, directml, openvino, with the number of a device such as cuda:0.");
            return InferenceDevice.Cpu;
        },
    };

    /// <summary>Refuses numbers below 0.</summary>
    public static Option<T> From0<T>(Option<T> option)
    {
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<T>() is int and < 0)
            {
                result.AddError($"{option.Name} is below 0; give a whole number from 0.");
            }
        });
        return option;
    }

    /// <summary>Refuses numbers that are not above 0, and those that mean no limit but overflow: a million seconds is eleven days, a million GiB a pebibyte.</summary>
    public static Option<double?> Above0(Option<double?> option)
    {
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double?>() is { } value && !(value > 0 && value <= Largest))
            {
                result.AddError($"{option.Name} is out of range; give a number above 0 and at most {Largest}.");
            }
        });
        return option;
    }
}
