using System.Globalization;
using Credence.Inference.Tests;
using Credence.InferenceCli.Batch;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Batch;

public sealed class BatchReporterTests
{
    /// <summary>Half of the second of four cases is 3/8 of all.</summary>
    [Fact]
    public void The_bar_shows_cases_that_are_done_and_the_share_of_those_that_run()
    {
        var bar = new Bar();
        var reporter = new BatchReporter(4, _ => { }, isJson: false, bar, TimeProvider.System);
        var (first, second) = (new BatchCase("a", "", []), new BatchCase("b", "", []));
        reporter.ProgressOf(first)!.Report(0.5);
        reporter.Finished(Done("a"));
        reporter.ProgressOf(second)!.Report(0.5);
        Assert.Equal([0.125, 0.25, 0.375], bar.Shares);
    }

    /// <summary>Two cases in ten seconds: five a case. A case that is unchanged costs nothing and tells nothing.</summary>
    [Fact]
    public void Lines_say_how_much_time_is_left()
    {
        var clock = new Clock();
        var reporter = new BatchReporter(9, _ => { }, isJson: false, null, clock);
        var lines = Errors(() =>
        {
            reporter.Finished(Done("a") with { Status = CaseStatus.Unchanged });
            clock.Seconds = 4;
            reporter.Finished(Done("b"));
            clock.Seconds = 10;
            reporter.Finished(Done("c"));
            clock.Seconds = 700;
            reporter.Finished(Done("d"));
        });
        Assert.Equal(["", "; about 28 s left", "; about 30 s left", "; about 19 min left"], lines.Select(l => l[(l.IndexOf(" s", StringComparison.Ordinal) + 2)..]));
        Assert.StartsWith("[2/9] b: done, lesion 1.50 (samples 1.00 to 2.00), ", lines[1], StringComparison.Ordinal);
    }

    /// <summary>On a terminal (made by script of Debian's bsdutils) there is a bar, with the time that is left.</summary>
    [Fact]
    public void A_terminal_gets_a_bar_and_no_line_a_case()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());
        foreach (var n in Enumerable.Range(0, 6))
        {
            NiftiFile.Write(folder.File($"in-{n}.nii.gz"), new Volume(new(new(40, 40, 40), Affine.Scaling(new(1, 1, 1))), new float[64000]));
        }

        var program = RepositoryRoot.File($"artifacts/bin/InferenceCli/{new DirectoryInfo(AppContext.BaseDirectory).Name}/credence-infer.dll");
        var output = Shared.Run("bsdutils", "script", "-qec", $"TERM=xterm COLUMNS=120 dotnet '{program}' batch '{folder.Path}' --model '{folder.File("tiny.onnx")}' --output '{folder.File("out")}' --samples 40", "/dev/null");

        Assert.Matches(@"6 cases .*━.* +\d+% .*\d:\d\d:\d\d", output);
        Assert.DoesNotContain("[1/6]", output, StringComparison.Ordinal);
        Assert.Contains("6 done", output, StringComparison.Ordinal);
    }

    private static CaseRecord Done(string name) => new()
    {
        Case = name,
        Status = CaseStatus.Done,
        Inputs = [],
        Seconds = 1,
        Classes = [new() { Name = "lesion", Volume = 1.5, Interval = [1, 2], Lesions = 1 }],
    };

    private static string[] Errors(Action work)
    {
        var (before, text) = (Console.Error, new StringWriter(CultureInfo.InvariantCulture));
        Console.SetError(text);
        try
        {
            work();
        }
        finally
        {
            Console.SetError(before);
        }

        return text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private sealed class Bar : IProgress<double>
    {
        public List<double> Shares { get; } = [];

        public void Report(double value) => Shares.Add(value);
    }

    private sealed class Clock : TimeProvider
    {
        public int Seconds { get; set; }

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Seconds;
    }
}
