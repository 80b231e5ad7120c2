using System.Runtime.InteropServices;

namespace Credence.Models;

/// <summary>Keeps the memory that libtorch frees, so that the next step does not fetch it from the kernel page by page again.</summary>
/// <remarks>
/// glibc maps every large block anew and gives it back when it is freed. A training step frees and asks for the same hundreds of megabytes each time, and
/// the kernel clears every page again: a third of the time of a step. See docs/decisions/0017-freed-memory-is-kept.md.
/// </remarks>
internal static class HostMemory
{
    // Parameters of mallopt, glibc's malloc.h.
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MaximumMappings = -4;
    private const int MaximumArenas = -8;

    /// <summary>Changes the allocator of this process; does nothing where it is not glibc's.</summary>
    public static void KeepFreed()
    {
        try
        {
            _ = SetOption(MaximumArenas, 1); // for threads that come later: or each would keep an arena of its own
            _ = SetOption(MaximumMappings, 0);
            _ = SetOption(TrimThreshold, int.MaxValue);
            _ = SetOption(TopPad, 128 << 20); // above the 64 MiB of a thread's heap, which is then never given back
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no such options.
        }
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int SetOption(int parameter, int value);
}
