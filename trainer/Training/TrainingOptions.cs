using Credence.Models;
using Credence.Models.Losses;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>Optimisers.</summary>
public enum OptimiserKind
{
    /// <summary>Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101).</summary>
    AdamW,

    /// <summary>Stochastic gradient descent with Nesterov momentum 0.99.</summary>
    Sgd,
}

/// <summary>What makes one epoch better than another.</summary>
internal enum SelectionCriterion
{
    /// <summary>Mean foreground Dice.</summary>
    Dice,

    /// <summary>Cross entropy per voxel: lower is better.</summary>
    NegativeLogLikelihood,
}

/// <summary>Everything that determines a training run, apart from the data and the plan. Kept in the run folder as <c>options.json</c>.</summary>
internal sealed record TrainingOptions
{
    /// <summary>Folder with the data set.</summary>
    public required string Data { get; init; }

    /// <summary>Folder of the run; created when missing.</summary>
    public required string Run { get; init; }

    /// <summary>What the weights are.</summary>
    public Posterior Posterior { get; init; } = Posterior.Plain;

    /// <summary>What shapes the network beside the plan, which decides channels, classes, width, strides and kernels, and beside the properties here that bear the same name.</summary>
    public NetworkOptions Network { get; init; } = new() { InputChannels = 1, Classes = 2 };

    /// <summary>Run folder or checkpoint whose weights the run starts from; null for fresh weights.</summary>
    public string? StartFrom { get; init; }

    /// <summary>Start from a plain network: σ / |w| of the weights that become Gaussian; see <see cref="Credence.Models.Checkpoints.NetworkStart"/>.</summary>
    public double MopedDelta { get; init; } = 0.1;

    /// <summary>Number of epochs; null when <see cref="Minutes"/> says when to stop.</summary>
    public int? Epochs { get; init; }

    /// <summary>Wall-clock minutes of training, validation included; the learning-rate schedule follows the clock. Null when <see cref="Epochs"/> is given.</summary>
    public double? Minutes { get; init; }

    /// <summary>Steps an epoch. With patches an epoch is a number of steps, not one pass over the voxels.</summary>
    public int StepsPerEpoch { get; init; } = 100;

    /// <summary>Patches a step, over all processes; null takes the plan's.</summary>
    public int? BatchSize { get; init; }

    /// <summary>Forward and backward passes of a step in each process; their gradients are added, so that a batch needs less memory.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>Whether processes draw the same Gaussian weights.</summary>
    public WeightNoise WeightNoise { get; init; }

    /// <summary>Channels at full resolution; null takes the plan's.</summary>
    public int? Width { get; init; }

    /// <summary>Optimiser.</summary>
    public OptimiserKind Optimiser { get; init; } = OptimiserKind.AdamW;

    /// <summary>Learning rate at the top of the schedule, of the objective per voxel whatever <see cref="DataTerm"/> is; null takes 5e-3 for AdamW and 1e-2 for SGD.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Weight decay of convolution weights that are points. Norms, biases and Gaussian weights are not decayed: the KL is their prior.</summary>
    public double WeightDecay { get; init; } = 1e-3;

    /// <summary>λ of the L1 penalty on convolution weights that are points; 0 for none.</summary>
    public double L1 { get; init; }

    /// <summary>Decay of the moving average of the weights, in (0, 1); validation and the best checkpoint use the average. Null for none.</summary>
    public double? AverageDecay { get; init; }

    /// <summary>Patches a step that <see cref="LearningRate"/> is meant for: it is multiplied by those of this run over them. Null for those of this run.</summary>
    public int? ReferenceBatchSize { get; init; }

    /// <summary>Share of the run in which the learning rate rises linearly; null for the usual one (<see cref="LearningRateSchedule.For"/>).</summary>
    public double? WarmUp { get; init; }

    /// <summary>Steps between two exchanges of elastic averaging; null where the processes add their gradients up in every step.</summary>
    public int? ElasticPeriod { get; init; }

    /// <summary>β of elastic averaging: how far the centre moves to the mean of the weights at an exchange, in (0, 1].</summary>
    public double ElasticStrength { get; init; } = 0.9;

    /// <summary>Gradients of the objective per voxel that are longer than this are shortened to it.</summary>
    public double GradientClip { get; init; } = 12;

    /// <summary>Data term of the objective; a text in the file (docs/reference/losses.md).</summary>
    public LossSum Loss { get; init; } = LossSum.Parse("dice + cross-entropy");

    /// <summary>Unit of the data term.</summary>
    public DataTerm DataTerm { get; init; } = DataTerm.MeanPerVoxel;

    /// <summary>Scaling of the KL; null takes the one that belongs to <see cref="DataTerm"/>.</summary>
    public KlScaling? KlScaling { get; init; }

    /// <summary>λ, the temper factor of the KL: 1 is Bayes.</summary>
    public double Temper { get; init; } = 1;

    /// <summary>How the weight of the KL rises during the run.</summary>
    public KlWarmUp KlWarmUp { get; init; } = new();

    /// <summary>Standard deviation of the Gaussian or Laplace prior, or of the wide component of the scale mixture.</summary>
    public double PriorSigma { get; init; } = 1;

    /// <summary>Channel dropout: probability that a channel is dropped.</summary>
    public double DropProbability { get; init; } = 0.1;

    /// <summary>Probability that a training patch is placed at a foreground voxel.</summary>
    public double ForegroundProbability { get; init; } = 0.5;

    /// <summary>Variation of the patches.</summary>
    public AugmentationOptions Augmentation { get; init; } = new();

    /// <summary>Seed of initialisation, sampling, augmentation, weight noise and folds.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Seed of the folds; null takes <see cref="Seed"/>. Runs that are to share their folds share it.</summary>
    public ulong? SplitSeed { get; init; }

    /// <summary>The record of a locked test set, none of whose scans may train; null takes <c>test-lock.json</c> beside the data set.</summary>
    public string? TestLock { get; init; }

    /// <summary>Number of folds that the cases are split into.</summary>
    public int Folds { get; init; } = 5;

    /// <summary>The fold that is kept for validation, from 0.</summary>
    public int Fold { get; init; }

    /// <summary>What makes an epoch the best one, whose weights are kept.</summary>
    public SelectionCriterion Select { get; init; } = SelectionCriterion.Dice;

    /// <summary>Epochs without a better one, counted from the first that ends with the full weight of the KL, after which the run stops early; null trains to the end.</summary>
    public int? Patience { get; init; }

    /// <summary>Minibatches at each end of an epoch on which the recency of the loss is measured; 0 for none.</summary>
    public int RecencyMinibatches { get; init; } = 2;

    /// <summary><c>cpu</c>, <c>cuda:0</c>, or <c>auto</c> (the first CUDA device if there is one).</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Minibatches that are prepared at the same time. Changes the speed alone: a minibatch depends on its step and the seed.</summary>
    public int SamplingWorkers { get; init; } = 1;

    /// <summary>Number format of convolutions.</summary>
    public ComputePrecision Precision { get; init; } = ComputePrecision.Float32;

    /// <summary>Threads of libtorch; 0 takes one a core.</summary>
    public int Threads { get; init; }
}
