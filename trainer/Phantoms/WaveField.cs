using Credence.MedicalIO;

namespace Credence.Trainer.Phantoms;

/// <summary>A smooth random field: a sum of plane waves with random directions and phases, of about unit variance.</summary>
internal sealed class WaveField
{
    private readonly (Vector3D Wave, double Phase)[] waves;
    private readonly double amplitude;

    /// <summary>Draws a field.</summary>
    /// <param name="random">Source of the draw.</param>
    /// <param name="wavelength">Mean wavelength, mm.</param>
    /// <param name="count">Number of waves.</param>
    public WaveField(Random random, double wavelength, int count)
    {
        waves = [.. Enumerable.Range(0, count).Select(_ => (Direction(random, wavelength * (0.7 + 0.6 * random.NextDouble())), 2 * Math.PI * random.NextDouble()))];
        amplitude = Math.Sqrt(2.0 / count);
    }

    /// <summary>The value at a point, mm.</summary>
    public double At(Vector3D point)
    {
        var sum = 0.0;
        foreach (var (wave, phase) in waves)
        {
            sum += Math.Cos(wave.Dot(point) + phase);
        }

        return amplitude * sum;
    }

    private static Vector3D Direction(Random random, double wavelength)
    {
        var z = 2 * random.NextDouble() - 1;
        var (sine, cosine) = Math.SinCos(2 * Math.PI * random.NextDouble());
        var radius = Math.Sqrt(1 - z * z);
        return 2 * Math.PI / wavelength * new Vector3D(radius * cosine, radius * sine, z);
    }
}
