using System.Globalization;

namespace Credence.Tests;

/// <summary>
/// Sets the time of day of a process while it runs, as an administrator or a time server would: faketime stands between the process and the C library. Its time since
/// the start (CLOCK_MONOTONIC) goes on as it does. Tests that need one skip by name where it is not installed.
/// </summary>
internal sealed class MovedClock : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly string library;

    /// <summary>A clock that is right, until it is moved.</summary>
    public MovedClock()
    {
        var found = Directory.GetDirectories("/usr/lib", "*-linux-gnu").Select(d => Path.Combine(d, "faketime/libfaketimeMT.so.1")).FirstOrDefault(File.Exists);
        if (found is null)
        {
            folder.Dispose();
            Assert.Skip("libfaketimeMT.so.1 is not installed (Debian package faketime)");
        }

        library = found;
        Move(0);
    }

    /// <summary>For the process whose clock it is: variables as <see cref="BuiltProgram.StartIn"/> takes them.</summary>
    public string Environment => $"LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={folder.File("offset")} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1";

    /// <summary>Sets the clock; processes see it at their next look.</summary>
    /// <param name="hours">How far it goes before the true time; below 0 behind it.</param>
    public void Move(int hours)
    {
        File.WriteAllText(folder.File("new"), hours.ToString("+0;-0;+0", CultureInfo.InvariantCulture) + "h");
        File.Move(folder.File("new"), folder.File("offset"), overwrite: true);
    }

    public void Dispose() => folder.Dispose();
}
