namespace Credence.Trainer.Planning;

/// <summary>The step between neighbouring intensities of a scan that was scaled from integers: a mark that all parts of one scan share, and few other scans.</summary>
internal static class IntensityStep
{
    /// <summary>Two steps that differ by less, relatively, are one. Steps of parts of one scan agree to about 1e-7, the rounding of float32.</summary>
    public const double Tolerance = 1e-6;

    private const int Sample = 1 << 17;
    private const int MostLevels = 1 << 16;

    /// <summary>The step, from the voxels in the middle of the scan.</summary>
    /// <param name="voxels">Intensities, finite.</param>
    /// <returns>null where intensities are whole numbers, or not evenly spaced: such a scan has no mark of its own.</returns>
    public static double? Of(ReadOnlySpan<float> voxels)
    {
        var values = voxels.Slice(Math.Max(0, (voxels.Length - Sample) / 2), Math.Min(voxels.Length, Sample)).ToArray();
        Array.Sort(values);
        List<double> above = [.. values.Select(v => (double)v - values[0]).Where((d, n) => n == 0 || values[n] > values[n - 1])];
        if (above.Count < 2)
        {
            return null;
        }

        // A difference of two float32 numbers is rough. The mean of those of one step is less so, and (v - v0) / k gets better with every doubling of k.
        List<double> gaps = [.. above.Zip(above.Skip(1), (one, next) => next - one)];
        var smallest = gaps.Min();
        var step = gaps.Where(g => g < 1.5 * smallest).Average();
        for (var most = 16; most <= MostLevels; most *= 2)
        {
            var widest = above[^1] <= most * step ? above[^1] : above.FindLast(d => d <= most * step);
            step = widest > 0 ? widest / Math.Round(widest / step) : step;
        }

        var isEven = above.TrueForAll(d => d <= MostLevels * step && Math.Abs(d / step - Math.Round(d / step)) < 0.1);
        return isEven && Math.Abs(step - Math.Round(step)) > Tolerance * step ? step : null;
    }
}
