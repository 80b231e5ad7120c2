using Credence.Models.Architecture;
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
    /// <param name="auxiliary">Further outputs, which only training uses: each reads one of <paramref name="nodes"/>. None by default.</param>
    /// <exception cref="ArgumentException">A node reads one that does not come before it.</exception>
    public Network(NetworkOptions options, IReadOnlyList<NetworkNode> nodes, IReadOnlyList<NetworkNode>? auxiliary = null)
        : base(nameof(Network))
    {
        Options = options;
        Nodes = nodes;
        Auxiliary = auxiliary ?? [];
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
        }

        foreach (var node in nodes.Concat(Auxiliary))
        {
            if (node.Layer is Module module)
            {
                register_module(node.Name, module);
            }
        }

        NoiseInputs = [.. nodes.Select(n => (n.Layer as IStochasticLayer)?.Noise).OfType<NoiseDescription>()];
    }

    /// <summary>What the network was built from.</summary>
    public NetworkOptions Options { get; }

    /// <summary>The layers, in the order of computation.</summary>
    public IReadOnlyList<NetworkNode> Nodes { get; }

    /// <summary>Outputs of deep supervision, highest resolution first; not part of the exported network.</summary>
    public IReadOnlyList<NetworkNode> Auxiliary { get; }

    /// <summary>Number format in which convolutions compute; not part of a checkpoint.</summary>
    /// <remarks>Who asks for gradients holds a <see cref="PrecisionScope"/> from the forward pass to the end of the backward pass.</remarks>
    public ComputePrecision Precision
    {
        get;
        set
        {
            field = value;
            foreach (var layer in Nodes.Concat(Auxiliary).Select(n => n.Layer).OfType<IMixedPrecision>())
            {
                layer.Precision = value;
            }
        }
    }

    /// <summary>Every source of randomness, in the order of computation.</summary>
    public IReadOnlyList<NoiseDescription> NoiseInputs { get; }

    /// <summary>The weights, one a layer that has one, in the order of computation. Taken from the layers: TorchSharp's <c>modules()</c> lists some modules twice.</summary>
    public IEnumerable<IWeight> Weights => Nodes.Concat(Auxiliary).Select(n => n.Layer).OfType<IWeightedLayer>().Select(l => l.Weight);

    /// <summary>The weights that are distributions.</summary>
    public IEnumerable<GaussianWeight> GaussianWeights => Weights.OfType<GaussianWeight>();

    /// <summary>
    /// The last node before all noise whose output is the only thing that later nodes read, so that everything up to it is computed once
    /// for all samples; null when there is none or no noise.
    /// </summary>
    public NetworkNode? Cut => CutBefore(Nodes.ToList().FindIndex(n => n.Layer is IStochasticLayer { Noise: not null }));

    /// <summary>The last node before another whose output is the only thing that later nodes read; null when there is none.</summary>
    /// <param name="first">Position of the first node that differs between samples.</param>
    public NetworkNode? CutBefore(int first)
    {
        for (var cut = first - 1; cut >= 0; cut--)
        {
            if (Nodes.Skip(cut + 1).All(n => n.Inputs.All(input => input >= cut)))
            {
                return Nodes[cut];
            }
        }

        return null;
    }

    /// <summary>Builds a network of the kind that the options name, with fresh weights.</summary>
    /// <param name="options">Shape and kind.</param>
    /// <param name="generator">Source of the initial weights (on the CPU); same seed, same network.</param>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    public static Network Build(NetworkOptions options, Generator generator) =>
        options.Kind == NetworkKind.Classifier ? Classifier.Build(options, generator) : UNet.Build(options, generator);

    /// <summary>Runs the posterior-mean network.</summary>
    /// <param name="input">(N, C, D, H, W).</param>
    /// <returns>Logits, (N, K, D, H, W); of a classifier (N, K).</returns>
    public override Tensor forward(Tensor input) => Run(input, meanNoise);

    /// <summary>Runs the network with one draw of its noise.</summary>
    /// <param name="input">(N, C, D, H, W); D, H, W multiples of the total stride.</param>
    /// <param name="noise">Source of randomness.</param>
    /// <returns>Logits, (N, K, D, H, W); of a classifier (N, K).</returns>
    public Tensor Run(Tensor input, INoiseSource noise) => Compute(input, noise, [])[0];

    /// <summary>As <see cref="Run"/>, with the outputs of deep supervision.</summary>
    /// <param name="input">(N, C, D, H, W); D, H, W multiples of the total stride.</param>
    /// <param name="noise">Source of randomness.</param>
    /// <returns>The logits, then those of each node of <see cref="Auxiliary"/> at its own resolution.</returns>
    public IReadOnlyList<Tensor> RunWithAuxiliary(Tensor input, INoiseSource noise) => Compute(input, noise, Auxiliary);

    /// <summary>KL divergence of all Gaussian weights from their priors, summed.</summary>
    /// <param name="noise">Used by priors whose divergence is estimated by sampling.</param>
    /// <returns>Scalar, nats; 0 for a network without Gaussian weights.</returns>
    public Tensor KlDivergence(INoiseSource noise)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        var total = zeros(1).to(parameters().First().device)[0];
        foreach (var layer in LayerKlDivergences(noise))
        {
            total = total + layer.Kl;
        }

        return total.MoveToOuterDisposeScope();
    }

    /// <summary>KL divergence of each layer whose weight is a distribution.</summary>
    /// <param name="noise">Used by priors whose divergence is estimated by sampling.</param>
    /// <returns>In the order of computation; empty for a network without Gaussian weights. The caller disposes them.</returns>
    public IReadOnlyList<LayerKl> LayerKlDivergences(INoiseSource noise)
    {
        using var pause = FinalizerPause.Begin();
        return
        [
            .. Nodes.Select(n => (n.Name, Weight: (n.Layer as IWeightedLayer)?.Weight as GaussianWeight)).Where(l => l.Weight is not null)
                .Select(l => new LayerKl(l.Name, l.Weight!, l.Weight!.KlDivergence(noise))),
        ];
    }

    private Tensor[] Compute(Tensor input, INoiseSource noise, IReadOnlyList<NetworkNode> auxiliary)
    {
        using var pause = FinalizerPause.Begin();
        using var precision = PrecisionScope.Begin(Precision);
        using var scope = NewDisposeScope();
        var outputs = new Tensor[Nodes.Count];
        var results = new Tensor[1 + auxiliary.Count];
        for (var index = 0; index < Nodes.Count; index++)
        {
            var node = Nodes[index];
            outputs[index] = node.Layer.Forward([.. node.Inputs.Select(i => i == Image ? input : outputs[i])], noise);
            for (var n = 0; n < auxiliary.Count; n++)
            {
                if (auxiliary[n].Inputs[0] == index)
                {
                    results[n + 1] = auxiliary[n].Layer.Forward([outputs[index]], noise).MoveToOuterDisposeScope();
                }
            }

            // A handle that nothing reads any more is released now; autograd keeps what the backward pass needs.
            foreach (var read in node.Inputs.Where(i => i != Image && lastUse[i] == index).Distinct())
            {
                outputs[read].Dispose();
            }
        }

        results[0] = outputs[^1].MoveToOuterDisposeScope();
        return results;
    }
}
