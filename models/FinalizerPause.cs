using System.Runtime.CompilerServices;

namespace Credence.Models;

/// <summary>Holds all finalizers back until it is disposed. Held around every stretch of code that calls libtorch with numbers.</summary>
/// <remarks>
/// TorchSharp 0.107.0 turns a number into a <see cref="Scalar"/> and hands its native pointer to libtorch without keeping the object alive. A garbage
/// collection that another thread starts during the call lets the finalizer free the number that libtorch is about to read: an exception about
/// <c>Scalar.h</c>, a crash, or a wrong number, once in hours of training. See docs/decisions/0003-finalizers-wait-for-libtorch.md.
/// </remarks>
public sealed class FinalizerPause : IDisposable
{
    private static readonly Lock Guard = new();
    private static int holders;
    private static ManualResetEventSlim? gate;

    private bool isHeld = true;

    private FinalizerPause()
    {
    }

    /// <summary>Returns when no finalizer runs any more. Pauses may overlap, on one thread or several.</summary>
    public static FinalizerPause Begin()
    {
        lock (Guard)
        {
            if (holders++ == 0)
            {
                gate = new();
                var isEntered = new ManualResetEventSlim(); // not disposed: the finalizer may still be inside Set
                Abandon(isEntered, gate);
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
    private static void Abandon(ManualResetEventSlim isEntered, ManualResetEventSlim gate) => _ = new Blocker(isEntered, gate);

    /// <summary>Its finalizer occupies the one thread that runs finalizers.</summary>
    private sealed class Blocker(ManualResetEventSlim isEntered, ManualResetEventSlim gate)
    {
        ~Blocker()
        {
            isEntered.Set();
            gate.Wait();
        }
    }
}
