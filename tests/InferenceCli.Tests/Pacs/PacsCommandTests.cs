using System.Text.Json;
using System.Text.RegularExpressions;
using Credence.Inference.Tests;
using Credence.InferenceCli.Tests.Batch;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;
using static Credence.InferenceCli.Tests.Pacs.FakePacs;

namespace Credence.InferenceCli.Tests.Pacs;

/// <summary>credence-infer pacs as a user runs it, against a server that fails in every way that servers do.</summary>
public sealed class PacsCommandTests : IDisposable
{
    private const string Study = "1.2.3.4", Patient = "Zebrafinch";

    private readonly TemporaryFolder folder = new();

    public PacsCommandTests() => File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes());

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(401, "6 .*/dicom-web/studies: status 401 .*; expected valid credentials\\. ")]
    [InlineData(403, "6 .*status 403 .*; expected the right to do this\\. ")]
    [InlineData(404, "6 .*status 404 .*; expected a DICOMweb service\\. ")]
    [InlineData(302, "6 .*status 302 .*; redirections are not followed\\.|6 .*redirections are not followed\\.")]
    [InlineData(500, "6 .*status 500 .*Look into the log of the server\\.")]
    [InlineData(200, "6 .*is no JSON; expected DICOM JSON\\. ")]
    public void A_refusal_is_said_with_its_number_and_nothing_of_what_the_server_says(int status, string expected)
    {
        using var pacs = New((_, _, _) => new Fault.Status(status, $"<html>{Patient} is not for you", "Location: http://localhost:1/elsewhere\r\n"));
        var (code, output, error) = Pacs(pacs.Url, "--patient-id", Patient, "--retries", "0");
        Assert.Matches($"^{expected}", $"{code} {error}");
        Assert.Equal("", output);
        AssertNobodyIsNamed(error);
        Assert.Single(pacs.Requests);
    }

    [Fact]
    public void A_server_that_hangs_is_given_up()
    {
        using var pacs = New((_, _, _) => new Fault.Silence());
        var (code, _, error) = Pacs(pacs.Url, "--study", Study, "--timeout", "0.3", "--retries", "1");
        Assert.Equal(6, code);
        Assert.Contains("/dicom-web/studies: silence for 0.3 s; expected a whole answer.", error, StringComparison.Ordinal);
        Assert.Equal(2, pacs.Requests.Count);
    }

    [Fact]
    public void A_port_where_nobody_listens_is_named()
    {
        Assert.Matches("^6 .*no connection; expected a whole answer", Text(Pacs("http://localhost:1/dicom-web", "--study", Study, "--retries", "0")));
    }

    [Theory]
    [InlineData("localhost", "other.pem", "6 .*no secure connection .*; expected a certificate for this host, of a trusted authority\\. .*--ca")]
    [InlineData("elsewhere.example", "ca.pem", "6 .*no secure connection .*RemoteCertificateNameMismatch")]
    [InlineData("localhost", "none.pem", "6 .*none\\.pem: .*expected certificates as PEM")]
    [InlineData("localhost", "ca.pem", "0 .*: done")]
    public void A_certificate_is_checked(string host, string trusted, string expected)
    {
        using var pacs = New();
        using var tunnel = TlsTunnel.Start(pacs.Port, folder.File("ca.pem"), host);
        using (TlsTunnel.Start(pacs.Port, folder.File("other.pem")))
        {
            File.WriteAllText(folder.File("none.pem"), "no certificate");
            Assert.Matches($"^{expected}", Text(Pacs($"{tunnel.Url}dicom-web", "--study", Study, "--retries", "0", "--ca", folder.File(trusted), "--no-store")));
        }
    }

    [Theory]
    [InlineData(typeof(Fault.Truncated), "an answer that breaks off|a broken answer")]
    [InlineData(typeof(Fault.Stalled), "silence for 0.5 s")]
    [InlineData(typeof(Fault.Reset), "a broken answer")]
    public void A_series_that_does_not_come_whole_is_fetched_again(Type kind, string found)
    {
        var fault = (Fault)Activator.CreateInstance(kind)!;
        using (var pacs = New((_, path, before) => IsSeries(path) && before == 0 ? fault : null))
        {
            AssertDone(Pacs(pacs.Url, "--study", Study, "--timeout", "0.5"));
            Assert.Equal(2, pacs.Requests.Count(r => r.StartsWith("GET", StringComparison.Ordinal) && IsSeries(r[4..])));
        }

        using var never = New((_, path, _) => IsSeries(path) ? fault : null);
        Directory.Delete(folder.File("out"), recursive: true);
        var (code, output, error) = Pacs(never.Url, "--study", Study, "--timeout", "0.5", "--retries", "1");
        Assert.Equal(5, code);
        Assert.Matches($"error: study-[0-9a-f]{{32}}: .*/series/[0-9.]*: ({found}); expected a whole answer", error);
        AssertNobodyIsNamed(output, error);
        Assert.Equal([".lock"], Directory.GetFileSystemEntries(folder.File("out/.unfinished")).Select(Path.GetFileName));
    }

    [Fact]
    public void Another_kind_of_answer_is_no_series()
    {
        using var pacs = New((_, path, _) => IsSeries(path) ? new Fault.Status(200, $"<html>{Patient}") : null);
        Assert.Matches("^5 .*an answer of type application/dicom\\+json; expected multipart/related", Text(Pacs(pacs.Url, "--study", Study, "--retries", "0")));
    }

    /// <summary>The multipart answer is sound, but ends early.</summary>
    [Fact]
    public void Fewer_instances_than_the_server_named_are_no_series()
    {
        using var pacs = new FakePacs { Damage = bytes => [.. bytes[..bytes.AsSpan().LastIndexOf("\r\n--the end\r\n"u8)], .. "\r\n--the end--\r\n"u8] };
        Series("scan", Study);
        pacs.Add(folder.File("scan"));
        Assert.Matches("^5 .*: 7 of 8 instances; expected the whole series", Text(Pacs(pacs.Url, "--study", Study, "--retries", "0")));
    }

    [Fact]
    public void Nothing_is_guessed_where_two_series_match()
    {
        using var pacs = New();
        Series("second", Study);
        pacs.Add(folder.File("second"));
        var (code, output, error) = Pacs(pacs.Url, "--study", Study);
        Assert.Matches("^5 .*error: study-[0-9a-f]{32}: 2 scans match channel FLAIR: series 1 \"AX FLAIR\", series 1 \"AX FLAIR\"; expected one\\.", $"{code} {error}");
        Assert.Equal(0, pacs.Posts);
        AssertNobodyIsNamed(output, error);
    }

    [Fact]
    public void A_series_larger_than_allowed_is_refused()
    {
        using var pacs = New();
        Assert.Matches("^5 .*an answer of more than 1073 bytes; expected less\\. .*--largest", Text(Pacs(pacs.Url, "--study", Study, "--largest", "0.000001")));
    }

    /// <summary>The server has stored the object when the connection breaks: it is not sent again.</summary>
    [Fact]
    public void What_the_server_has_is_not_sent_again()
    {
        using var pacs = New((method, _, before) => method == "POST" && before == 0 ? new Fault.Reset() : null);
        AssertDone(Pacs(pacs.Url, "--study", Study));
        Assert.Equal((5, 8 + 5), (pacs.Posts, pacs.Count));
    }

    [Fact]
    public void What_the_server_does_not_have_is_sent_again()
    {
        using var pacs = New((method, _, before) => method == "POST" && before < 2 ? new Fault.Status(before == 0 ? 503 : 429, Headers: "Retry-After: 0\r\n") : null);
        AssertDone(Pacs(pacs.Url, "--study", Study));
        Assert.Equal((7, 8 + 5), (pacs.Posts, pacs.Count));
    }

    [Fact]
    public void A_conflict_is_a_failure_of_the_case_and_the_next_run_stores_what_lacks()
    {
        const string Refusal = """{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[43264]}}]}}""";
        var isOpen = false;
        using var pacs = New((method, _, before) => method == "POST" && before == 2 && !isOpen ? new Fault.Status(409, Refusal) : null);
        var (code, output, error) = Pacs(pacs.Url, "--study", Study, "--json");
        Assert.Equal(5, code);
        Assert.Matches(@"error: study-[0-9a-f]{32}: .*/studies/1\.2\.3\.4: predictive-entropy\.dcm was refused \(409, failure reason A900H: the server finds that attributes do not fit the kind of object\); expected that it is stored\.", error);
        AssertNobodyIsNamed(output, error);

        isOpen = true;
        (code, output, error) = Pacs(pacs.Url, "--study", Study, "--json");
        Assert.Equal((0, "", 3 + 3, 8 + 5), (code, error, pacs.Posts, pacs.Count));
        using var record = JsonDocument.Parse(output);
        Assert.Equal(("unchanged", 5), (record.RootElement.GetProperty("status").GetString(), record.RootElement.GetProperty("stored").GetProperty("instances").GetArrayLength()));
    }

    /// <summary>A server answers 200 and yet names what it did not store.</summary>
    [Fact]
    public void A_failure_in_an_answer_of_success_is_a_failure()
    {
        using var pacs = New((method, _, _) => method == "POST" ? new Fault.Status(202, """{"00081198":{"vr":"SQ","Value":[{"00081197":{"vr":"US","Value":[290]}}]}}""") : null);
        Assert.Matches("^5 .*refused \\(202, failure reason 0122H: the server does not take objects of this kind\\)", Text(Pacs(pacs.Url, "--study", Study)));
    }

    [Fact]
    public void Nothing_is_stored_on_request()
    {
        using var pacs = New();
        AssertDone(Pacs(pacs.Url, "--study", Study, "--no-store"));
        Assert.Equal((0, 8), (pacs.Posts, pacs.Count));
        Assert.Empty(Directory.GetFiles(folder.File("out"), "*.dcm", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("--token-file", "s3cret-t0ken\n", "Bearer s3cret-t0ken")]
    [InlineData("--basic-file", "user:s3cret:x\n", "Basic dXNlcjpzM2NyZXQ6eA==")]
    public void Credentials_come_from_a_file(string option, string content, string expected)
    {
        using var pacs = New();
        File.WriteAllText(folder.File("secret"), content);
        var (code, output, error) = Pacs(pacs.Url, "--study", Study, "--list", option, folder.File("secret"));
        Assert.Equal((0, "", expected), (code, error, pacs.Authorization));
        Assert.DoesNotContain("s3cret", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2 error: the address is none", "ftp://localhost/dicom-web", "--study", Study)]
    [InlineData("2 error: the address holds credentials", "https://user:s3cret@localhost/dicom-web", "--study", Study)]
    [InlineData("2 error: http to another machine", "http://pacs.example/dicom-web", "--study", Study)]
    [InlineData("2 error: no study is named", "https://localhost:1/", "--modality", "MR")]
    [InlineData("2 error: --study is no UID", "https://localhost:1/", "--study", "../1.2")]
    [InlineData("2 error: --patient-id is empty, all wildcards", "https://localhost:1/", "--patient-id", "*")]
    [InlineData("2 error: --date is no date", "https://localhost:1/", "--date", "2026-01-01")]
    [InlineData("2 error: --modality is no code", "https://localhost:1/", "--study", Study, "--modality", "mr")]
    [InlineData("2 error: Could not find", "https://localhost:1/", "--study", Study, "--token-file", "/nowhere/token")]
    [InlineData("2 error: --channel T9: the model has no such channel", "https://localhost:1/", "--study", Study, "--channel", "T9=x")]
    public void What_cannot_be_asked_is_refused(string expected, string url, params string[] options)
    {
        var (code, output, error) = Pacs(url, options);
        Assert.StartsWith(expected, $"{code} {error}", StringComparison.Ordinal);
        Assert.Equal("", output);
        Assert.DoesNotContain("s3cret", error, StringComparison.Ordinal);
    }

    [Fact]
    public void More_studies_than_allowed_are_refused_before_the_work()
    {
        using var pacs = New();
        for (var n = 0; n < 9; n++)
        {
            Series($"more{n}", $"1.2.3.{n}.5");
            pacs.Add(folder.File($"more{n}"));
        }

        Assert.Matches("^3 .*more than 9 studies that match; expected fewer", Text(Pacs(pacs.Url, "--date", "20000101", "--most", "9")));
        var (code, output, _) = Pacs(pacs.Url, "--date", "20000101", "--list", "--json"); // the server gives pages of seven
        Assert.Equal((0, 10), (code, Regex.Count(output, "\"status\":\"selected\"")));
    }

    private static bool IsSeries(string path) => Regex.IsMatch(path, @"^/studies/[0-9.]*/series/[0-9.]*$");

    private static void AssertNobodyIsNamed(params string[] texts) => Assert.All(texts, text => Assert.DoesNotContain(Patient, text, StringComparison.OrdinalIgnoreCase));

    private static string Text((int Code, string Output, string Error) result) => $"{result.Code} {result.Error}";

    private static void AssertDone((int Code, string Output, string Error) result) => Assert.True(result.Code == 0, result.Error);

    private FakePacs New(Func<string, string, int, Fault?>? fault = null)
    {
        var pacs = new FakePacs { FaultOf = fault ?? ((_, _, _) => null), Patient = Patient };
        Series("scan", Study);
        pacs.Add(folder.File("scan"));
        return pacs;
    }

    private (int ExitCode, string Output, string Error) Pacs(string url, params string[] options) => BuiltProgram.Run("InferenceCli", "credence-infer",
        ["pacs", url, "--model", folder.File("tiny.onnx"), "--output", folder.File("out"), "--samples", "2", "--no-page", .. options]);

    private void Series(string name, string study)
    {
        if (!Directory.Exists(folder.File(name)))
        {
            var random = new Random(1);
            var grid = new VolumeGeometry(new(12, 10, 8), Affine.Scaling(new(1, 1, 2)));
            DicomSeriesWriter.Write(folder.File(name), new(grid, [.. Enumerable.Range(0, (int)grid.Size.Count).Select(_ => (float)random.Next(0, 1000))]), new() { UidSeed = name, Patient = Patient, Description = "AX FLAIR" });
            DicomStudy.Move(folder.File(name), study);
        }
    }
}
