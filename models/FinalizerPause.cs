using System.Runtime.CompilerServices;

namespace Credence.Models;

/// <summary>Holds all finalizers back until it is disposed. Held around every stretch of code that calls libtorch with numbers.</summary>
/// <remarks>
/// TorchSharp 0.107.0 turns a number into a <see cref="Scalar"/> and hands its native pointer to libtorch without keeping the object alive. A garbage
/// collection that another thread starts during the call lets the finalizer free the number that libtorch is about to read: an exception about
/// <c>Scalar.h</c>, a crash, or a wrong number, once in hours of training. See docs/decisions/0003-finalizers-wait-for-libtorch.md.
/// <para>
/// A TorchSharp call that makes a tensor and fails waits for all finalizers, tries again, and only then throws. So a pause lets them run after
/// <see cref="Longest"/>: the program then ends with the error (no memory, say) instead of standing still.
/// </para>
/// </remarks>
public sealed class FinalizerPause : IDisposable
{
    /// <summary>The time after which finalizers run all the same; many times what a training step takes.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    private static readonly Lock Guard = new();
    private static int holders;
    private static ManualResetEventSlim? gate;

    private bool isHeld = true;

    private FinalizerPause()
    {
    }

    /// <summary>Returns when no finalizer runs any more. Pauses may overlap, on one thread or several.</summary>
    public static FinalizerPause Begin() => Begin(Longest);

    /// <param name="longest">Counts for the first of pauses that overlap.</param>
    internal static FinalizerPause Begin(TimeSpan longest)
    {
        lock (Guard)
        {
            if (holders++ == 0)
            {
                gate = new();
                var isEntered = new ManualResetEventSlim(); // not disposed: the finalizer may still be inside Set
                Abandon(isEntered, gate, longest);
                // The object just abandoned is young, so a small collection finds it; should it have aged meanwhile, a full one does.
                for (var generation = 0; ; generation = GC.MaxGeneration)
                {
                    GC.Collect(generation, GCCollectionMode.Forced, blocking: true);
                    if (isEntered.Wait(TimeSpan.FromSeconds(1)))
                    {
                        break;
                    }
                }
            }
        }

        return new();
    }

    /// <summary>Lets finalizers run again, once nobody else holds them back.</summary>
    public void Dispose()
    {
        lock (Guard)
        {
            if (isHeld && --holders == 0)
            {
                gate!.Set();
            }

            isHeld = false;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)] // or the reference would live on in the caller's frame
    private static void Abandon(ManualResetEventSlim isEntered, ManualResetEventSlim gate, TimeSpan longest) => _ = new Blocker(isEntered, gate, longest);

    /// <summary>Its finalizer occupies the one thread that runs finalizers.</summary>
    private sealed class Blocker(ManualResetEventSlim isEntered, ManualResetEventSlim gate, TimeSpan longest)
    {
        ~Blocker()
        {
            isEntered.Set();
            gate.Wait(longest);
        }
    }
}
