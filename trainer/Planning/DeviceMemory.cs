using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Credence.Trainer.Planning;

/// <summary>The memory that a network is trained in.</summary>
/// <param name="Name">Whose it is.</param>
/// <param name="IsHost">Whether the cases and the program lie in it too.</param>
/// <param name="Bytes">Null when it cannot be found out.</param>
internal sealed record DeviceMemory(string Name, bool IsHost, long? Bytes)
{
    /// <summary>Asks the system: the limit of this process's container or machine, or what nvidia-smi says of a CUDA device.</summary>
    public static DeviceMemory Of(Device device) => device.type == DeviceType.CUDA
        ? new($"cuda:{Math.Max(0, device.index)}", IsHost: false, OfCuda(Math.Max(0, device.index)))
        : new("this machine", IsHost: true, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    private static long? OfCuda(int index)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("nvidia-smi", ["--query-gpu=memory.total", "--format=csv,noheader,nounits", $"--id={index}"]) { RedirectStandardOutput = true })!;
            var output = process.StandardOutput.ReadToEnd();
            return long.TryParse(output.Trim(), CultureInfo.InvariantCulture, out var mebibytes) ? mebibytes << 20 : null;
        }
        catch (Win32Exception)
        {
            return null; // no such program
        }
    }
}
