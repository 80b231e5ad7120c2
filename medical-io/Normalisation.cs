namespace Credence.MedicalIO;

/// <summary>Brings intensities to a common scale.</summary>
public static class Normalisation
{
    private const double SmallestDeviation = 1e-8; // below, a volume is constant and becomes 0

    /// <summary>Subtracts the mean and divides by the standard deviation of all voxels. A constant volume becomes 0.</summary>
    public static Volume ZScore(Volume volume)
    {
        var (mean, deviation, _) = Moments(volume.Voxels, isInMask: _ => true);
        return new(volume.Geometry, [.. volume.Voxels.Select(v => Scale(v, mean, deviation))]);
    }

    /// <summary>As <see cref="ZScore"/>, with mean and standard deviation of the voxels that are not 0; voxels that are 0 stay 0.</summary>
    public static Volume ZScoreNonZero(Volume volume)
    {
        var (mean, deviation, _) = Moments(volume.Voxels, isInMask: v => v != 0);
        return new(volume.Geometry, [.. volume.Voxels.Select(v => v == 0 ? 0 : Scale(v, mean, deviation))]);
    }

    /// <summary>Mean and standard deviation (divided by n) over the voxels that <paramref name="isInMask"/> takes, in double precision.</summary>
    public static (double Mean, double StandardDeviation, long Count) Moments(ReadOnlySpan<float> voxels, Func<float, bool> isInMask)
    {
        var (sum, count) = (0.0, 0L);
        foreach (var v in voxels)
        {
            if (isInMask(v))
            {
                sum += v;
                count++;
            }
        }

        if (count == 0)
        {
            return (0, 0, 0);
        }

        var (mean, squares) = (sum / count, 0.0);
        foreach (var v in voxels)
        {
            if (isInMask(v))
            {
                squares += (v - mean) * (v - mean);
            }
        }

        return (mean, Math.Sqrt(squares / count), count);
    }

    private static float Scale(float value, double mean, double deviation) =>
        deviation > SmallestDeviation ? (float)((value - mean) / deviation) : 0;
}
