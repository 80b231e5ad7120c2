using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Credence.Inference;
using Credence.Inference.Lesions;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Native;

/// <summary>The functions of <c>credence.h</c>, which documents them.</summary>
internal static unsafe class Exports
{
    private const int AbiVersion = 2;

    private static readonly nint Version = Marshal.StringToCoTaskMemUTF8(typeof(LesionSegmenter).Assembly.GetName().Version!.ToString(3));

    [ThreadStatic]
    private static ErrorText? lastError; // freed after its thread

    [UnmanagedCallersOnly(EntryPoint = "crd_abi_version", CallConvs = [typeof(CallConvCdecl)])]
    private static int GetAbiVersion() => AbiVersion;

    [UnmanagedCallersOnly(EntryPoint = "crd_version", CallConvs = [typeof(CallConvCdecl)])]
    private static nint GetVersion() => Version;

    [UnmanagedCallersOnly(EntryPoint = "crd_last_error", CallConvs = [typeof(CallConvCdecl)])]
    private static nint LastError()
    {
        lastError ??= new("");
        return lastError.Pointer;
    }

    [UnmanagedCallersOnly(EntryPoint = "crd_model_load", CallConvs = [typeof(CallConvCdecl)])]
    private static Status Load(byte* path, int threads, nint* model) => Guard(() =>
    {
        Require(model != null, "model is null");
        *model = 0;
        Require(path != null, "path is null");
        Require(threads >= 0, $"threads is {threads}; give 0 or a number above");
        *model = Handles.Add(LesionSegmenter.Load(Marshal.PtrToStringUTF8((nint)path)!, threads));
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_model_load_trusted", CallConvs = [typeof(CallConvCdecl)])]
    private static Status LoadTrusted(byte* path, int threads, byte* keys, nint* model) => Guard(() =>
    {
        Require(model != null, "model is null");
        *model = 0;
        Require(path != null && keys != null, "path or keys is null");
        Require(threads >= 0, $"threads is {threads}; give 0 or a number above");
        var trust = TrustedKeys.Read([Marshal.PtrToStringUTF8((nint)keys)!]);
        *model = Handles.Add(LesionSegmenter.Load(Marshal.PtrToStringUTF8((nint)path)!, threads, trust: trust));
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_model_free", CallConvs = [typeof(CallConvCdecl)])]
    private static Status FreeModel(nint model) => Guard(() =>
    {
        if (model != 0)
        {
            Handles.Remove<LesionSegmenter>(model, "model").Dispose();
        }
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_model_shape", CallConvs = [typeof(CallConvCdecl)])]
    private static Status Shape(nint model, int* channels, int* classes) => Guard(() =>
    {
        Require(channels != null && classes != null, "channels or classes is null");
        var segmenter = Handles.Find<LesionSegmenter>(model, "model");
        *channels = segmenter.Channels.Count;
        *classes = segmenter.Classes.Count;
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_model_channel_name", CallConvs = [typeof(CallConvCdecl)])]
    private static Status ChannelName(nint model, int channel, byte* text, int capacity, int* count) => Guard(() =>
    {
        var channels = Handles.Find<LesionSegmenter>(model, "model").Channels;
        Require(channel >= 0 && channel < channels.Count, $"channel is {channel}; the model has {channels.Count}, counted from 0");
        FillText(channels[channel], text, capacity, count);
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_model_class_name", CallConvs = [typeof(CallConvCdecl)])]
    private static Status ClassName(nint model, int @class, int* label, byte* text, int capacity, int* count) => Guard(() =>
    {
        var classes = Handles.Find<LesionSegmenter>(model, "model").Classes;
        Require(@class >= 0 && @class < classes.Count, $"class is {@class}; the model has {classes.Count}, counted from 0");
        Require(label != null, "label is null");
        *label = classes[@class].Label;
        FillText(classes[@class].Name, text, capacity, count);
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_model_members", CallConvs = [typeof(CallConvCdecl)])]
    private static Status Members(nint model, int* members) => Guard(() =>
    {
        Require(members != null, "members is null");
        *members = Handles.Find<LesionSegmenter>(model, "model").Members;
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_model_warm_up", CallConvs = [typeof(CallConvCdecl)])]
    private static Status WarmUp(nint model) => Guard(() => Handles.Find<LesionSegmenter>(model, "model").WarmUp());

    [UnmanagedCallersOnly(EntryPoint = "crd_predict", CallConvs = [typeof(CallConvCdecl)])]
    private static Status Predict(nint model, float* voxels, ulong length, NativeGrid* grid, NativeOptions* options, nint* result) => Guard(() =>
    {
        Require(result != null, "result is null");
        *result = 0;
        Require(voxels != null && grid != null && options != null, "voxels, grid or options is null");
        Require(options->Samples >= 0, $"samples is {options->Samples}; give 0 or a number above");
        Require(!double.IsNaN(options->DeviationLimit), "deviation_limit is not a number");
        var segmenter = Handles.Find<LesionSegmenter>(model, "model");
        var geometry = Geometry(grid);
        var count = (int)geometry.Size.Count;
        Require(length == (ulong)segmenter.Channels.Count * (ulong)count, $"length is {length}; the grid is {geometry.Size}, and the model takes {segmenter.Channels.Count} of it");
        var scans = segmenter.Channels
            .Select((channel, c) => new Scan(channel, new Volume(geometry, new ReadOnlySpan<float>(voxels + (long)c * count, count).ToArray())))
            .ToList();

        var predict = new PredictOptions { Samples = options->Samples, Seed = options->Seed };
        predict = options->DeviationLimit == 0 ? predict : predict with { DeviationLimit = options->DeviationLimit < 0 ? null : options->DeviationLimit };
        using var cancellation = new CancellationTokenSource();
        var progress = options->Progress == null ? null : new CallerProgress(options, cancellation);
        *result = Handles.Add(segmenter.Predict(scans, predict, progress, cancellation.Token));
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_result_free", CallConvs = [typeof(CallConvCdecl)])]
    private static Status FreeResult(nint result) => Guard(() =>
    {
        if (result != 0)
        {
            Handles.Remove<Segmentation>(result, "result");
        }
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_result_segmentation", CallConvs = [typeof(CallConvCdecl)])]
    private static Status GetSegmentation(nint result, byte* labels, ulong length) =>
        Guard(() => Copy<byte>(Result(result).Segmentation.Labels, labels, length, "labels"));

    [UnmanagedCallersOnly(EntryPoint = "crd_result_lesion_numbers", CallConvs = [typeof(CallConvCdecl)])]
    private static Status LesionNumbers(nint result, int* numbers, ulong length) =>
        Guard(() => Copy<int>(Result(result).Lesions.Numbers, numbers, length, "numbers"));

    [UnmanagedCallersOnly(EntryPoint = "crd_result_map", CallConvs = [typeof(CallConvCdecl)])]
    private static Status GetMap(nint result, NativeMap map, int foreground, float* values, ulong length) => Guard(() =>
    {
        var prediction = Result(result);
        var volume = map switch
        {
            NativeMap.Probability => prediction.Probabilities[Foreground(foreground, prediction)],
            NativeMap.PredictiveEntropy => prediction.PredictiveEntropy,
            NativeMap.MutualInformation => prediction.MutualInformation,
            _ => throw new UsageException($"map is {(int)map}; give one of crd_map"),
        };
        Copy<float>(volume.Voxels, values, length, "values");
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_result_lesions", CallConvs = [typeof(CallConvCdecl)])]
    private static Status GetLesions(nint result, NativeLesion* lesions, int capacity, int* count) => Guard(() =>
        Fill<NativeLesion>([.. Result(result).Lesions.Lesions.Select(Native)], lesions, capacity, count));

    [UnmanagedCallersOnly(EntryPoint = "crd_result_sample_volumes", CallConvs = [typeof(CallConvCdecl)])]
    private static Status SampleVolumes(nint result, int foreground, double* volumes, int capacity, int* count) => Guard(() =>
    {
        var prediction = Result(result);
        Fill<double>([.. prediction.SampleVolumes[Foreground(foreground, prediction)]], volumes, capacity, count);
    });

    [UnmanagedCallersOnly(EntryPoint = "crd_result_warnings", CallConvs = [typeof(CallConvCdecl)])]
    private static Status Warnings(nint result, byte* text, int capacity, int* count) => Guard(() =>
        FillText(string.Join('\n', Handles.Find<Segmentation>(result, "result").Report.Warnings), text, capacity, count));

    private static void FillText(string value, byte* text, int capacity, int* count) => Fill<byte>([.. Encoding.UTF8.GetBytes(value), 0], text, capacity, count);

    private static Prediction Result(nint result) => Handles.Find<Segmentation>(result, "result").Prediction;

    private static int Foreground(int index, Prediction prediction)
    {
        Require(index >= 0 && index < prediction.Probabilities.Count, $"foreground is {index}; the model has {prediction.Probabilities.Count} foreground classes, counted from 0");
        return index;
    }

    /// <summary>A map has one size: another buffer is refused.</summary>
    private static void Copy<T>(ReadOnlySpan<T> map, T* target, ulong length, string name)
        where T : unmanaged
    {
        Require(target != null, $"{name} is null");
        Require(length == (ulong)map.Length, $"length is {length}; the grid has {map.Length} voxels");
        map.CopyTo(new Span<T>(target, map.Length));
    }

    /// <summary>The number of elements of a list is known only afterwards: a caller asks with capacity 0 first.</summary>
    private static void Fill<T>(ReadOnlySpan<T> list, T* target, int capacity, int* count)
        where T : unmanaged
    {
        Require(count != null, "count is null");
        *count = list.Length;
        if (target == null && capacity == 0)
        {
            return;
        }

        Require(target != null, "the buffer is null and its capacity is not 0");
        Require(capacity >= list.Length, $"capacity is {capacity}; there are {list.Length} elements");
        list.CopyTo(new Span<T>(target, list.Length));
    }

    private static NativeLesion Native(Lesion lesion)
    {
        var native = new NativeLesion
        {
            Number = lesion.Number,
            Label = lesion.Label,
            Voxels = lesion.Voxels,
            Volume = lesion.Volume,
            SampleMeanVolume = lesion.SampleMeanVolume,
            VolumeLow = lesion.SampleVolumeInterval?[0] ?? double.NaN,
            VolumeHigh = lesion.SampleVolumeInterval?[1] ?? double.NaN,
            ExistenceProbability = lesion.ExistenceProbability ?? double.NaN,
            StructuralUncertainty = lesion.StructuralUncertainty ?? double.NaN,
            MeanProbability = lesion.MeanProbability,
            PeakProbability = lesion.PeakProbability,
            MeanEntropy = lesion.MeanEntropy,
            MeanMutualInformation = lesion.MeanMutualInformation ?? double.NaN,
        };
        (native.Centroid[0], native.Centroid[1], native.Centroid[2]) = (lesion.Centroid.X, lesion.Centroid.Y, lesion.Centroid.Z);
        (native.Peak[0], native.Peak[1], native.Peak[2]) = (lesion.Peak.X, lesion.Peak.Y, lesion.Peak.Z);
        return native;
    }

    private static VolumeGeometry Geometry(NativeGrid* grid)
    {
        var size = new Size3(grid->Size[0], grid->Size[1], grid->Size[2]);
        Require(size is { Width: > 0, Height: > 0, Depth: > 0 } && (double)size.Width * size.Height * size.Depth <= Array.MaxLength,
            $"the grid is {size}; give at least one voxel along each axis, and no more than an array holds");
        Vector3D Column(int n) => new(grid->Affine[n], grid->Affine[n + 4], grid->Affine[n + 8]);
        return new(size, new Affine(Column(0), Column(1), Column(2), Column(3)));
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
        SetError(null);
        try
        {
            OnnxRuntimeLibrary.Resolve();
            action();
            return Status.Ok;
        }
        catch (Exception e)
        {
            SetError(e.Message);
            return e switch
            {
                UsageException or ObjectDisposedException => Status.Usage,
                ModelFileException => Status.BadModel,
                InputException => Status.BadInput,
                OperationCanceledException => Status.Cancelled,
                _ => Status.Unexpected,
            };
        }
    }

    private static void SetError(string? text)
    {
        lastError?.Dispose();
        lastError = text is null ? null : new(text);
    }

    /// <summary>The text of an error in native memory: a pointer that C was given must stay where it is. The collector frees that of a thread that has ended.</summary>
    private sealed class ErrorText(string text) : IDisposable
    {
        public nint Pointer { get; } = Marshal.StringToCoTaskMemUTF8(text);

        ~ErrorText() => Marshal.FreeCoTaskMem(Pointer);

        public void Dispose()
        {
            Marshal.FreeCoTaskMem(Pointer);
            GC.SuppressFinalize(this);
        }
    }

    /// <summary>Calls the caller, on its own thread, until it answers other than 0, which cancels.</summary>
    private sealed class CallerProgress(NativeOptions* options, CancellationTokenSource cancellation) : IProgress<double>
    {
        private readonly delegate* unmanaged[Cdecl]<double, void*, int> report = options->Progress;
        private readonly void* user = options->User;

        public void Report(double value)
        {
            if (!cancellation.IsCancellationRequested && report(value, user) != 0)
            {
                cancellation.Cancel();
            }
        }
    }
}
