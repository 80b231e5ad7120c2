using System.Collections.Concurrent;

namespace Credence.Native;

/// <summary>What C holds handles of. A handle is a number that is never given twice, not an address: one that was freed, or made up, is not found.</summary>
internal static class Handles
{
    private static readonly ConcurrentDictionary<nint, object> Table = new();
    private static long last;

    /// <summary>Adds an object.</summary>
    public static nint Add(object target)
    {
        var handle = (nint)Interlocked.Increment(ref last);
        Table[handle] = target;
        return handle;
    }

    /// <summary>Finds an object.</summary>
    /// <param name="handle">Of C.</param>
    /// <param name="name">What the header calls the argument.</param>
    /// <exception cref="UsageException">There is none of this kind.</exception>
    public static T Find<T>(nint handle, string name)
        where T : class =>
        handle == 0 ? throw new UsageException($"{name} is null")
        : Table.TryGetValue(handle, out var target) && target is T found ? found
        : throw new UsageException($"{name} is no handle of this kind, or was freed");

    /// <summary>Removes an object; of several threads that free a handle one succeeds.</summary>
    /// <param name="handle">Of C.</param>
    /// <param name="name">What the header calls the argument.</param>
    /// <exception cref="UsageException">There is none of this kind.</exception>
    public static T Remove<T>(nint handle, string name)
        where T : class
    {
        var found = Find<T>(handle, name);
        return Table.TryRemove(handle, out _) ? found : throw new UsageException($"{name} was freed");
    }
}
