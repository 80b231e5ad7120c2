namespace Credence.Models.Layers;

/// <summary>The weight of a layer, of which every pass takes one value.</summary>
public interface IWeight
{
    /// <summary>The weight of one pass.</summary>
    /// <returns>A new handle, which the caller disposes.</returns>
    Tensor Draw(INoiseSource noise);

    /// <summary>The noise that <see cref="Draw"/> asks for; null for a point.</summary>
    NoiseDescription? Noise { get; }
}
