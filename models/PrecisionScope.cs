namespace Credence.Models;

/// <summary>While it is held, convolutions of float32 on a CUDA device may round to TF32.</summary>
/// <remarks>
/// libtorch has one switch for the whole process, and reads it whenever a convolution runs, forward or backward. A pass that ends before its gradients are
/// asked for would thus run backward in whatever format comes next: hold a scope from the forward pass to the end of the backward pass. The switch is off
/// where nobody holds one. A network that computes in float32 meanwhile, on another thread, shares the switch. bfloat16 needs no scope: its gradients take the way back of its casts.
/// </remarks>
public sealed class PrecisionScope : IDisposable
{
    private static readonly Lock Guard = new();
    private static int holders; // of scopes that ask for TF32

    private bool isHeld;

    private PrecisionScope(bool isHeld) => this.isHeld = isHeld;

    /// <summary>Begins a scope; scopes may overlap, on one thread or several.</summary>
    /// <param name="precision">Only <see cref="ComputePrecision.Tf32"/> switches anything.</param>
    public static PrecisionScope Begin(ComputePrecision precision)
    {
        var isHeld = precision == ComputePrecision.Tf32;
        lock (Guard)
        {
            if (isHeld && holders++ == 0)
            {
                backends.cudnn.allow_tf32 = true;
            }
        }

        return new(isHeld);
    }

    /// <summary>Ends the scope; the last one switches back.</summary>
    public void Dispose()
    {
        lock (Guard)
        {
            if (isHeld && --holders == 0)
            {
                backends.cudnn.allow_tf32 = false;
            }

            isHeld = false;
        }
    }
}
