using System.Diagnostics;

namespace Credence.Models.Tests;

public sealed class TorchRuntimeTests
{
    [Fact]
    public void TorchSharp_computes_on_this_system()
    {
        TorchRuntime.Load();
        using var sum = (ones(2, 3) * 2).sum();

        Assert.Equal(12f, sum.item<float>());
    }

    [Fact]
    public void No_library_of_libtorch_is_copied_beside_a_program() =>
        Assert.Empty(Directory.EnumerateFiles(AppContext.BaseDirectory, "libtorch*", SearchOption.AllDirectories));

    [Fact]
    public void Only_the_named_version_is_weakened_and_the_package_is_left_alone()
    {
        var package = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "").Split(':')
            .Select(d => Path.Combine(d, "libLibTorchSharp.so")).First(File.Exists);
        var original = File.ReadAllBytes(package);
        var patched = (byte[])original.Clone();

        Assert.Equal(1, TorchRuntime.WeakenVersion(patched, "GLIBCXX_3.4.32"));

        var changed = Enumerable.Range(0, original.Length).Where(n => original[n] != patched[n]).ToList();
        Assert.Equal(2, patched[Assert.Single(changed)]);
        Assert.Equal(original, File.ReadAllBytes(package));
        Assert.Equal(0, TorchRuntime.WeakenVersion(patched, "GLIBCXX_9.9.99"));
    }

    /// <summary>Oracle: binutils, which prints the flags of each required version.</summary>
    [Fact]
    public void Readelf_sees_the_weak_flag()
    {
        if (!File.Exists("/usr/bin/readelf"))
        {
            Assert.Skip("readelf (Debian package binutils) is not installed");
        }

        var package = (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "").Split(':')
            .Select(d => Path.Combine(d, "libLibTorchSharp.so")).First(File.Exists);
        var patched = File.ReadAllBytes(package);
        TorchRuntime.WeakenVersion(patched, "GLIBCXX_3.4.32");
        var copy = Path.Combine(Directory.CreateTempSubdirectory("credence-").FullName, "weak.so");
        File.WriteAllBytes(copy, patched);

        using var readelf = Process.Start(new ProcessStartInfo("/usr/bin/readelf", ["--version-info", "--wide", copy]) { RedirectStandardOutput = true })!;
        var lines = readelf.StandardOutput.ReadToEnd().Split('\n').Where(l => l.Contains("Flags: WEAK", StringComparison.Ordinal)).ToList();
        Directory.Delete(Path.GetDirectoryName(copy)!, recursive: true);

        Assert.Contains("GLIBCXX_3.4.32", Assert.Single(lines), StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_library_is_reported_as_such()
    {
        Assert.Throws<BadImageFormatException>(() => TorchRuntime.WeakenVersion("not an ELF file"u8.ToArray(), "X"));

        var header = new byte[64];
        "\u007fELF\u0002\u0001"u8.CopyTo(header);
        header[40] = 0xff; // section table far outside
        header[60] = 1;
        Assert.Throws<BadImageFormatException>(() => TorchRuntime.WeakenVersion(header, "X"));
    }
}
