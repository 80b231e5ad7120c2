using System.Diagnostics;

namespace Credence.Tests;

/// <summary>A disk in memory that is easily full, mounted for one test. Tests that need one skip by name where mounting is not allowed.</summary>
internal sealed class SmallDisk : IDisposable
{
    private const int NoSpace = 28;

    private readonly TemporaryFolder folder = new();

    /// <summary>Mounts it.</summary>
    /// <param name="kibibytes">Its size.</param>
    public SmallDisk(int kibibytes)
    {
        if (Run("mount", "-t", "tmpfs", "-o", $"size={kibibytes}k", "credence-test", folder.Path) != 0)
        {
            folder.Dispose();
            Assert.Skip("a file system cannot be mounted here (needs root)");
        }
    }

    private string Filling => File(".filling");

    public string File(string name) => folder.File(name);

    /// <summary>Takes all room but some.</summary>
    /// <param name="bytesLeft">Room that is left.</param>
    public void Fill(long bytesLeft)
    {
        using var file = new FileStream(Filling, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var page = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(page);
            }
        }
        catch (IOException e) when (e.HResult == NoSpace)
        {
            file.SetLength(Math.Max(0, file.Length / page.Length * page.Length - bytesLeft));
        }
    }

    /// <summary>Gives the room back.</summary>
    public void Free() => System.IO.File.Delete(Filling);

    /// <summary>Whether it may be written; root may write whatever the permissions say, but not to such a disk.</summary>
    public void SetReadOnly(bool isReadOnly) => Assert.Equal(0, Run("mount", "-o", isReadOnly ? "remount,ro" : "remount,rw", folder.Path));

    public void Dispose()
    {
        Run("umount", "-l", folder.Path);
        folder.Dispose();
    }

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
