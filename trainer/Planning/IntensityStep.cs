namespace Credence.Trainer.Planning;

/// <summary>The step between neighbouring intensities of a scan that was scaled from integers: a mark that all parts of one scan share, and few other scans.</summary>
internal static class IntensityStep
{
    /// <summary>Two steps that differ by less, relatively, are one. Steps of parts of one scan agree to about 1e-7, the rounding of float32.</summary>
    public const double Tolerance = 1e-6;

    private const int Sample = 1 << 17;
    private const int MostLevels = 1 << 16;

    /// <summary>The step, from some of the voxels.</summary>
    /// <param name="voxels">Intensities, finite.</param>
    /// <returns>null where intensities are whole numbers, or not evenly spaced: such a scan has no mark of its own.</returns>
    public static double? Of(ReadOnlySpan<float> voxels)
    {
        var stride = Math.Max(1, voxels.Length / Sample);
        var values = new float[(voxels.Length + stride - 1) / stride];
        for (var n = 0; n < values.Length; n++)
        {
            values[n] = voxels[n * stride];
        }

        Array.Sort(values);
        var smallest = double.PositiveInfinity;
        for (var n = 1; n < values.Length; n++)
        {
            smallest = values[n] > values[n - 1] ? Math.Min(smallest, (double)values[n] - values[n - 1]) : smallest;
        }

        var range = (double)values[^1] - values[0];
        if (!(range / smallest is >= 1 and <= MostLevels and var levels))
        {
            return null;
        }

        var step = range / Math.Round(levels); // far more exact than the difference of two rounded numbers
        var isWhole = Math.Abs(step - Math.Round(step)) < Tolerance * step;
        return isWhole || Array.Exists(values, v => Math.Abs((v - values[0]) / step - Math.Round((v - values[0]) / step)) > 0.1) ? null : step;
    }
}
