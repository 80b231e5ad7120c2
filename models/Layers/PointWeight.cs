namespace Credence.Models.Layers;

/// <summary>A weight with one value.</summary>
public sealed class PointWeight : Module, IWeight
{
    private readonly Parameter value;

    /// <summary>Creates the weight.</summary>
    /// <param name="initial">The value at the start; taken over.</param>
    public PointWeight(Tensor initial)
        : base(nameof(PointWeight))
    {
        value = Parameter(initial);
        RegisterComponents();
    }

    /// <summary>The value.</summary>
    public Tensor Value => value;

    /// <inheritdoc/>
    public NoiseDescription? Noise => null;

    /// <inheritdoc/>
    public Tensor Apply(LinearOperation operation, Tensor input, Tensor bias, INoiseSource noise) => operation(input, value, bias);
}
