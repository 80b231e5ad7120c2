using System.Text.Json.Serialization;
using Credence.Models.Architecture;
using Credence.Models.Priors;

namespace Credence.Models;

/// <summary>Everything that determines a network, apart from its weights. Stored in every checkpoint; a value that an older checkpoint lacks takes its default.</summary>
public sealed record NetworkOptions
{
    private const int TinyBatch = 2;

    /// <summary>Number of input channels C.</summary>
    public required int InputChannels { get; init; }

    /// <summary>Number of classes K, background included.</summary>
    public required int Classes { get; init; }

    /// <summary>One class a voxel or one a volume.</summary>
    public NetworkKind Kind { get; init; } = NetworkKind.UNet;

    /// <summary>Channels at full resolution; doubled at every level.</summary>
    public int Width { get; init; } = 16;

    /// <summary>Upper bound of the channels at any level.</summary>
    public int MaximumWidth { get; init; } = 320;

    /// <summary>Stride (D, H, W) from each level to the next; its length is the number of levels minus 1.</summary>
    public IReadOnlyList<IReadOnlyList<long>> Strides { get; init; } = [[2, 2, 2], [2, 2, 2]];

    /// <summary>Kernel edge (D, H, W) at each level; odd. Empty means 3 x 3 x 3 everywhere.</summary>
    public IReadOnlyList<IReadOnlyList<long>> Kernels { get; init; } = [];

    /// <summary>What the stages of the encoder consist of.</summary>
    public EncoderKind Encoder { get; init; } = EncoderKind.Plain;

    /// <summary>Residual encoder: blocks at each level. Empty means 1, 3, 4 and then 6, as in nnU-Net's presets.</summary>
    public IReadOnlyList<int> ResidualBlocks { get; init; } = [];

    /// <summary>Residual encoder: how the shortcuts change resolution.</summary>
    public ShortcutKind Shortcut { get; init; } = ShortcutKind.AveragePooling;

    /// <summary>Whether outputs at lower levels of the decoder are trained too; see <see cref="Network.RunWithAuxiliary"/>.</summary>
    public bool HasDeepSupervision { get; init; }

    /// <summary>How activations are normalised.</summary>
    public NormKind Norm { get; init; } = NormKind.Instance;

    /// <summary>Group norm: number of groups; where it does not divide the channels, their greatest common divisor.</summary>
    public int NormGroups { get; init; } = 8;

    /// <summary>What the weights are.</summary>
    public Posterior Posterior { get; init; } = Posterior.Plain;

    /// <summary>Channel dropout: probability that a channel is dropped, in (0, 1).</summary>
    public double DropProbability { get; init; } = 0.1;

    /// <summary>Channel dropout: behind which stages.</summary>
    public DropoutPlacement DropoutPlacement { get; init; } = DropoutPlacement.AllStages;

    /// <summary>Mean-field: which layers are distributions.</summary>
    public BayesianStages BayesianStages { get; init; } = BayesianStages.All;

    /// <summary>Mean-field: how a training pass draws weights.</summary>
    public WeightEstimator Estimator { get; init; } = WeightEstimator.Reparameterisation;

    /// <summary>Mean-field: family of the prior.</summary>
    public PriorKind Prior { get; init; } = PriorKind.Gaussian;

    /// <summary>Mean-field: standard deviation (not variance) of the Gaussian or Laplace prior; of the wide component of a scale mixture.</summary>
    public double PriorSigma { get; init; } = 1;

    /// <summary>Fan-in Gaussian: standard deviation as a share of sqrt(2 / fan-in).</summary>
    public double PriorSigmaRatio { get; init; } = 1;

    /// <summary>Scale mixture: standard deviation of the narrow component, exp(-6) by default (Blundell et al. 2015, section 5.1).</summary>
    public double NarrowSigma { get; init; } = 0.0025;

    /// <summary>Scale mixture: share of the wide component, in (0, 1).</summary>
    public double WideShare { get; init; } = 0.5;

    /// <summary>Mean-field: where the prior is centred.</summary>
    public PriorMean PriorMean { get; init; } = PriorMean.Zero;

    /// <summary>Mean-field: standard deviation of the posterior at the start, as a share of the He standard deviation sqrt(2 / fan-in) of the layer.</summary>
    public double InitialSigmaRatio { get; init; } = 0.1;

    /// <summary>Mean-field: least standard deviation of the posterior at the start.</summary>
    public double SigmaFloor { get; init; } = 1e-4;

    /// <summary>Slope of the leaky ReLU for negative values.</summary>
    public double NegativeSlope { get; init; } = 0.01;

    /// <summary>Number of levels.</summary>
    [JsonIgnore]
    public int Levels => Strides.Count + 1;

    /// <summary>Outputs of deep supervision: one at every level of the decoder but the first and the lowest, whose weight would be 0, as in nnU-Net.</summary>
    [JsonIgnore]
    public int AuxiliaryOutputs => HasDeepSupervision && Kind == NetworkKind.UNet ? Math.Max(0, Levels - 3) : 0;

    /// <summary>Channels at a level.</summary>
    /// <param name="level">0 is full resolution.</param>
    public int WidthAt(int level) => (int)Math.Min((long)Width << level, MaximumWidth);

    /// <summary>Kernel edges (D, H, W) at a level.</summary>
    /// <param name="level">0 is full resolution.</param>
    public long[] KernelAt(int level) => Kernels.Count == 0 ? [3, 3, 3] : [.. Kernels[level]];

    /// <summary>Refuses values that contradict each other.</summary>
    /// <exception cref="ArgumentException">The message says which.</exception>
    public void Check()
    {
        void Refuse(bool isWrong, string message, string name)
        {
            if (isWrong)
            {
                throw new ArgumentException(message, name);
            }
        }

        static string Written(IEnumerable<IReadOnlyList<long>> levels) => string.Join(", ", levels.Select(l => string.Join(" x ", l)));
        void RefuseUnlessPositive(double value, string what, string name) =>
            Refuse(!(value > 0 && double.IsFinite(value)), FormattableString.Invariant($"{what} is {value}; give a number above 0."), name);
        void RefuseUnlessShare(double value, string what, string name) =>
            Refuse(value is not (> 0 and < 1), FormattableString.Invariant($"{what} is {value}; give a number between 0 and 1."), name);

        Refuse(InputChannels < 1, $"{InputChannels} input channels were given; give at least 1.", nameof(InputChannels));
        Refuse(Classes < 2, $"{Classes} classes were given; give at least 2, background included.", nameof(Classes));
        Refuse(Width < 1 || MaximumWidth < 1, $"Width {Width} of at most {MaximumWidth} was given; give numbers above 0.", nameof(Width));
        Refuse(NormGroups < 1, $"{NormGroups} groups were given for group norm; give at least 1.", nameof(NormGroups));
        Refuse(Strides.Any(s => s.Count != 3 || s.Any(edge => edge < 1)), $"Strides {Written(Strides)} were given; give three numbers (depth, height, width) above 0 from each level to the next.", nameof(Strides));
        Refuse(Kernels.Count != 0 && Kernels.Count != Levels, $"{Kernels.Count} kernels were given for {Levels} levels; give one a level, or none.", nameof(Kernels));
        Refuse(Kernels.Any(k => k.Count != 3 || k.Any(edge => edge < 1 || edge % 2 == 0)), $"Kernels {Written(Kernels)} were given; give three odd numbers (depth, height, width) a level.", nameof(Kernels));
        Refuse(ResidualBlocks.Count != 0 && (ResidualBlocks.Count != Levels || ResidualBlocks.Any(n => n < 1)),
            $"Residual blocks {string.Join(", ", ResidualBlocks)} were given for {Levels} levels; give one number above 0 a level, or none.", nameof(ResidualBlocks));
        Refuse(HasDeepSupervision && Kind == NetworkKind.Classifier, "Deep supervision was asked for, but a classifier has no decoder to supervise.", nameof(HasDeepSupervision));
        Refuse(PriorMean == PriorMean.Start && Posterior != Posterior.MeanField,
            $"A prior mean was asked for, but the posterior is {Posterior}; only {Posterior.MeanField} has a prior.", nameof(PriorMean));
        RefuseUnlessShare(DropProbability, "The probability that a channel is dropped", nameof(DropProbability));
        RefuseUnlessPositive(PriorSigma, "The standard deviation of the prior", nameof(PriorSigma));
        RefuseUnlessPositive(PriorSigmaRatio, "The standard deviation of the prior as a share of sqrt(2 / fan-in)", nameof(PriorSigmaRatio));
        RefuseUnlessPositive(InitialSigmaRatio, "The standard deviation at the start as a share of sqrt(2 / fan-in)", nameof(InitialSigmaRatio));
        RefuseUnlessPositive(SigmaFloor, "The least standard deviation at the start", nameof(SigmaFloor));
        RefuseUnlessShare(WideShare, "The share of the wide component of the prior", nameof(WideShare));
        RefuseUnlessPositive(NarrowSigma, "The standard deviation of the narrow component of the prior", nameof(NarrowSigma));
        Refuse(Prior == PriorKind.ScaleMixture && NarrowSigma >= PriorSigma,
            FormattableString.Invariant($"The narrow component of the prior has a standard deviation of {NarrowSigma}, and the wide one of {PriorSigma}; give a narrow one below the wide one."), nameof(NarrowSigma));
    }

    /// <summary>What a user should know about training with these options, and that is no error.</summary>
    /// <param name="batchSize">Examples a minibatch.</param>
    public IReadOnlyList<string> Warnings(int batchSize)
    {
        var warnings = new List<string>();
        if (Norm == NormKind.Batch && Posterior == Posterior.MeanField)
        {
            warnings.Add("Batch norm with Gaussian weights: the running statistics mix the weights of many draws, and fit none of them. Use instance or group norm.");
        }

        if (Norm == NormKind.Batch && batchSize <= TinyBatch)
        {
            warnings.Add($"Batch norm with {batchSize} examples a minibatch: its statistics are noise. Use instance or group norm, or at least 4 examples.");
        }

        if (Posterior == Posterior.MeanField && Estimator == WeightEstimator.Flipout && batchSize == 1)
        {
            warnings.Add("Flipout with 1 example a minibatch costs two operations a layer and gains nothing over reparameterisation.");
        }

        if (HasDeepSupervision && Kind == NetworkKind.UNet && AuxiliaryOutputs == 0)
        {
            warnings.Add($"Deep supervision with {Levels} levels has no output to supervise: the lowest of the decoder has weight 0, as in nnU-Net. It needs at least 4 levels.");
        }

        return warnings;
    }
}
