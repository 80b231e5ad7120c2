using Credence.Models.Layers;

namespace Credence.Models;

/// <summary>One layer of a network and the nodes it reads.</summary>
/// <param name="Name">Unique; also the name of its tensors in a checkpoint and in the ONNX file.</param>
/// <param name="Layer">The operation.</param>
/// <param name="Inputs">Positions of earlier nodes; <see cref="Network.Image"/> is the input of the network.</param>
public sealed record NetworkNode(string Name, ILayer Layer, IReadOnlyList<int> Inputs);

/// <summary>A network as a list of layers in the order of computation. The trainer runs the list; the exporter writes the same list as ONNX.</summary>
public sealed class Network : Module<Tensor, Tensor>
{
    /// <summary>The position that stands for the input of the network.</summary>
    public const int Image = -1;

    private readonly MeanNoise meanNoise = new();
    private readonly int[] lastUse; // for each node, the last node that reads it

    /// <summary>Creates the network.</summary>
    /// <param name="options">What it was built from.</param>
    /// <param name="nodes">In the order of computation; the last one gives the logits.</param>
    /// <exception cref="ArgumentException">A node reads one that does not come before it.</exception>
    public Network(NetworkOptions options, IReadOnlyList<NetworkNode> nodes)
        : base(nameof(Network))
    {
        Options = options;
        Nodes = nodes;
        lastUse = new int[nodes.Count];
        for (var index = 0; index < nodes.Count; index++)
        {
            foreach (var input in nodes[index].Inputs)
            {
                if (input < Image || input >= index)
                {
                    throw new ArgumentException($"Node {index} ({nodes[index].Name}) reads node {input}, which does not come before it.", nameof(nodes));
                }

                if (input != Image)
                {
                    lastUse[input] = index;
                }
            }

            if (nodes[index].Layer is Module module)
            {
                register_module(nodes[index].Name, module);
            }
        }

        NoiseInputs = [.. nodes.Select(n => (n.Layer as IStochasticLayer)?.Noise).OfType<NoiseDescription>()];
    }

    /// <summary>What the network was built from.</summary>
    public NetworkOptions Options { get; }

    /// <summary>The layers, in the order of computation.</summary>
    public IReadOnlyList<NetworkNode> Nodes { get; }

    /// <summary>Number format in which convolutions compute; not part of a checkpoint.</summary>
    public ComputePrecision Precision
    {
        get;
        set
        {
            field = value;
            foreach (var layer in Nodes.Select(n => n.Layer).OfType<IMixedPrecision>())
            {
                layer.Precision = value;
            }
        }
    }

    /// <summary>Every source of randomness, in the order of computation.</summary>
    public IReadOnlyList<NoiseDescription> NoiseInputs { get; }

    /// <summary>The kernels, one a convolution, in the order of computation. Taken from the layers: TorchSharp's <c>modules()</c> lists some modules twice.</summary>
    public IEnumerable<IWeight> Weights => Nodes.Select(n => n.Layer).OfType<IWeightedLayer>().Select(l => l.Weight);

    /// <summary>The kernels that are distributions.</summary>
    public IEnumerable<GaussianWeight> GaussianWeights => Weights.OfType<GaussianWeight>();

    /// <summary>
    /// The last node before all noise whose output is the only thing that later nodes read, so that everything up to it is computed once
    /// for all samples; null when there is none or no noise.
    /// </summary>
    public NetworkNode? Cut
    {
        get
        {
            var firstNoise = Nodes.ToList().FindIndex(n => n.Layer is IStochasticLayer { Noise: not null });
            for (var cut = firstNoise - 1; cut >= 0; cut--)
            {
                if (Nodes.Skip(cut + 1).All(n => n.Inputs.All(input => input >= cut)))
                {
                    return Nodes[cut];
                }
            }

            return null;
        }
    }

    /// <summary>Runs the posterior-mean network.</summary>
    /// <param name="input">(N, C, D, H, W).</param>
    /// <returns>Logits, (N, K, D, H, W).</returns>
    public override Tensor forward(Tensor input) => Run(input, meanNoise);

    /// <summary>Runs the network with one draw of its noise.</summary>
    /// <param name="input">(N, C, D, H, W); D, H, W multiples of the total stride.</param>
    /// <param name="noise">Source of randomness.</param>
    /// <returns>Logits, (N, K, D, H, W).</returns>
    public Tensor Run(Tensor input, INoiseSource noise)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        var outputs = new Tensor[Nodes.Count];
        for (var index = 0; index < Nodes.Count; index++)
        {
            var node = Nodes[index];
            outputs[index] = node.Layer.Forward([.. node.Inputs.Select(i => i == Image ? input : outputs[i])], noise);

            // A handle that nothing reads any more is released now; autograd keeps what the backward pass needs.
            foreach (var read in node.Inputs.Where(i => i != Image && lastUse[i] == index).Distinct())
            {
                outputs[read].Dispose();
            }
        }

        return outputs[^1].MoveToOuterDisposeScope();
    }

    /// <summary>KL divergence of all Gaussian weights from their priors, summed.</summary>
    /// <returns>Scalar, nats; 0 for a network without Gaussian weights.</returns>
    public Tensor KlDivergence()
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        var total = zeros(1).to(parameters().First().device)[0];
        foreach (var weight in GaussianWeights)
        {
            total = total + weight.KlDivergence();
        }

        return total.MoveToOuterDisposeScope();
    }
}
