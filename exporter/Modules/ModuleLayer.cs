using Credence.Models;
using Credence.Models.Layers;

namespace Credence.Exporter.Modules;

/// <summary>A module of TorchSharp as a layer of a network. The module belongs to who made it.</summary>
internal sealed class ModuleLayer(torch.nn.Module<torch.Tensor, torch.Tensor> module) : ILayer
{
    public torch.nn.Module<torch.Tensor, torch.Tensor> Module => module;

    public torch.Tensor Forward(IReadOnlyList<torch.Tensor> inputs, INoiseSource noise)
    {
        var output = module.call(inputs[0].clone()); // a module in place changes what it is given
        return output;
    }
}
