namespace Credence.MedicalIO;

/// <summary>Brings intensities to a common scale.</summary>
public static class Normalisation
{
    private const double SmallestDeviation = 1e-8; // below, a volume is constant and becomes 0

    /// <summary>Subtracts the mean and divides by the standard deviation (divided by n) of the voxels of a mask, everywhere. What is constant in the mask becomes 0.</summary>
    /// <param name="volume">Finite voxels.</param>
    /// <param name="mask">Voxels that are 0 here do not count; null takes all.</param>
    public static Volume ZScore(Volume volume, LabelMap? mask = null)
    {
        var (mean, deviation) = Moments(volume.Voxels, mask);
        return new(volume.Geometry, Array.ConvertAll(volume.Voxels, v => deviation > SmallestDeviation ? (float)((v - mean) / deviation) : 0));
    }

    /// <summary>Moves values beyond two percentiles of the voxels of a mask to them, everywhere.</summary>
    /// <param name="volume">Finite voxels.</param>
    /// <param name="lower">Percentile, 0 to 100; 0 leaves low values.</param>
    /// <param name="upper">Percentile, above <paramref name="lower"/>; 100 leaves high values.</param>
    /// <param name="mask">Voxels that are 0 here do not count; null takes all.</param>
    public static Volume ClipPercentiles(Volume volume, double lower, double upper, LabelMap? mask = null)
    {
        var low = lower > 0 ? (float)Percentile.Of(volume.Voxels, mask, lower) : float.NegativeInfinity;
        var high = upper < 100 ? (float)Percentile.Of(volume.Voxels, mask, upper) : float.PositiveInfinity;
        return new(volume.Geometry, Array.ConvertAll(volume.Voxels, v => Math.Clamp(v, low, high)));
    }

    /// <summary>Maps a range of values, such as a window of Hounsfield units, to -1 ... 1; values beyond it become its ends.</summary>
    /// <param name="volume">Finite voxels.</param>
    /// <param name="lower">Becomes -1.</param>
    /// <param name="upper">Becomes 1; above <paramref name="lower"/>.</param>
    public static Volume Window(Volume volume, double lower, double upper) =>
        new(volume.Geometry, Array.ConvertAll(volume.Voxels, v => (float)(2 * (Math.Clamp(v, lower, upper) - lower) / (upper - lower) - 1)));

    private static (double Mean, double StandardDeviation) Moments(float[] voxels, LabelMap? mask)
    {
        var (sum, count) = (0.0, 0L);
        for (var v = 0; v < voxels.Length; v++)
        {
            if (mask is null || mask.Labels[v] != 0)
            {
                sum += voxels[v];
                count++;
            }
        }

        if (count == 0)
        {
            return (0, 0);
        }

        var (mean, squares) = (sum / count, 0.0);
        for (var v = 0; v < voxels.Length; v++)
        {
            if (mask is null || mask.Labels[v] != 0)
            {
                squares += (voxels[v] - mean) * (voxels[v] - mean);
            }
        }

        return (mean, Math.Sqrt(squares / count));
    }
}
