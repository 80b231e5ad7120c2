using System.Globalization;
using System.Text.Json;
using System.Threading.Channels;
using Credence.Inference;
using Credence.InferenceCli.Page;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Batch;

/// <summary>Predicts cases: some at a time, with the next one read while they run. What goes wrong with one is written down and stops no other.</summary>
internal sealed class BatchRun
{
    private readonly LesionSegmenter segmenter;
    private readonly PredictionSettings settings;
    private readonly ChannelRules rules;
    private readonly BatchFolder output;
    private readonly BatchReporter reporter;
    private readonly TimeProvider clock;
    private readonly Func<CaseRecord, CancellationToken, CaseRecord>? deliver;
    private readonly string optionsSha256;
    private PredictOptions predict;

    /// <summary>Nothing is run yet.</summary>
    /// <param name="segmenter">The model.</param>
    /// <param name="settings">How predictions are made.</param>
    /// <param name="rules">Name the channels.</param>
    /// <param name="output">Takes the results.</param>
    /// <param name="reporter">Is told of every case.</param>
    /// <param name="clock">Source of time.</param>
    /// <param name="deliver">Called with a case whose result is in the output, new or unchanged; what it throws is a failure of the case. null does nothing.</param>
    public BatchRun(
        LesionSegmenter segmenter, PredictionSettings settings, ChannelRules rules, BatchFolder output, BatchReporter reporter, TimeProvider clock,
        Func<CaseRecord, CancellationToken, CaseRecord>? deliver = null)
    {
        (this.segmenter, this.settings, this.rules, this.output, this.reporter, this.clock, this.deliver) = (segmenter, settings, rules, output, reporter, clock, deliver);

        predict = settings.Options;
        optionsSha256 = OptionsSha256(segmenter, settings);
    }

    /// <summary>Recognises the options that change results. Feature memory and threads do not; the version of the program may.</summary>
    public static string OptionsSha256(LesionSegmenter segmenter, PredictionSettings settings)
    {
        var options = JsonSerializer.Serialize(settings.Options with { FeatureMemory = 0 }, CaseJson.Default.PredictOptions);
        return CaseInput.Sha256($"{typeof(LesionSegmenter).Assembly.GetName().Version}|{options}|{segmenter.Device.Provider}|{settings.WritesDicom}|{settings.WritesPage}");
    }

    /// <summary>Whether a case was done before with this model and these options.</summary>
    /// <param name="name">Of the case.</param>
    /// <param name="stamp">Of its input.</param>
    public bool IsDone(string name, string stamp) => output.Find(name) is { } before && IsSameRecipe(before) && before.InputStamp == stamp;

    /// <summary>Predicts cases; every one of them is reported.</summary>
    /// <param name="cases">The cases; each is taken when there is room for it, while others run.</param>
    /// <param name="jobs">How many run at a time; one more is in memory.</param>
    /// <param name="cancellation">Ends the run; what was not finished leaves nothing behind.</param>
    public async Task RunAsync(IEnumerable<BatchCase> cases, int jobs, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        predict = settings.Options with { Memory = settings.Options.Memory / jobs };
        using var room = new SemaphoreSlim(jobs + 1);
        var ready = Channel.CreateUnbounded<ReadCase>();
        async Task Start(Func<Task> work)
        {
            try
            {
                await Task.Run(work, stop.Token);
            }
            catch
            {
                await stop.CancelAsync(); // a defect of one must not leave the others waiting for it
                throw;
            }
        }

        await Task.WhenAll(Enumerable.Range(0, jobs).Select(_ => Start(() => PredictAll(ready.Reader, room, stop.Token)))
            .Append(Start(() =>
            {
                ReadAll(cases, ready.Writer, room, stop.Token);
                return Task.CompletedTask;
            })));
    }

    private void ReadAll(IEnumerable<BatchCase> cases, ChannelWriter<ReadCase> ready, SemaphoreSlim room, CancellationToken cancellation)
    {
        try
        {
            foreach (var @case in cases)
            {
                cancellation.ThrowIfCancellationRequested();
                var isPassedOn = false;
                Guard(@case, () =>
                {
                    if (@case.Problem is { } problem)
                    {
                        reporter.Finished(Failed(@case, problem));
                        return;
                    }

                    var record = Begin(@case, cancellation);
                    if (record.Status == CaseStatus.Unchanged)
                    {
                        reporter.Finished(deliver?.Invoke(record, cancellation) ?? record);
                        return;
                    }

                    room.Wait(cancellation);
                    try
                    {
                        isPassedOn = ready.TryWrite(Read(@case, record));
                    }
                    catch
                    {
                        room.Release();
                        throw;
                    }
                }, cancellation);
                if (!isPassedOn)
                {
                    @case.Release?.Invoke();
                }
            }
        }
        finally
        {
            ready.Complete();
        }
    }

    private async Task PredictAll(ChannelReader<ReadCase> ready, SemaphoreSlim room, CancellationToken cancellation)
    {
        await foreach (var read in ready.ReadAllAsync(cancellation))
        {
            Guard(read.Case, () => Predict(read, cancellation), cancellation);
            read.Case.Release?.Invoke();
            room.Release();
        }
    }

    /// <summary>Whatever goes wrong with a case is its own.</summary>
    private void Guard(BatchCase @case, Action work, CancellationToken cancellation)
    {
        try
        {
            work();
        }
        catch (Exception e) when (e is InputException or IOException or UnauthorizedAccessException)
        {
            reporter.Finished(Failed(@case, e.Message));
        }
        catch (Exception e) when (!(e is OperationCanceledException && cancellation.IsCancellationRequested))
        {
            reporter.Finished(Failed(@case, $"unexpected {e.GetType().Name}: {e.Message} Please report this with the case that caused it."));
        }
    }

    /// <summary>What was done before, or a record with the hashes of what is to be done.</summary>
    private CaseRecord Begin(BatchCase @case, CancellationToken cancellation)
    {
        var before = output.Find(@case.Name);
        var isSameRecipe = before is not null && IsSameRecipe(before);
        var stamp = CaseInput.Stamp(@case);
        var sha256 = isSameRecipe && before!.InputStamp == stamp ? before.InputSha256! : CaseInput.Sha256(@case, cancellation);
        return isSameRecipe && before!.InputSha256 == sha256
            ? before with { Status = CaseStatus.Unchanged }
            : new()
            {
                Case = @case.Name,
                Status = CaseStatus.Done,
                Inputs = CaseScan.Of(@case, rules),
                InputStamp = stamp,
                InputSha256 = sha256,
                ModelSha256 = segmenter.ModelSha256,
                OptionsSha256 = optionsSha256,
            };
    }

    private bool IsSameRecipe(CaseRecord before) => before.Status == CaseStatus.Done && before.ModelSha256 == segmenter.ModelSha256 && before.OptionsSha256 == optionsSha256;

    private ReadCase Read(BatchCase @case, CaseRecord record)
    {
        var scans = @case.Scans.Select(s => s.Read(clock)).ToList();
        return CaseInput.Stamp(@case) == record.InputStamp
            ? new(@case, record, scans, settings.WritesDicom && scans[0].Stack is not null ? new(scans[0]) : null)
            : throw new InvalidImageFileException(@case.Scans[0].Path, "files that changed while they were read", "files that nobody writes", "Run it again when they are complete.");
    }

    private void Predict(ReadCase read, CancellationToken cancellation)
    {
        var segmentation = segmenter.Predict(read.Scans, predict, reporter.ProgressOf(read.Case), cancellation);
        var report = segmentation.Report;
        var record = read.Record with
        {
            Warnings = report.Warnings is { Count: > 0 } warnings ? warnings : null,
            Samples = report.Samples,
            StoppedBy = report.StoppedBy,
            Classes = [.. report.Classes.Select(CaseClass.Of)],
            Seconds = Math.Round(report.ReadSeconds + report.PredictSeconds, 3),
            FinishedAt = clock.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
        };
        output.Publish(record, folder => segmentation.Save(folder, read.Dicom, target =>
        {
            if (settings.WritesPage)
            {
                CasePage.Write(Path.Combine(target, CasePage.File), read.Case.Name, segmentation, read.Scans, segmenter.Manifest);
            }
        }));
        reporter.Finished(deliver?.Invoke(record, cancellation) ?? record);
    }

    private CaseRecord Failed(BatchCase @case, string error) => new() { Case = @case.Name, Status = CaseStatus.Failed, Inputs = CaseScan.Of(@case, rules), Error = error };

    /// <summary>A case in memory.</summary>
    private sealed record ReadCase(BatchCase Case, CaseRecord Record, IReadOnlyList<Scan> Scans, DicomResults? Dicom);
}
