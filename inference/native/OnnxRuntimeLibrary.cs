using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace Credence.Native;

/// <summary>Finds ONNX Runtime beside this library. A NativeAOT library would look beside the host program, where there is none.</summary>
internal static unsafe partial class OnnxRuntimeLibrary
{
    private const string FileName = "libonnxruntime.so";

    private static readonly Lazy<bool> IsResolved = new(() =>
    {
        OrtEnv.DisableDllImportResolver = true; // its own looks beside the host program too, and an assembly has only one
        NativeLibrary.SetDllImportResolver(typeof(OrtEnv).Assembly, (name, _, _) =>
            name == "onnxruntime" && NativeLibrary.TryLoad(Path.Combine(Folder(), FileName), out var handle) ? handle : 0);
        return true;
    });

    /// <summary>Registers the resolver; later calls do nothing.</summary>
    public static void Resolve() => _ = IsResolved.Value;

    /// <summary>The folder of the file that this code was loaded from.</summary>
    private static string Folder()
    {
        delegate* unmanaged<void> here = &Here;
        return DlAddr((nint)here, out var info) != 0 && Marshal.PtrToStringUTF8(info.FileName) is { } file
            ? Path.GetDirectoryName(Path.GetFullPath(file))!
            : AppContext.BaseDirectory;
    }

    [UnmanagedCallersOnly]
    private static void Here()
    {
    }

    [LibraryImport("libc", EntryPoint = "dladdr")]
    private static partial int DlAddr(nint address, out DlInfo info);

    [StructLayout(LayoutKind.Sequential)]
    private struct DlInfo
    {
        public nint FileName;
        public nint FileBase;
        public nint SymbolName;
        public nint SymbolAddress;
    }
}
