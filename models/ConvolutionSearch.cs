using System.Runtime.InteropServices;

namespace Credence.Models;

/// <summary>Whether cuDNN times its algorithms for each new shape of a convolution on a CUDA device, and keeps the fastest: what PyTorch calls <c>torch.backends.cudnn.benchmark</c>.</summary>
/// <remarks>
/// It pays where the same shapes come again and again, as in training, and may take other sums in other runs. One switch of the whole process. TorchSharp 0.107.0
/// has no call for it, so libtorch's own is looked up by its exported name; on a system where that name differs nothing is switched.
/// </remarks>
public static unsafe class ConvolutionSearch
{
    private const string Context = "_ZN2at13globalContextEv"; // at::Context& at::globalContext()
    private const string Setter = "_ZN2at7Context17setBenchmarkCuDNNEb"; // void at::Context::setBenchmarkCuDNN(bool)
    private const string Getter = "_ZNK2at7Context14benchmarkCuDNNEv"; // bool at::Context::benchmarkCuDNN() const

    /// <summary>Whether cuDNN searches.</summary>
    public static bool IsOn => Find(Getter) is var (context, get) && ((delegate* unmanaged<nint, byte>)get)(context) != 0;

    /// <summary>Switches the search on or off.</summary>
    /// <returns>Whether this libtorch has such a switch.</returns>
    public static bool Switch(bool on)
    {
        if (Find(Setter) is not var (context, set))
        {
            return false;
        }

        ((delegate* unmanaged<nint, byte, void>)set)(context, on ? (byte)1 : (byte)0);
        return true;
    }

    private static (nint Context, nint Function)? Find(string name)
    {
        TorchRuntime.Load();
        return TorchRuntime.CpuLibrary is var library && library != 0
            && NativeLibrary.TryGetExport(library, Context, out var context) && NativeLibrary.TryGetExport(library, name, out var function)
            ? (((delegate* unmanaged<nint>)context)(), function)
            : null;
    }
}
