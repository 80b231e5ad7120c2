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
    private const long Unlimited = 1L << 60; // version 1 writes a number near 2^63 where there is no limit

    /// <summary>Asks the system: the limit of this process's container or job, else the machine, or what nvidia-smi says of a CUDA device.</summary>
    public static DeviceMemory Of(Device device) => device.type == DeviceType.CUDA
        ? new($"cuda:{Math.Max(0, device.index)}", IsHost: false, OfCuda(SystemId(Math.Max(0, device.index), Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES"))))
        : new("this machine", IsHost: true, OfHost());

    /// <summary>What nvidia-smi calls a device of this process: it does not follow <c>CUDA_VISIBLE_DEVICES</c>, CUDA does.</summary>
    /// <param name="index">Of the device in this process, from 0.</param>
    /// <param name="visible">The variable: indices or identifiers joined by commas; null or empty where it is not set.</param>
    internal static string SystemId(int index, string? visible) =>
        string.IsNullOrWhiteSpace(visible) ? index.ToString(CultureInfo.InvariantCulture) : visible.Split(',', StringSplitOptions.TrimEntries).ElementAtOrDefault(index) ?? "";

    /// <summary>The smaller of the machine's memory and the limits of the control groups of this process. .NET's own figure is three quarters of such a limit.</summary>
    private static long OfHost()
    {
        if (!OperatingSystem.IsLinux())
        {
            return GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        }

        var kibibytes = File.ReadLines("/proc/meminfo").First(l => l.StartsWith("MemTotal:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
        return Math.Min(long.Parse(kibibytes, CultureInfo.InvariantCulture) << 10, ControlGroupLimit("/proc/self/cgroup", "/sys/fs/cgroup") ?? long.MaxValue);
    }

    /// <summary>The least memory limit on the way from a process's control group to the root; null where there is none.</summary>
    /// <param name="membership"><c>/proc/self/cgroup</c>.</param>
    /// <param name="root">Where control groups are mounted.</param>
    /// <remarks>Source: cgroups(7); version 2 has <c>memory.max</c>, version 1 <c>memory/…/memory.limit_in_bytes</c>.</remarks>
    internal static long? ControlGroupLimit(string membership, string root)
    {
        if (!File.Exists(membership))
        {
            return null;
        }

        var limits = new List<long>();
        foreach (var fields in File.ReadLines(membership).Select(l => l.Split(':', 3)).Where(f => f.Length == 3 && (f[1].Length == 0 || f[1].Split(',').Contains("memory"))))
        {
            var (top, file) = fields[1].Length == 0 ? (root, "memory.max") : (Path.Combine(root, "memory"), "memory.limit_in_bytes");
            for (var group = fields[2].Trim('/'); ; group = Path.GetDirectoryName(group) ?? "")
            {
                var limit = Path.Combine(top, group, file);
                if (File.Exists(limit) && long.TryParse(File.ReadAllText(limit), CultureInfo.InvariantCulture, out var bytes) && bytes < Unlimited)
                {
                    limits.Add(bytes);
                }

                if (group.Length == 0)
                {
                    break;
                }
            }
        }

        return limits.Count > 0 ? limits.Min() : null;
    }

    private static long? OfCuda(string id)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("nvidia-smi", ["--query-gpu=memory.total", "--format=csv,noheader,nounits", $"--id={id}"]) { RedirectStandardOutput = true })!;
            var output = process.StandardOutput.ReadToEnd();
            return long.TryParse(output.Trim(), CultureInfo.InvariantCulture, out var mebibytes) ? mebibytes << 20 : null;
        }
        catch (Win32Exception)
        {
            return null; // no such program
        }
    }
}
