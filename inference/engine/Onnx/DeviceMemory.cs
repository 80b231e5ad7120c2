using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace Credence.Inference.Onnx;

/// <summary>Memory of the device that a network runs on. What several runs read is brought there once: ONNX Runtime copies whatever lies elsewhere in every run.</summary>
internal sealed class DeviceMemory : IDisposable
{
    private const string From = "from";
    private const string To = "to";

    private readonly OrtMemoryInfo place;
    private readonly InferenceSession copy; // ONNX Runtime has no call that copies a tensor for every provider, but each of them has Identity

    /// <summary>Opens the memory of a device.</summary>
    /// <param name="place">Where it is.</param>
    /// <param name="open">Loads a graph on the device.</param>
    public DeviceMemory(OrtMemoryInfo place, Func<byte[], InferenceSession> open) => (this.place, copy) = (place, open(CopyGraph()));

    /// <summary>The memory of a device; null where it computes in that of the host.</summary>
    /// <param name="device">The device.</param>
    /// <param name="open">Loads a graph on it.</param>
    public static DeviceMemory? Of(InferenceDevice device, Func<byte[], InferenceSession> open)
    {
        var name = device.Provider switch
        {
            ExecutionProvider.Cuda or ExecutionProvider.TensorRt => "Cuda",
            ExecutionProvider.DirectMl => "DML",
            _ => null,
        };
        return name is null ? null : new(new(name, OrtAllocatorType.DeviceAllocator, device.Index, OrtMemType.Default), open);
    }

    /// <summary>Runs a network whose outputs stay on the device.</summary>
    /// <param name="session">The network.</param>
    /// <param name="run">Ends it.</param>
    /// <param name="image">Its one input, anywhere.</param>
    /// <param name="outputs">Names.</param>
    /// <returns>In the order of the names; the caller disposes each.</returns>
    public IReadOnlyCollection<OrtValue> Run(InferenceSession session, RunOptions run, OrtValue image, IEnumerable<string> outputs)
    {
        using var binding = session.CreateIoBinding();
        binding.BindInput(session.InputNames[0], image);
        foreach (var name in outputs)
        {
            binding.BindOutputToDevice(name, place);
        }

        session.RunWithBinding(run, binding);
        binding.SynchronizeBoundOutputs();
        return binding.GetOutputValues();
    }

    /// <summary>Copies a tensor of float32 to the device.</summary>
    /// <returns>The caller disposes it.</returns>
    public OrtValue Bring(OrtValue value)
    {
        using var run = new RunOptions();
        return Run(copy, run, value, [To]).First();
    }

    /// <summary>Copies a tensor of float32 to the host.</summary>
    /// <returns>The caller disposes it.</returns>
    public OrtValue Fetch(OrtValue value)
    {
        using var run = new RunOptions();
        return copy.Run(run, [From], [value], [To])[0];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        copy.Dispose();
        place.Dispose();
    }

    private static byte[] CopyGraph() => new ModelProto
    {
        IrVersion = 8,
        OpsetImport = { new OperatorSetIdProto { Version = 17 } },
        Graph = new()
        {
            Name = "copy",
            Node = { new NodeProto { OpType = "Identity", Input = { From }, Output = { To } } },
            Input = { GraphCut.Floats(From) },
            Output = { GraphCut.Floats(To) },
        },
    }.ToByteArray();
}
