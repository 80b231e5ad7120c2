namespace Credence.Models.Layers;

/// <summary>Normalises every group of channels of every example to mean 0 and variance 1 over channels and space, then scales and shifts each channel.</summary>
/// <remarks>Source: Wu and He 2018, arXiv:1803.08494.</remarks>
public sealed class GroupNormalisation : Module, ILayer
{
    /// <summary>Added to the variance.</summary>
    public const double Epsilon = 1e-5;

    private readonly Parameter scale; // (channels)
    private readonly Parameter shift; // (channels)

    /// <summary>Creates the layer.</summary>
    /// <param name="channels">C.</param>
    /// <param name="groups">Number of groups; divides <paramref name="channels"/>.</param>
    /// <exception cref="ArgumentException">The channels cannot be divided into the groups.</exception>
    public GroupNormalisation(long channels, long groups)
        : base(nameof(GroupNormalisation))
    {
        if (groups < 1 || channels % groups != 0)
        {
            throw new ArgumentException($"{channels} channels cannot be divided into {groups} equal groups.", nameof(groups));
        }

        Groups = groups;
        scale = Parameter(ones(channels));
        shift = Parameter(zeros(channels));
        RegisterComponents();
    }

    /// <summary>Number of groups.</summary>
    public long Groups { get; }

    /// <summary>(channels), 1 at the start.</summary>
    public Tensor Scale => scale;

    /// <summary>(channels), 0 at the start.</summary>
    public Tensor Shift => shift;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A group is one number, which any normalisation makes 0.</exception>
    public Tensor Forward(IReadOnlyList<Tensor> inputs, INoiseSource noise) => Normalise(inputs[0], Groups, scale, shift, Epsilon);

    /// <summary>libtorch's group norm, which takes a group of one number without a word and loses it; its instance norm refuses.</summary>
    internal static Tensor Normalise(Tensor input, long groups, Tensor scale, Tensor shift, double epsilon) =>
        input.numel() == input.shape[0] * groups
            ? throw new ArgumentException(
                $"Activations of shape ({string.Join(", ", input.shape)}) have one number in each of {groups} groups, and normalised it is 0. Use a larger patch, fewer strides or fewer groups.", nameof(input))
            : functional.group_norm(input, groups, scale, shift, epsilon);
}
