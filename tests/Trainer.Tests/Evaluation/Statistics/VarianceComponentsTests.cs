using Credence.Trainer.Evaluation.Statistics;

namespace Credence.Trainer.Tests.Evaluation.Statistics;

public sealed class VarianceComponentsTests
{
    /// <summary>A gauge study: 20 parts, each measured twice by 3 operators. Rows are parts; columns operator 1, 1, 2, 2, 3, 3.</summary>
    /// <remarks>Montgomery, Design and Analysis of Experiments, the two-factor random model of the measurement-system study.</remarks>
    private const string Gauge = """
        21 20 20 20 19 21
        24 23 24 24 23 24
        20 21 19 21 20 22
        27 27 28 26 27 28
        19 18 19 18 18 21
        23 21 24 21 23 22
        22 21 22 24 22 20
        19 17 18 20 19 18
        24 23 25 23 24 24
        25 23 26 25 24 25
        21 20 20 20 21 20
        18 19 17 19 18 19
        23 25 25 25 25 25
        24 24 23 25 24 25
        29 30 30 28 31 30
        26 26 25 26 25 27
        20 20 19 20 20 20
        19 21 19 19 21 23
        25 26 25 24 25 25
        19 19 18 17 19 17
        """;

    [Fact]
    public void A_textbook_two_way_layout_gives_the_textbooks_components()
    {
        // Parts stand for folds, operators for seeds; each measurement is a case of its own, so case and residual cannot be told apart.
        var observations = Gauge.Split('\n').SelectMany((line, part) => line.Trim().Split(' ').Select((value, n) =>
            new Observation($"{n / 2}", part, $"{part}/{n}", double.Parse(value, System.Globalization.CultureInfo.InvariantCulture)))).ToList();

        var components = VarianceComponents.Estimate(observations)!.Components.ToDictionary(c => c.Name, c => Math.Round(c.Variance, 3));

        // From its table of mean squares: parts 62.391, operators 1.308, parts x operators 0.712, error 0.992.
        Assert.Equal(new() { ["seed"] = 0.015, ["fold"] = 10.28, ["case"] = 0.992, ["seed x fold"] = -0.140 }, components);
    }

    [Fact]
    public void Known_components_are_recovered_from_unequal_folds_with_missing_cells()
    {
        const int Studies = 400;
        var truth = new Dictionary<string, double> { ["seed"] = 0.5, ["fold"] = 1, ["case"] = 4, ["seed x fold"] = 0.8, ["residual"] = 2 };
        var random = new Random(17);
        double Draw(string component) => Math.Sqrt(truth[component]) * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

        var estimates = truth.Keys.ToDictionary(k => k, _ => new List<double>());
        for (var study = 0; study < Studies; study++)
        {
            var observations = new List<Observation>();
            var seeds = Enumerable.Range(0, 4).Select(_ => Draw("seed")).ToList();
            for (var fold = 0; fold < 5; fold++)
            {
                var foldEffect = Draw("fold");
                var networks = seeds.Select(_ => Draw("seed x fold")).ToList();
                for (var c = 0; c < 4 + fold; c++)
                {
                    var caseEffect = Draw("case");
                    foreach (var seed in Enumerable.Range(0, 4).Where(_ => random.NextDouble() > 0.1))
                    {
                        observations.Add(new($"{seed}", fold, $"{c}", 10 + seeds[seed] + foldEffect + caseEffect + networks[seed] + Draw("residual")));
                    }
                }
            }

            foreach (var component in VarianceComponents.Estimate(observations)!.Components)
            {
                estimates[component.Name].Add(component.Variance);
            }
        }

        Assert.All(truth, component =>
        {
            var list = estimates[component.Key];
            var mean = list.Average();
            var error = Math.Sqrt(list.Sum(e => (e - mean) * (e - mean)) / (list.Count - 1) / list.Count);
            Assert.Equal(Studies, list.Count);
            Assert.InRange(mean, component.Value - 4 * error, component.Value + 4 * error);
        });
    }

    [Fact]
    public void What_one_seed_cannot_tell_apart_is_left_out()
    {
        var observations = Enumerable.Range(0, 12).Select(n => new Observation("1", n / 4, $"{n}", n * n % 7)).ToList();

        var components = VarianceComponents.Estimate(observations)!;

        Assert.Equal(["fold", "case"], components.Components.Select(c => c.Name));
        Assert.Equal(1, components.Components.Sum(c => c.Share), tolerance: 1e-12);
        Assert.Null(VarianceComponents.Estimate([observations[0]]));
    }
}
