using System.Diagnostics;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Tests;

public sealed class DeviceMemoryTests
{
    [Theory]
    [InlineData(0, null, "0")]
    [InlineData(3, "", "3")]
    [InlineData(0, "2, 5", "2")]
    [InlineData(1, "2,GPU-8f6d", "GPU-8f6d")]
    [InlineData(2, "2,5", "")]
    public void A_device_is_asked_for_by_the_name_that_the_system_gives_it(int index, string? visible, string expected) =>
        Assert.Equal(expected, DeviceMemory.SystemId(index, visible));

    [Theory]
    [InlineData("0::/jobs/job_7/step", 3L << 30)]
    [InlineData("0::/jobs", 8L << 30)]
    [InlineData("0::/", null)]
    [InlineData("4:cpu,memory:/old\n0::/", 2L << 30)]
    [InlineData("4:memory:/old/unlimited\n0::/jobs", 2L << 30)]
    public void The_least_limit_from_the_group_of_a_process_to_the_root_counts(string membership, long? expected)
    {
        using var folder = new TemporaryFolder();
        foreach (var (group, limit) in new[]
        {
            ("jobs/memory.max", $"{8L << 30}"), ("jobs/job_7/memory.max", $"{3L << 30}"), ("jobs/job_7/step/memory.max", "max"),
            ("memory/old/memory.limit_in_bytes", $"{2L << 30}"), ("memory/old/unlimited/memory.limit_in_bytes", "9223372036854771712"),
        })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder.File(group))!);
            File.WriteAllText(folder.File(group), limit + "\n");
        }

        File.WriteAllText(folder.File("membership"), membership + "\n");

        Assert.Equal(expected, DeviceMemory.ControlGroupLimit(folder.File("membership"), folder.Path));
        Assert.Null(DeviceMemory.ControlGroupLimit(folder.File("nothing"), folder.Path));
    }

    /// <summary>Oracle: the least of what `free` and the limit of the shell say.</summary>
    [Fact]
    public void The_host_has_no_more_memory_than_free_says()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/free"), "needs free(1)");
        using var process = Process.Start(new ProcessStartInfo("free", ["--bytes"]) { RedirectStandardOutput = true })!;
        var total = long.Parse(process.StandardOutput.ReadToEnd().Split('\n')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], System.Globalization.CultureInfo.InvariantCulture);

        var bytes = DeviceMemory.Of(TorchSharp.torch.CPU).Bytes!.Value;

        Assert.InRange(bytes, 1L << 28, total);
        Assert.Equal(DeviceMemory.ControlGroupLimit("/proc/self/cgroup", "/sys/fs/cgroup") is { } limit ? Math.Min(limit, total) : total, bytes);
    }
}
