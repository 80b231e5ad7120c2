namespace Credence.Trainer.Evaluation.Statistics;

/// <summary>How the variance of a metric splits: y = μ + seed + fold + case in fold + seed x fold + residual, all of them random and independent.</summary>
/// <remarks>
/// Cases are nested in folds and crossed with seeds; a seed x fold cell is one trained network. The estimator is the method of moments on uncorrected sums of squares,
/// T_g = Σ_l (Σ y over level l of g)² / n_l, with E[T_g] = N μ² + Σ_j σ_j² Σ_l Σ_m n_lm² / n_l, where n_lm counts the observations in level l of g and level m of effect j.
/// It is unbiased with folds of unequal size and with missing cells, and is the analysis of variance where all cells are full and equal.
/// Source: Henderson 1953, "Estimation of variance and covariance components", Biometrics 9:226, method 1; Searle, Casella and McCulloch 1992, Variance Components, section 5.3.
/// An estimate may be negative, which says that the component is small against its error; its share is 0 then.
/// </remarks>
/// <param name="Components">In the order seed, fold, case, seed x fold, residual; those that the layout cannot tell apart are missing.</param>
/// <param name="Observations">Number of values.</param>
internal sealed record VarianceComponents(IReadOnlyList<VarianceComponent> Components, int Observations)
{
    /// <summary>Estimates the components.</summary>
    /// <remarks>
    /// A component with one level, or with the same levels as another, cannot be told apart and is left out: with one seed, the residual is part of the case and the
    /// network part of the fold; with one case a fold, the case is part of the fold.
    /// </remarks>
    /// <returns>Null below two observations, or where cells are missing in a way that leaves the components undetermined.</returns>
    public static VarianceComponents? Estimate(IReadOnlyList<Observation> observations)
    {
        if (observations.Count < 2)
        {
            return null;
        }

        var terms = new List<(string Name, int[] Level)>();
        foreach (var (name, key) in new (string, Func<Observation, object>)[]
        {
            ("seed", o => o.Seed), ("fold", o => o.Fold), ("case", o => (o.Fold, o.Case)), ("seed x fold", o => (o.Seed, o.Fold)), ("residual", o => (o.Seed, o.Fold, o.Case)),
        })
        {
            var levels = Levels(observations.Select(key));
            if (levels.Max() > 0 && !terms.Exists(t => IsSamePartition(t.Level, levels)))
            {
                terms.Add((name, levels));
            }
        }

        // T_g - T_μ = Σ_j σ_j² (c_gj - c_μj) for every term g.
        var all = new int[observations.Count];
        var matrix = terms.Select(g => terms.Select(j => Coefficient(g.Level, j.Level) - Coefficient(all, j.Level)).ToArray()).ToArray();
        var right = terms.Select(g => SumOfSquares(observations, g.Level) - SumOfSquares(observations, all)).ToArray();
        if (Solve(matrix, right) is not { } estimates)
        {
            return null;
        }

        var total = estimates.Sum(e => Math.Max(0, e));
        return new(
            [.. terms.Select((t, n) => new VarianceComponent(t.Name, estimates[n], Math.Sqrt(Math.Max(0, estimates[n])), total > 0 ? Math.Max(0, estimates[n]) / total : 0, t.Level.Max() + 1))],
            observations.Count);
    }

    private static bool IsSamePartition(int[] a, int[] b) => a.Max() == b.Max() && Levels(a.Zip(b)).Max() == a.Max();

    /// <summary>Numbers the distinct keys from 0, in order of appearance.</summary>
    private static int[] Levels<T>(IEnumerable<T> keys)
        where T : notnull
    {
        var numbers = new Dictionary<T, int>();
        return [.. keys.Select(k => numbers.TryGetValue(k, out var number) ? number : numbers[k] = numbers.Count)];
    }

    /// <summary>Σ_l Σ_m n_lm² / n_l.</summary>
    private static double Coefficient(int[] group, int[] effect)
    {
        var size = group.CountBy(l => l).ToDictionary();
        return group.Zip(effect).CountBy(p => p).Sum(p => (double)p.Value * p.Value / size[p.Key.First]);
    }

    /// <summary>T_g.</summary>
    private static double SumOfSquares(IReadOnlyList<Observation> observations, int[] group)
    {
        // Measured from the mean, which changes no difference T_g - T_μ but keeps digits.
        var mean = observations.Average(o => o.Value);
        return observations.Zip(group).GroupBy(p => p.Second, p => p.First.Value - mean).Sum(l => l.Sum() * l.Sum() / l.Count());
    }

    /// <summary>Gauss elimination with row pivoting; null for a singular matrix.</summary>
    private static double[]? Solve(double[][] matrix, double[] right)
    {
        var rows = right.Length;
        var scale = matrix.Max(row => row.Max(Math.Abs));
        for (var column = 0; column < rows; column++)
        {
            var pivot = Enumerable.Range(column, rows - column).MaxBy(r => Math.Abs(matrix[r][column]));
            (matrix[column], matrix[pivot], right[column], right[pivot]) = (matrix[pivot], matrix[column], right[pivot], right[column]);
            if (Math.Abs(matrix[column][column]) < 1e-10 * scale)
            {
                return null;
            }

            for (var row = 0; row < rows; row++)
            {
                if (row != column)
                {
                    var factor = matrix[row][column] / matrix[column][column];
                    for (var c = column; c < rows; c++)
                    {
                        matrix[row][c] -= factor * matrix[column][c];
                    }

                    right[row] -= factor * right[column];
                }
            }
        }

        return [.. right.Select((value, n) => value / matrix[n][n])];
    }
}
