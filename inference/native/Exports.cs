using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Native;

/// <summary>The functions of <c>credence.h</c>, which documents them.</summary>
internal static unsafe class Exports
{
    private const int AbiVersion = 1;

    // A pointer that C was given must stay where it is, so the text is native memory, and each thread has its own.
    [ThreadStatic]
    private static nint lastError;

    private enum Status
    {
        Ok = 0,
        Unexpected = 1,
        Usage = 2,
        BadInput = 3,
        BadModel = 4,
    }

    [UnmanagedCallersOnly(EntryPoint = "crd_abi_version", CallConvs = [typeof(CallConvCdecl)])]
    private static int GetAbiVersion() => AbiVersion;

    [UnmanagedCallersOnly(EntryPoint = "crd_last_error", CallConvs = [typeof(CallConvCdecl)])]
    private static nint LastError()
    {
        if (lastError == 0)
        {
            lastError = Marshal.StringToCoTaskMemUTF8("");
        }

        return lastError;
    }

    [UnmanagedCallersOnly(EntryPoint = "crd_model_load", CallConvs = [typeof(CallConvCdecl)])]
    private static Status Load(byte* path, int threads, nint* model) => Guard(() =>
    {
        Require(path != null, "path is null");
        Require(model != null, "model is null");
        Require(threads >= 0, $"threads is {threads}; give 0 or a number above");
        *model = 0;
        *model = GCHandle.ToIntPtr(GCHandle.Alloc(LesionSegmenter.Load(Marshal.PtrToStringUTF8((nint)path)!, threads)));
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_model_free", CallConvs = [typeof(CallConvCdecl)])]
    private static void Free(nint model)
    {
        if (model != 0)
        {
            var handle = GCHandle.FromIntPtr(model);
            (handle.Target as LesionSegmenter)?.Dispose();
            handle.Free();
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "crd_model_shape", CallConvs = [typeof(CallConvCdecl)])]
    private static Status Shape(nint model, int* channels, int* classes) => Guard(() =>
    {
        Require(channels != null && classes != null, "channels or classes is null");
        var segmenter = Model(model);
        *channels = segmenter.Channels.Count;
        *classes = segmenter.Classes.Count;
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_predict", CallConvs = [typeof(CallConvCdecl)])]
    private static Status Predict(nint model, float* voxels, NativeGrid* grid, NativeOptions* options, NativeMaps* maps) => Guard(() =>
    {
        Require(voxels != null && grid != null && options != null && maps != null, "voxels, grid, options or maps is null");
        Require(options->Samples >= 0, $"samples is {options->Samples}; give 0 or a number above");
        var segmenter = Model(model);
        var geometry = Geometry(grid);
        var count = (int)geometry.Size.Count;
        var channels = segmenter.Channels
            .Select((channel, c) => new Scan(channel, new Volume(geometry, new ReadOnlySpan<float>(voxels + (long)c * count, count).ToArray())))
            .ToList();

        var prediction = segmenter.Predict(channels, new() { Samples = options->Samples, Seed = options->Seed }).Prediction;
        Copy<byte>(prediction.Segmentation.Labels, maps->Segmentation);
        for (var c = 0; c < prediction.Probabilities.Count && maps->Probability != null; c++)
        {
            Copy<float>(prediction.Probabilities[c].Voxels, maps->Probability + (long)c * count);
        }

        Copy<float>(prediction.PredictiveEntropy.Voxels, maps->PredictiveEntropy);
        Copy<float>(prediction.MutualInformation.Voxels, maps->MutualInformation);
    });

    private static void Copy<T>(ReadOnlySpan<T> map, T* target)
        where T : unmanaged
    {
        if (target != null)
        {
            map.CopyTo(new Span<T>(target, map.Length));
        }
    }

    private static VolumeGeometry Geometry(NativeGrid* grid)
    {
        var size = new Size3(grid->Size[0], grid->Size[1], grid->Size[2]);
        Require(size is { Width: > 0, Height: > 0, Depth: > 0 } && size.Count <= Array.MaxLength, $"the grid is {size}; give at least one voxel along each axis, and no more than an array holds");
        Vector3D Column(int n) => new(grid->Affine[n], grid->Affine[n + 4], grid->Affine[n + 8]);
        var affine = new Affine(Column(0), Column(1), Column(2), Column(3));
        Require(double.IsFinite(affine.Determinant) && affine.Determinant != 0 && double.IsFinite(affine.Origin.Length),
            $"the affine has determinant {affine.Determinant}; give three axes that span space, in mm");
        return new(size, affine);
    }

    private static LesionSegmenter Model(nint model)
    {
        Require(model != 0, "model is null");
        return GCHandle.FromIntPtr(model).Target as LesionSegmenter ?? throw new UsageException("model is not one of crd_model_load");
    }

    private static void Require(bool isMet, string problem)
    {
        if (!isMet)
        {
            throw new UsageException(problem);
        }
    }

    /// <summary>Nothing may be thrown across the boundary: every failure becomes a status and a text.</summary>
    private static Status Guard(Action action)
    {
        Marshal.FreeCoTaskMem(lastError);
        lastError = 0;
        try
        {
            OnnxRuntimeLibrary.Resolve();
            action();
            return Status.Ok;
        }
        catch (Exception e)
        {
            lastError = Marshal.StringToCoTaskMemUTF8(e.Message);
            return e switch
            {
                UsageException => Status.Usage,
                ModelFileException => Status.BadModel,
                InputException => Status.BadInput,
                _ => Status.Unexpected,
            };
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct NativeGrid
    {
        public fixed int Size[3];
        public fixed double Affine[12];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct NativeOptions
    {
        public int Samples;
        public ulong Seed;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct NativeMaps
    {
        public byte* Segmentation;
        public float* Probability;
        public float* PredictiveEntropy;
        public float* MutualInformation;
    }

    private sealed class UsageException(string problem) : Exception($"{problem}. See credence.h.");
}
