using CsCheck;
using Credence.InferenceCli.Pacs;
using Credence.MedicalIO;
using Credence.MedicalIO.Dicom;

namespace Credence.InferenceCli.Tests.Pacs;

/// <summary>What a server sends as a series is not trusted.</summary>
public sealed class MultipartTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Damage anywhere in the body gives our exception, or as many files as were asked for; never another exception, never a wait without end.</summary>
    [Fact]
    public void A_damaged_answer_gives_our_exception_or_files()
    {
        DicomSeriesWriter.Write(folder.File("scan"), new(new(new(3, 2, 3), Affine.Scaling(new(1, 1, 2))), new float[18]), new() { UidSeed = "1", Patient = "1", Description = "FLAIR" });
        var (at, value, length) = (0, (byte)0, 0);
        using var pacs = new FakePacs { Damage = bytes => { bytes[at % bytes.Length] = value; return bytes[..(bytes.Length - length)]; } };
        pacs.Add(folder.File("scan"));
        var id = DicomInstance.Read(Directory.GetFiles(folder.File("scan"))[0])!;
        using var client = new DicomWebClient(new() { Url = new(pacs.Url + "/"), Timeout = TimeSpan.FromSeconds(5), Retries = 0 }, TimeProvider.System);

        var (whole, refused) = (0, 0);
        Gen.Select(Gen.Int[0, 5000], Gen.OneOf(Gen.Byte, Gen.Const((byte)45), Gen.Const((byte)13), Gen.Const((byte)10), Gen.Const((byte)58)), Gen.Frequency((2, Gen.Const(0)), (1, Gen.Int[0, 3000]))).Sample((a, v, l) =>
        {
            (at, value, length) = (a, v, l);
            var target = folder.File("got");
            try
            {
                client.FetchAsync(client.SeriesUrl(id.StudyUid!, id.SeriesUid!), target, 3, default).GetAwaiter().GetResult();
                Assert.True(Directory.GetFiles(target).Length >= 3);
                whole++;
            }
            catch (PacsException e)
            {
                Assert.StartsWith(pacs.Url, e.Message, StringComparison.Ordinal);
                refused++;
            }
        }, iter: 500, threads: 1, seed: "0000KOIPe036");
        Assert.True(whole > 50 && refused > 50, $"{whole} whole, {refused} refused");
    }
}
