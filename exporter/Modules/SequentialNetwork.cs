using System.Runtime.InteropServices;
using Credence.Inference.Model;
using Credence.Models;
using Credence.Models.Layers;
using TorchSharp.Modules;

namespace Credence.Exporter.Modules;

/// <summary>Takes a <see cref="Sequential"/> apart into the layers of a <see cref="Network"/>, which the exporter writes and proves like one of ours.</summary>
internal static class SequentialNetwork
{
    /// <summary>What comes before the place of a module in the name of its node.</summary>
    public const string Prefix = "module/";

    private const string Remedy = "Put another module there, or say how it is written with ModuleRegistry.Add: docs/how-to/export-your-own-network.md.";

    /// <summary>Builds the network; the modules stay those of <paramref name="sequential"/>, which owns them.</summary>
    /// <param name="sequential">In evaluation mode, on the CPU.</param>
    /// <param name="options">What it is.</param>
    /// <exception cref="ModelFileException">A module cannot be in a model file, or the output is not one of logits; the message names it and its place.</exception>
    public static Network Build(Sequential sequential, SequentialOptions options)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var (stride, nodes) = (options.Stride, new List<NetworkNode>());
        long[] space = [2 * stride.Depth, 2 * stride.Height, 2 * stride.Width];
        var x = torch.rand([1, options.Channels.Count, .. space]); // the values do not matter, but norms refuse constants of one voxel
        Take(sequential, "");
        if (!x.shape.AsSpan().SequenceEqual([1, options.Classes.Count, .. space]))
        {
            throw new ModelFileException(options.Output, $"logits of shape ({string.Join(", ", x.shape)}) for an image of (1, {options.Channels.Count}, {string.Join(", ", space)})",
                $"(1, {options.Classes.Count}, {string.Join(", ", space)}): one number a class and voxel", "Give a segmentation network with these classes, and its stride.");
        }

        var posterior = nodes.Any(n => n.Layer is ChannelDropout) ? Posterior.ChannelDropout : Posterior.Plain;
        return new(new() { InputChannels = options.Channels.Count, Classes = options.Classes.Count, Posterior = posterior }, nodes);

        void Take(Sequential modules, string place)
        {
            foreach (var (name, module) in modules.named_children())
            {
                Add(module, place + name);
            }
        }

        void Add(torch.nn.Module module, string place)
        {
            switch (module)
            {
                case Sequential inner when inner.GetType() == typeof(Sequential):
                    Take(inner, $"{place}.");
                    break;
                case Dropout3d { p: > 0 and < 1 } dropout when options.SamplesDropout:
                    AddNode(place, new ChannelDropout($"mask/{place}", x.shape[1], dropout.p));
                    break;
                case Dropout when options.SamplesDropout:
                    throw new ModelFileException(options.Output, $"module \"{place}\", a Dropout of single voxels, in a network whose dropout is to be sampled", "Dropout3d, whose mask of whole channels is an input of the file",
                        "Train with Dropout3d, or export without sampled dropout.");
                case Identity or Dropout3d or Dropout:
                    break; // does nothing in evaluation mode
                case torch.nn.Module<torch.Tensor, torch.Tensor> layer when options.Modules.CanWrite(layer):
                    x = Run(layer, place);
                    AddNode(place, new ModuleLayer(layer));
                    break;
                default:
                    throw new ModelFileException(options.Output, $"module \"{place}\", a {module.GetType().Name}, which has no ONNX form in this exporter", $"one of {string.Join(", ", options.Modules.Types)}", Remedy);
            }
        }

        void AddNode(string place, ILayer layer) => nodes.Add(new(Prefix + place, layer, [nodes.Count - 1])); // -1 is the image

        torch.Tensor Run(torch.nn.Module<torch.Tensor, torch.Tensor> layer, string place)
        {
            try
            {
                return layer.call(x.clone());
            }
            catch (Exception e) when (e is ExternalException or ArgumentException or InvalidOperationException)
            {
                throw new ModelFileException(options.Output, $"module \"{place}\", a {layer.GetType().Name}, that refuses an input of shape ({string.Join(", ", x.shape)}): {e.Message.Split('\n')[0]}",
                    "modules that fit together and take (N, C, D, H, W)", "Check channels and stride of the network.", e);
            }
        }
    }
}
