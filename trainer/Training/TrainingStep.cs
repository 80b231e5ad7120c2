using Credence.Models;
using Credence.Models.Losses;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>What one step is taken with.</summary>
/// <param name="LearningRate">Of the optimiser.</param>
/// <param name="DataFactor">Brings the mean per voxel into the unit of the data term.</param>
/// <param name="KlFactor">What the KL is multiplied by, temper and warm-up included.</param>
/// <param name="Progress">Share of the run that is over, for losses that warm up.</param>
internal readonly record struct StepFactors(double LearningRate, double DataFactor, double KlFactor, double Progress);

/// <summary>One step of training: forward, both gradients, clipping, optimiser, shrinkage.</summary>
internal sealed class TrainingStep(Network network, LossSum loss, Optimisation optimisation, TrainingOptions options, Device device)
{
    private readonly L1Shrinkage shrinkage = new(network, options.L1);
    private double progress; // of the last step

    /// <summary>Takes the step.</summary>
    /// <param name="patches">The minibatch.</param>
    /// <param name="noise">One draw of weights.</param>
    /// <param name="factors">Learning rate and factors of both terms.</param>
    public ObjectiveValues Take(IMinibatch patches, INoiseSource noise, StepFactors factors)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        var (images, targets) = patches.ToTensors(device);

        optimisation.ZeroGradients();
        using var precision = PrecisionScope.Begin(network.Precision); // for both directions
        progress = factors.Progress;
        using var terms = DeepSupervision.Compute(network, images, targets, noise, (logits, target) => loss.Compute(logits, target, progress));
        var values = ObjectiveGradients.Backward(network, terms, factors.DataFactor, factors.KlFactor, noise);
        TakeMeanPerVoxel(factors.DataFactor);
        nn.utils.clip_grad_norm_(network.parameters(), options.GradientClip);
        optimisation.Step(factors.LearningRate);
        shrinkage.Apply(factors.LearningRate);
        return values;
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

    /// <summary>The loss of a minibatch under the posterior mean, mean per voxel; nothing is learnt from it.</summary>
    public double Loss(IMinibatch patches)
    {
        using var pause = FinalizerPause.Begin();
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var (images, targets) = patches.ToTensors(device);
        using var terms = loss.Compute(network.forward(images), targets, progress);
        return terms.Total.item<float>();
    }
}
