using Credence.Models.Checkpoints;

namespace Credence.Models.Tests.Golden;

/// <summary>Tensors of PyTorch 1.13, made by make_layers.py beside this file.</summary>
internal sealed class LayerGolden : IDisposable
{
    private readonly Dictionary<string, Tensor> tensors =
        SafetensorsFile.Read(RepositoryRoot.File("tests/Models.Tests/Golden/layers.safetensors")).Tensors;

    public Tensor this[string name] => tensors[name];

    /// <summary>Gives a network the weights that the file holds under a prefix, every one of them.</summary>
    public void Fill(Network network, string prefix)
    {
        using var noGradient = no_grad();
        foreach (var (name, parameter) in network.named_parameters())
        {
            parameter.copy_(tensors[$"{prefix}/{name}"]);
        }
    }

    public void Dispose()
    {
        foreach (var tensor in tensors.Values)
        {
            tensor.Dispose();
        }
    }
}
