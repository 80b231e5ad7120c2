namespace Credence.Models.Tests;

public sealed class HostMemoryTests
{
    /// <summary>Oracle: the kernel's count of the pages that it had to provide to this thread.</summary>
    [Fact]
    public void A_large_tensor_that_is_freed_and_asked_for_again_costs_the_kernel_nothing()
    {
        const int Bytes = 40 << 20; // above every threshold at which glibc would map a block of its own
        Assert.SkipUnless(OperatingSystem.IsLinux(), "the kernel counts page faults in /proc on Linux alone");
        static void Fill()
        {
            using var block = empty([Bytes], int8);
            block.bytes.Fill(1); // on this thread
        }

        Fill();
        var before = PageFaults();
        Fill();
        Fill();

        Assert.InRange(PageFaults() - before, 0, Bytes / Environment.SystemPageSize / 10);
    }

    private static long PageFaults()
    {
        var fields = File.ReadAllText("/proc/thread-self/stat").Split(')')[1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return long.Parse(fields[7], System.Globalization.CultureInfo.InvariantCulture); // minflt, see proc(5)
    }
}
