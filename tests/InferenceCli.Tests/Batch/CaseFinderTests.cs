using Credence.InferenceCli.Batch;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Dicom.Results;

namespace Credence.InferenceCli.Tests.Batch;

/// <summary>Trees as people keep them, and the cases in them. NIfTI files are found by their names alone, so these are empty.</summary>
public sealed class CaseFinderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly List<string> notes = [];

    public void Dispose() => folder.Dispose();

    public static TheoryData<string, string[], string[], string[]> Trees => new()
    {
        { "one channel, flat", ["FLAIR"], ["a.nii.gz", "b.nii"], ["a: a.nii.gz", "b: b.nii"] },
        { "one channel, nnU-Net", ["FLAIR"], ["a_0000.nii.gz", "b_0000.nii.gz"], ["a: a_0000.nii.gz", "b: b_0000.nii.gz"] },
        { "two channels, nnU-Net", ["FLAIR", "T1"], ["a_0000.nii.gz", "a_0001.nii.gz", "b_0001.nii.gz"], ["a: a_0000.nii.gz a_0001.nii.gz", "b! no scan matches channel FLAIR among b_0001.nii.gz"] },
        { "numbers of patients are no channels", ["FLAIR", "T1"], ["flair_0000.nii.gz", "flair_0001.nii.gz", "t1_0000.nii.gz", "t1_0001.nii.gz"], ["0000: flair_0000.nii.gz t1_0000.nii.gz", "0001: flair_0001.nii.gz t1_0001.nii.gz"] },
        { "a folder a case", ["FLAIR", "T1"], ["a/flair.nii.gz", "a/t1.nii.gz", "a/mask.nii.gz", "b/t1.nii.gz", "b/flair.nii.gz"], ["a: flair.nii.gz t1.nii.gz", "b: flair.nii.gz t1.nii.gz"] },
        { "other words in the names", ["FLAIR", "T1"], ["a/3DFLAIR_x.nii.gz", "a/T1_MPRAGE_y.nii.gz"], ["a: 3DFLAIR_x.nii.gz T1_MPRAGE_y.nii.gz"] },
        { "BIDS", ["FLAIR", "T1"], ["sub-1/ses-1/anat/sub-1_ses-1_FLAIR.nii.gz", "sub-1/ses-1/anat/sub-1_ses-1_T1w.nii.gz", "sub-1/ses-1/anat/sub-1_ses-1_T2w.nii.gz"],
            ["anat_sub-1_ses-1: sub-1_ses-1_FLAIR.nii.gz sub-1_ses-1_T1w.nii.gz"] },
        { "flat with names", ["FLAIR", "T1"], ["p1_flair.nii.gz", "p1_t1.nii.gz", "p2_flair.nii.gz"], ["p1: p1_flair.nii.gz p1_t1.nii.gz", "p2! no scan matches channel T1 among p2_flair.nii.gz"] },
        { "two of a kind", ["FLAIR"], ["a/x flair.nii.gz", "a/x_flair.nii.gz"], ["a_x! 2 scans match channel FLAIR: x flair.nii.gz, x_flair.nii.gz"] },
        { "mask beside a scan", ["FLAIR"], ["a/scan.nii.gz", "a/mask.nii.gz"], ["a_scan: scan.nii.gz"] },
        { "another contrast", ["FLAIR"], ["a/t1.nii.gz"], ["a! no scan matches channel FLAIR among t1.nii.gz"] },
        { "hidden", ["FLAIR"], [".x/a.nii.gz", "out/b/probability.nii.gz", "out/b/flair.nii.gz", "c.nii.gz"], ["c: c.nii.gz"] },
        { "pair", ["FLAIR"], ["a.hdr", "a.img"], ["a: a.hdr+a.img"] },
        { "one name twice", ["FLAIR"], ["a/b.nii.gz", "a_b.nii.gz"], ["a_b-*: b.nii.gz", "a_b-*: a_b.nii.gz"] },
        { "names are safe", ["FLAIR"], ["a b/c?.nii.gz"], ["a-b_c-: c?.nii.gz"] },
    };

    [Theory]
    [MemberData(nameof(Trees))]
    public void Cases_of_a_tree_are_found(string layout, string[] channels, string[] files, string[] expected)
    {
        Assert.NotEmpty(layout);
        foreach (var file in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.File(file))!);
            File.WriteAllBytes(folder.File(file), []);
        }

        var cases = Find(channels);

        var found = cases.Select(c => System.Text.RegularExpressions.Regex.Replace(c.Name, "-[0-9a-f]{8}$", "-*")
            + (c.Problem is { } problem ? $"! {problem[..problem.IndexOf("; expected", StringComparison.Ordinal)]}" : ": " + string.Join(' ', c.Scans.Select(s => string.Join('+', s.Files.Select(Path.GetFileName))))));
        Assert.Equal(expected.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
        Assert.Equal(cases.Count, cases.Select(c => c.Name).Distinct().Count());
    }

    [Fact]
    public void A_study_gives_the_series_of_each_channel()
    {
        Series("pat/s1", "localizer", "1.2.3.1");
        Series("pat/s2", "t1_mprage_sag", "1.2.3.1");
        Series("pat/s3", "AX FLAIR", "1.2.3.1");
        Series("loose", "FLAIR", "1.2.3.22");
        Series("loose2", "ADC", "1.2.3.333");

        var cases = Find("FLAIR", "T1");

        Assert.Equal(["loose", "loose2", "pat"], cases.Select(c => c.Name));
        Assert.Equal(["AX FLAIR", "t1_mprage_sag"], cases[2].Scans.Select(s => s.Label));
        Assert.Equal("no scan matches channel T1 among series 1 \"FLAIR\"; expected one. Give a rule that matches it: --channel \"T1=PATTERN\".", cases[0].Problem);
        Assert.Null(cases[2].Problem);
        Assert.Contains("channel FLAIR among series 1 \"ADC\"", cases[1].Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_guessed_where_two_series_match()
    {
        Series("pat/s1", "AX FLAIR", "1.2.3.1");
        Series("pat/s2", "SAG FLAIR", "1.2.3.1");

        Assert.StartsWith("2 scans match channel FLAIR: series 1 \"AX FLAIR\", series 1 \"SAG FLAIR\"; expected one. ", Assert.Single(Find("FLAIR")).Problem, StringComparison.Ordinal);
        var rules = new ChannelRules([new("FLAIR")], new Dictionary<string, string> { ["FLAIR"] = "sag.*flair" }, ChannelRules.DefaultIgnore);
        var finder = new CaseFinder(folder.Path, folder.File("out"), rules, notes.Add);
        Assert.Equal("SAG FLAIR", Assert.Single(Assert.Single(finder.Find(finder.Files(), default)).Scans).Label);
    }

    [Fact]
    public void Damaged_files_are_a_case_that_fails()
    {
        Series("a", "FLAIR", "1.2.3.1");
        foreach (var file in Directory.GetFiles(folder.File("a")))
        {
            File.WriteAllBytes(file, File.ReadAllBytes(file)[..400]);
        }

        var only = Assert.Single(Find("FLAIR"));
        Assert.Equal("a", only.Name);
        Assert.Contains("0001.dcm: ", only.Problem, StringComparison.Ordinal);
    }

    /// <summary>A colour picture beside a scan is no failure; where it is all there is, somebody must hear of it.</summary>
    [Fact]
    public void A_picture_in_a_study_is_left_out_with_a_note()
    {
        Series("a/flair", "FLAIR", "1.2.3.1");
        Series("elsewhere", "FLAIR", "1.2.3.22");
        foreach (var (place, scan) in new[] { ("a/pictures", "a/flair"), ("b", "elsewhere") })
        {
            var source = DicomSource.From(DicomSeries.Only(folder.File(scan)).Stacks[0]);
            Directory.CreateDirectory(folder.File(place));
            SecondaryCaptureWriter.Write(folder.File($"{place}/screenshot.dcm"), 2, 2, [new byte[12]], hasText: false, source,
                new() { Description = "", Algorithm = "", AlgorithmVersion = "", Created = new(2026, 11, 27) });
        }

        Directory.Delete(folder.File("elsewhere"), recursive: true);
        var cases = Find("FLAIR");
        Assert.Equal(["a_flair", "b"], cases.Select(c => c.Name));
        Assert.Null(cases[0].Problem);
        Assert.Contains("b/screenshot.dcm: a colour image", cases[1].Problem, StringComparison.Ordinal);
        Assert.Contains("a/pictures/screenshot.dcm: a colour image", Assert.Single(notes), StringComparison.Ordinal);
    }

    private IReadOnlyList<BatchCase> Find(params string[] channels)
    {
        var finder = new CaseFinder(folder.Path, folder.File("out"), new([.. channels.Select(c => new Inference.Model.ChannelDescription(c))], new Dictionary<string, string>(), ChannelRules.DefaultIgnore), notes.Add);
        return finder.Find(finder.Files(), default);
    }

    private void Series(string name, string description, string study)
    {
        DicomSeriesWriter.Write(folder.File(name), new(new(new(4, 5, 3), Affine.Scaling(new(1, 1, 2))), new float[60]), new() { UidSeed = name, Patient = "1", Description = description });
        DicomStudy.Move(folder.File(name), study);
    }
}
