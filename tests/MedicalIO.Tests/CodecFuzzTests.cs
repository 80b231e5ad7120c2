using CsCheck;
using Credence.MedicalIO.Dicom;
using Credence.MedicalIO.Dicom.Codecs;

namespace Credence.MedicalIO.Tests;

/// <summary>Damaged pixel streams end in our exceptions or in pixels, never in a crash or a hang. Inputs are real files, and one of them encoded by dcmtk.</summary>
public sealed class CodecFuzzTests
{
    [Theory]
    [InlineData("MR_small_RLE.dcm")]
    [InlineData("MR_small_jpeg_ls_lossless.dcm")]
    [InlineData("MR_small_jp2klossless.dcm")]
    [InlineData("SC_rgb_small_odd_jpeg.dcm")]
    [InlineData("MR_small.dcm", "dcmconv", "+td")] // deflated
    [InlineData("MR_small.dcm", "dcmcjpeg", "+ee")] // extended, 12 bits
    [InlineData("MR_small.dcm", "dcmcjpeg", "+el", "+sv", "6")] // lossless
    [InlineData("SC_rgb_small_odd.dcm", "dcmcjpeg", "+eb", "+n1")] // halved in width and height
    public void Damage_is_a_MedicalImageException(string name, params string[] encoding)
    {
        using var folder = new TemporaryFolder();
        var path = Path.Combine(Shared.Folder("data/dicom/pydicom_testfiles"), "test_files", name);
        if (encoding.Length > 0)
        {
            Shared.Run("dcmtk", encoding[0], [.. encoding[1..], path, folder.File("encoded.dcm")]);
            path = folder.File("encoded.dcm");
        }

        var whole = File.ReadAllBytes(path);
        var sound = DicomImage.Read(path);
        var stored = new int[sound.Format.Count];
        try
        {
            sound.CopyStored(0, stored);
        }
        catch (UnsupportedImageException e) when (e.Message.Contains("apt-get install", StringComparison.Ordinal))
        {
            Assert.Skip(e.Message);
        }

        Gen.Select(Gen.Int[132, whole.Length - 1].Array[1, 4], Gen.Byte, Gen.Int[132, whole.Length], Gen.Bool).Sample((at, value, length, isCut) =>
        {
            var bytes = (byte[])whole.Clone();
            foreach (var position in at)
            {
                bytes[position] = value;
            }

            try
            {
                var image = DicomImage.From(DicomFile.Parse(path, isCut ? bytes.AsMemory(0, length) : bytes, isHeaderOnly: false));
                image.CopyStored(0, image.Format.Count == stored.Length ? stored : new int[image.Format.Count]);
            }
            catch (MedicalImageException e)
            {
                Assert.StartsWith(path, e.Message, StringComparison.Ordinal);
            }
        }, iter: 20_000, seed: "0N0XIzNsQ0O2", threads: 1);
    }

    [Fact]
    public void A_missing_library_gives_the_package_to_install()
    {
        var e = Assert.Throws<UnsupportedImageException>(() => NativeLibraryCall.Run("a.dcm", "JPEG-LS", "libcharls2", () => throw new DllNotFoundException()));
        Assert.Equal("a.dcm: JPEG-LS pixels, whose decoder is not installed; expected the library of the Debian package libcharls2. "
            + "Install it with `apt-get install libcharls2`, or decompress the file with `gdcmconv --raw`.", e.Message);
    }

    /// <summary>The smallest file that claims the largest image: refused before memory is given out.</summary>
    [Fact]
    public void A_lying_size_costs_no_memory()
    {
        using var folder = new TemporaryFolder();
        DicomSeriesWriter.Write(folder.Path, new(new(new(4, 4, 1), Affine.Identity), new float[16]), new() { UidSeed = "1", Patient = "1", Description = "FLAIR" });
        var path = folder.File("0001.dcm");
        var bytes = File.ReadAllBytes(path);
        foreach (var element in new byte[][] { [0x28, 0, 0x10, 0, (byte)'U', (byte)'S', 2, 0], [0x28, 0, 0x11, 0, (byte)'U', (byte)'S', 2, 0] })
        {
            var at = bytes.AsSpan().IndexOf(element) + element.Length;
            (bytes[at], bytes[at + 1]) = (0x00, 0x40); // 16384
        }

        File.WriteAllBytes(path, bytes);
        var before = GC.GetTotalAllocatedBytes();
        var e = Assert.Throws<InvalidImageFileException>(() => DicomImage.Read(path).CopyStored(0, []));
        Assert.Contains("bytes of pixels", e.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 4_000_000);
    }
}
