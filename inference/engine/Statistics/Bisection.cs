namespace Credence.Inference.Statistics;

/// <summary>Root of an increasing function.</summary>
internal static class Bisection
{
    /// <summary>Halves [low, high] until no floating-point number lies between.</summary>
    public static double Solve(Func<double, double> increasing, double low, double high)
    {
        while (true)
        {
            var middle = low + (high - low) / 2;
            if (middle <= low || middle >= high)
            {
                return middle;
            }

            (low, high) = increasing(middle) < 0 ? (middle, high) : (low, middle);
        }
    }
}
