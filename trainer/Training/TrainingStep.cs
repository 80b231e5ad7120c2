using Credence.Models;
using Credence.Models.Losses;
using Credence.Trainer.Distributed;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>What one step is taken with.</summary>
/// <param name="LearningRate">Of the optimiser.</param>
/// <param name="DataFactor">Brings the mean per voxel into the unit of the data term.</param>
/// <param name="KlFactor">What the KL is multiplied by, temper and warm-up included.</param>
/// <param name="Progress">Share of the run that is over, for losses that warm up.</param>
/// <param name="Number">Of the step, from 0.</param>
internal readonly record struct StepFactors(double LearningRate, double DataFactor, double KlFactor, double Progress, long Number = 0);

/// <summary>One step of training: forward, both gradients, their sum over passes and processes, clipping, optimiser, shrinkage.</summary>
internal sealed class TrainingStep
{
    private readonly Network network;
    private readonly LossSum loss;
    private readonly Optimisation optimisation;
    private readonly TrainingOptions options;
    private readonly Device device;
    private readonly MinibatchLayout layout;
    private readonly IProcessGroup group;
    private readonly GradientSum gradients;
    private readonly L1Shrinkage shrinkage;
    private readonly MinibatchPart? part;
    private readonly ElasticAverage? elastic;

    /// <param name="network">The network, on the device.</param>
    /// <param name="loss">Mean per voxel.</param>
    /// <param name="optimisation">Of the network.</param>
    /// <param name="options">Of the run.</param>
    /// <param name="device">Where minibatches go.</param>
    /// <param name="layout">How a minibatch is dealt out.</param>
    /// <param name="group">The processes.</param>
    /// <param name="elastic">With it each process learns from its own examples, with weights of its own; null where they take one step together.</param>
    public TrainingStep(Network network, LossSum loss, Optimisation optimisation, TrainingOptions options, Device device, MinibatchLayout layout, IProcessGroup group, ElasticAverage? elastic = null)
    {
        (this.network, this.loss, this.optimisation, this.options, this.device, this.layout, this.elastic) = (network, loss, optimisation, options, device, layout, elastic);
        this.group = elastic is null ? group : SingleProcess.Instance;
        gradients = new GradientSum(network, this.group);
        shrinkage = new L1Shrinkage(network, options.L1);
        part = this.group.Size * layout.Passes == 1 ? null : new(elastic is null ? layout.Batch : layout.Own.Count, this.group.Size, layout.Passes == 1 ? Sum : null);
    }

    /// <summary>Share of the run that was over before the last step; a loss that warms up is measured with it.</summary>
    public double Progress { get; set; }

    /// <summary>Takes the step.</summary>
    /// <param name="passes">What this process has of the minibatch, in passes.</param>
    /// <param name="noise">One draw of weights.</param>
    /// <param name="factors">Learning rate and factors of both terms.</param>
    /// <returns>Of the whole minibatch.</returns>
    public ObjectiveValues Take(IReadOnlyList<IMinibatch> passes, StepNoise noise, StepFactors factors)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();

        optimisation.ZeroGradients();
        using var precision = PrecisionScope.Begin(network.Precision); // for both directions
        Progress = factors.Progress;
        LossTerms? sum = null;
        for (var pass = 0; pass < passes.Count; pass++)
        {
            var value = Backward(passes[pass], noise.Pass(layout.Of(pass).First), factors.DataFactor);
            sum = sum is null ? value : new(sum.Total + value.Total, sum.NegativeLogLikelihood + value.NegativeLogLikelihood);
        }

        var values = ObjectiveGradients.AddKl(network, gradients.AllReduce(sum!), factors.KlFactor, noise.Kl);
        TakeMeanPerVoxel(factors.DataFactor);
        nn.utils.clip_grad_norm_(network.parameters(), options.GradientClip);
        elastic?.Exchange(factors.Number);
        optimisation.Step(factors.LearningRate);
        shrinkage.Apply(factors.LearningRate);
        return values;
    }

    /// <summary>The loss of a minibatch under the posterior mean, mean per voxel; nothing is learnt from it.</summary>
    /// <param name="passes">What this process has of the minibatch, in passes.</param>
    /// <returns>Of the whole minibatch.</returns>
    public double Loss(IReadOnlyList<IMinibatch> passes)
    {
        using var pause = FinalizerPause.Begin();
        using var noGradient = no_grad();
        Span<double> sum = [passes.Sum(Value)];
        group.Sum(sum);
        return sum[0];

        double Value(IMinibatch patches)
        {
            using var scope = NewDisposeScope();
            var (images, targets) = ToTensors(patches);
            using var terms = loss.Compute(network.forward(images), targets, Progress, part);
            return terms.Total.to(float64).item<double>();
        }
    }

    /// <summary>Adds the gradients of a pass to those of the network.</summary>
    /// <returns>Values in the unit of the data term.</returns>
    private LossTerms Backward(IMinibatch patches, INoiseSource noise, double dataFactor)
    {
        using var scope = NewDisposeScope(); // a pass keeps nothing for the next one
        var (images, targets) = ToTensors(patches);
        var terms = DeepSupervision.Compute(network, images, targets, noise, (logits, target) => loss.Compute(logits, target, Progress, part));
        var data = dataFactor == 1 ? terms.Total : terms.Total * dataFactor;
        data.backward();
        return new(data.detach().MoveToOuterDisposeScope(), terms.NegativeLogLikelihood.MoveToOuterDisposeScope());
    }

    private (Tensor Images, Tensor Targets) ToTensors(IMinibatch patches)
    {
        var (images, targets) = patches.ToTensors(device);
        return (images.to(network.parameters().First().dtype), targets);
    }

    private Tensor Sum(Tensor tensor)
    {
        var sum = tensor.clone();
        group.Sum(sum);
        return sum;
    }

    /// <summary>Divides the gradients by the unit of the data term, which moves no minimum: a learning rate then means the same in every unit, for SGD too.</summary>
    private void TakeMeanPerVoxel(double dataFactor)
    {
        using var noGradient = no_grad();
        foreach (var gradient in network.parameters().Select(p => p.grad).Where(g => dataFactor != 1 && g is not null))
        {
            gradient!.div_(dataFactor);
        }
    }
}
