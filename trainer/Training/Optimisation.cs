using Credence.Models;
using Credence.Models.Layers;
using OptimizerHelper = TorchSharp.Modules.OptimizerHelper;
using AdamW = TorchSharp.Modules.AdamW;
using SGD = TorchSharp.Modules.SGD;

namespace Credence.Trainer.Training;

/// <summary>An optimiser over a network, its learning rate, and its state as bytes.</summary>
internal sealed class Optimisation : IDisposable
{
    private const double NesterovMomentum = 0.99;

    private readonly OptimizerHelper optimiser;

    public Optimisation(Network network, TrainingOptions options)
    {
        // Only convolution weights that are points are decayed: norms and biases set scales, and Gaussian weights have a prior of their own.
        var decayed = network.Weights.OfType<PointWeight>().SelectMany(w => w.parameters()).ToList();
        var handles = decayed.Select(p => p.Handle).ToHashSet();
        var others = network.parameters().Where(p => !handles.Contains(p.Handle)).ToList();
        TopLearningRate = options.LearningRate ?? (options.Optimiser == OptimiserKind.AdamW ? 5e-3 : 1e-2);
        optimiser = options.Optimiser switch
        {
            OptimiserKind.AdamW => torch.optim.AdamW(
                new[] { (decayed, options.WeightDecay), (others, 0) }.Where(g => g.Item1.Count > 0)
                    .Select(g => new AdamW.ParamGroup(g.Item1, new AdamW.Options { weight_decay = g.Item2, LearningRate = TopLearningRate, beta1 = 0.9, beta2 = 0.999, eps = 1e-8 })),
                lr: TopLearningRate),
            _ => torch.optim.SGD(
                new[] { (decayed, options.WeightDecay), (others, 0) }.Where(g => g.Item1.Count > 0)
                    .Select(g => new SGD.ParamGroup(g.Item1, new SGD.Options { weight_decay = g.Item2, LearningRate = TopLearningRate, momentum = NesterovMomentum, nesterov = true })),
                TopLearningRate, momentum: NesterovMomentum, nesterov: true),
        };
    }

    public double TopLearningRate { get; }

    /// <summary>Numbers that an optimiser keeps for each parameter: both moments, or the momentum.</summary>
    public static int StatesOf(OptimiserKind kind) => kind == OptimiserKind.AdamW ? 2 : 1;

    public void ZeroGradients() => optimiser.zero_grad();

    public void Step(double learningRate)
    {
        foreach (var group in optimiser.ParamGroups)
        {
            group.LearningRate = learningRate;
        }

        optimiser.step();
    }

    public Tensor SaveState()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        optimiser.save_state_dict(writer);
        writer.Flush();
        return tensor(stream.ToArray(), ScalarType.Byte);
    }

    public void LoadState(Tensor state)
    {
        using var stream = new MemoryStream(state.data<byte>().ToArray());
        using var reader = new BinaryReader(stream);
        optimiser.load_state_dict(reader);
    }

    public void Dispose() => optimiser.Dispose();
}
