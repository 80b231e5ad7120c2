using System.CommandLine;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.InferenceCli.Batch;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Pacs;

internal static class PacsCommand
{
    private static readonly DicomWebOptions Defaults = new() { Url = new("https://localhost/") };

    public static Command Create()
    {
        var url = new Argument<string>("url") { Description = "Address of the DICOMweb service, such as https://pacs.example/dicom-web." };
        var prediction = new PredictionArguments();
        var channels = new ChannelArguments();
        var output = new Option<DirectoryInfo>("--output", "-o") { Description = "Folder for a folder a study, cases.jsonl and index.html; created when missing.", Required = true };
        var study = new Option<string[]>("--study") { Description = "StudyInstanceUID; may be given several times." };
        var patient = new Option<string?>("--patient-id") { Description = "PatientID." };
        var accession = new Option<string?>("--accession") { Description = "AccessionNumber." };
        var modality = new Option<string?>("--modality") { Description = "A modality in the study, such as MR." };
        var date = new Option<string?>("--date") { Description = "StudyDate: YYYYMMDD, or a range such as 20260101-20260131." };
        var most = new Option<int>("--most") { Description = "Studies; more than these are refused.", DefaultValueFactory = _ => 100 };
        var list = new Option<bool>("--list") { Description = "Show rules and studies with the chosen series; fetch and run nothing." };
        var noStore = new Option<bool>("--no-store") { Description = "Keep the results here; store nothing in the PACS." };
        var tokenFile = new Option<FileInfo?>("--token-file") { Description = $"File with a bearer token; else {PacsCredentials.TokenVariable}." };
        var basicFile = new Option<FileInfo?>("--basic-file") { Description = $"File with user:password; else {PacsCredentials.BasicVariable}." };
        var authority = new Option<FileInfo?>("--ca") { Description = "PEM file of the authorities that are trusted in place of the system's." };
        var allowHttp = new Option<bool>("--allow-http") { Description = "Talk to another machine without encryption: images and credentials can be read on the way." };
        var timeout = PredictionArguments.Above0(new("--timeout") { Description = "Seconds that the server may be silent; 60 by default." });
        var retries = PredictionArguments.From0(new Option<int>("--retries") { Description = "How often a request is repeated.", DefaultValueFactory = _ => Defaults.Retries });
        var largest = PredictionArguments.Above0(new("--largest") { Description = "GiB of a series; a larger one is refused; 8 by default." });
        var jobs = BatchCommand.Jobs();
        var json = new Option<bool>("--json") { Description = "Print a line of JSON a study in place of the table." };
        most.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 1)
            {
                result.AddError("--most is below 1; give a whole number from 1.");
            }
        });

        var command = new Command("pacs", "Segment studies of a PACS over DICOMweb, and store the results beside them.")
        {
            url, output, study, patient, accession, modality, date, most, list, noStore, jobs, tokenFile, basicFile, authority, allowHttp, timeout, retries, largest, json,
        };
        channels.AddTo(command);
        prediction.AddWithoutDicomTo(command);
        command.SetAction((parse, cancellation) => Task.Run(async () =>
        {
            var criteria = new PacsCriteria
            {
                Studies = parse.GetValue(study) ?? [],
                Patient = parse.GetValue(patient),
                Accession = parse.GetValue(accession),
                Modality = parse.GetValue(modality),
                Date = parse.GetValue(date),
            };
            var authorization = PacsCredentials.Read(parse.GetValue(tokenFile)?.FullName, parse.GetValue(basicFile)?.FullName, Environment.GetEnvironmentVariable, out var credentialProblem);
            var address = AddressOf(parse.GetRequiredValue(url), parse.GetValue(allowHttp), out var addressProblem);
            if ((addressProblem ?? criteria.Problem() ?? credentialProblem) is { } problem)
            {
                return await UsageAsync(problem);
            }

            var web = Defaults with
            {
                Url = address!,
                Authorization = authorization,
                AuthorityFile = parse.GetValue(authority)?.FullName,
                Timeout = parse.GetValue(timeout) is { } seconds ? TimeSpan.FromSeconds(seconds) : Defaults.Timeout,
                Retries = parse.GetValue(retries),
                MostSeriesBytes = parse.GetValue(largest) is { } gibibytes ? (long)(gibibytes * (1L << 30)) : Defaults.MostSeriesBytes,
            };
            var stores = !parse.GetValue(noStore);
            var arguments = new Arguments(parse.GetRequiredValue(output).FullName, channels.Read(parse), criteria, parse.GetValue(most), parse.GetValue(jobs), stores, parse.GetValue(json));
            try
            {
                return await RunAsync(arguments, web, prediction.Read(parse) with { WritesDicom = stores }, parse.GetValue(list), cancellation);
            }
            catch (PacsException e)
            {
                await Console.Error.WriteLineAsync($"error: {e.Message}");
                return CommandLine.BadServer;
            }
        }, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(Arguments arguments, DicomWebOptions web, PredictionSettings settings, bool isList, CancellationToken cancellation)
    {
        var manifest = settings.ReadManifest();
        var rules = arguments.Patterns.For(manifest.Channels, out var problem);
        if (problem is not null)
        {
            return await UsageAsync(problem);
        }

        using var client = new DicomWebClient(web, TimeProvider.System);
        if (isList)
        {
            return await ListAsync(new(client, rules, "", Note), rules, arguments, cancellation);
        }

        using var segmenter = settings.Load();
        using var output = new BatchFolder(arguments.Output, Shard.Whole);
        var fetched = Directory.CreateDirectory(Path.Combine(output.Work, "fetched")).FullName;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(fetched, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute); // the files name patients
        }

        try
        {
            var cases = new PacsCases(client, rules, fetched, Note);
            var studies = await cases.FindAsync(arguments.Criteria, arguments.Most, cancellation);
            var begun = BatchManifest.Begin(segmenter, BatchRun.OptionsSha256(segmenter, settings), settings.WritesPage, Shard.Whole, studies.Count, studies.Count, TimeProvider.System);
            var summary = new BatchSummary(output, begun, TimeProvider.System);
            var delivery = new PacsDelivery(client, output);
            return BatchReporter.Run($"{studies.Count} stud{(studies.Count == 1 ? "y" : "ies")}", studies.Count, output, summary, arguments.IsJson, reporter =>
            {
                var run = new BatchRun(segmenter, settings, rules, output, reporter, TimeProvider.System, arguments.Stores ? delivery.Deliver : null);
                return run.RunAsync(cases.Fetch(studies, run.IsDone, cancellation), arguments.Jobs, cancellation);
            });
        }
        finally
        {
            Directory.Delete(fetched, recursive: true);
        }
    }

    private static async Task<int> ListAsync(PacsCases cases, ChannelRules rules, Arguments arguments, CancellationToken cancellation)
    {
        if (!arguments.IsJson)
        {
            Console.WriteLine(rules.Describe());
        }

        var records = new List<CaseRecord>();
        foreach (var study in await cases.FindAsync(arguments.Criteria, arguments.Most, cancellation))
        {
            var chosen = await cases.ChooseAsync(study, cancellation);
            records.Add(new()
            {
                Case = study.Name,
                Status = chosen.Problem is null ? CaseStatus.Selected : CaseStatus.Failed,
                Inputs = [.. chosen.Candidates.Select(c => new CaseScan(c.Channel, c.Scan.Path, c.SeriesUid, c.Scan.Label, c.Instances))],
                Error = chosen.Problem,
            });
        }

        return BatchReporter.List(records, arguments.IsJson);
    }

    /// <summary>The root of the service. Patients' images go over TLS, or stay on the machine.</summary>
    private static Uri? AddressOf(string text, bool allowsHttp, out string? problem)
    {
        var isAddress = Uri.TryCreate(text.TrimEnd('/') + "/", UriKind.Absolute, out var address) && address.Scheme is "http" or "https";
        problem = !isAddress || address is null ? "the address is none; give one such as https://pacs.example/dicom-web."
            : address.UserInfo.Length > 0 ? "the address holds credentials, which everybody on the machine can read on the command line; give them with --basic-file."
            : address.Query.Length > 0 || address.Fragment.Length > 0 ? "the address has a query or a fragment; give the root of the service."
            : address.Scheme == "http" && !allowsHttp && !address.IsLoopback ? "http to another machine: images and credentials can be read on the way; give an https address, or --allow-http."
            : null;
        return problem is null ? address : null;
    }

    private static void Note(string text) => Console.Error.WriteLine($"note: left out: {text}");

    private static async Task<int> UsageAsync(string problem)
    {
        await Console.Error.WriteLineAsync($"error: {problem}\nSee `credence-infer pacs --help`.");
        return CommandLine.Usage;
    }

    /// <summary>What the command line says beside the server and how predictions are made.</summary>
    private sealed record Arguments(string Output, ChannelPatterns Patterns, PacsCriteria Criteria, int Most, int Jobs, bool Stores, bool IsJson);
}
