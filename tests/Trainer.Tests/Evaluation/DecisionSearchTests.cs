using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Trainer.Evaluation;

namespace Credence.Trainer.Tests.Evaluation;

public sealed class DecisionSearchTests
{
    private static readonly Size3 Size = new(12, 11, 10);
    private static readonly double[] Thresholds = [0.2, 0.5, 0.8];

    [Fact]
    public void The_surface_is_what_the_engines_decision_gives_at_every_threshold_and_size()
    {
        var (probability, reference) = Blobs(4);

        var surface = DecisionSurface.Compute(probability, reference, Size, TuningObjective.Dice, Thresholds, largestMinimum: 30);
        var lesions = DecisionSurface.Compute(probability, reference, Size, TuningObjective.LesionF1, Thresholds, largestMinimum: 30);

        var seen = new HashSet<double>();
        for (var t = 0; t < Thresholds.Length; t++)
        {
            for (var s = 1; s <= 30; s++)
            {
                var predicted = Decide(probability, Thresholds[t], s);
                var dice = 2.0 * predicted.Zip(reference).Count(p => p.First && p.Second) / (predicted.Count(p => p) + reference.Count(r => r));
                Assert.Equal(dice, surface[t][s - 1], tolerance: 1e-12);
                Assert.Equal(LesionF1(predicted, reference), lesions[t][s - 1], tolerance: 1e-12);
                seen.Add(dice);
            }
        }

        Assert.True(seen.Count > 10); // the sizes make a difference, or nothing was compared
    }

    /// <summary>Worked by hand, on a line: A (3 voxels) is touched by a prediction of 1 voxel, B (2 voxels) by none, and 2 voxels touch nothing.</summary>
    [Fact]
    public void Lesion_F1_is_by_any_overlap()
    {
        float[] foreground = [0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0];
        bool[] reference = [true, true, true, false, false, false, false, false, false, true, true, false];

        var surface = DecisionSurface.Compute(foreground, reference, new(12, 1, 1), TuningObjective.LesionF1, [0.5], largestMinimum: 3);

        Assert.Equal([2 * 1 / (2 * 1 + 1 + 1.0), 0, 0], surface[0]); // from 1 voxel: A found, B missed, one false; from 2: both missed, one false; from 3: both missed
    }

    [Fact]
    public void An_empty_case_is_worth_1_until_something_is_found_in_it()
    {
        var (probability, _) = Blobs(4);
        var surface = DecisionSurface.Compute(probability, new bool[Size.Count], Size, TuningObjective.Dice, [0.5, 0.999], 1);

        Assert.Equal((0, 1), (surface[0][0], surface[1][0]));
    }

    [Fact]
    public void A_known_optimum_is_found_and_its_optimism_measured()
    {
        // Truth is what lies above 0.8 in lesions of 5 voxels and more, so this choice is perfect in every fold.
        var cases = Enumerable.Range(0, 9).Select(n =>
        {
            var (probability, _) = Blobs(n);
            return new TuningCase(n % 3, $"{n}", DecisionSurface.Compute(probability, Decide(probability, 0.8, 5), Size, TuningObjective.Dice, Thresholds, 30));
        }).ToList();
        var search = new DecisionSearch(cases, Thresholds, 30);

        var (threshold, size, objective) = search.Best();
        var withoutFold = search.WithoutEachFold();

        Assert.Equal((0.8, 1.0), (threshold, objective));
        Assert.InRange(size, 2, 5); // smaller minima that remove the same lesions are equal, and the smallest is taken
        Assert.Equal([0, 1, 2], withoutFold.Select(f => f.Fold));
        Assert.InRange(search.Nested(withoutFold), search.At(0.5, 1), objective);
        Assert.True(search.At(0.5, 1) < 0.95);
    }

    /// <summary>Worked by hand: by case the first threshold would win, 0.75 to 0.55.</summary>
    [Fact]
    public void A_patient_with_many_cases_counts_once()
    {
        TuningCase Case(string patient, int fold, double low, double high) => new(fold, patient, [[low], [high]]);
        var search = new DecisionSearch([Case("a", 0, 1, 0.4), Case("a", 0, 1, 0.4), Case("a", 0, 1, 0.4), Case("b", 1, 0, 1)], [0.2, 0.5], largestMinimum: 1);

        var (threshold, _, objective) = search.Best();
        Assert.Equal(0.5, threshold);
        Assert.Equal(0.7, objective, tolerance: 1e-12);
        Assert.Equal((0 + 0.4) / 2, search.Nested(search.WithoutEachFold()), tolerance: 1e-12); // a is cut as b likes it, b as a does
    }

    /// <summary>Smooth lesions of many sizes, and a speckle of single voxels.</summary>
    private static (float[] Probability, bool[] Reference) Blobs(int seed)
    {
        var random = new Random(seed);
        var centres = Enumerable.Range(0, 8).Select(_ => (I: 12 * random.NextDouble(), J: 11 * random.NextDouble(), K: 10 * random.NextDouble(), R: 0.7 + 2 * random.NextDouble())).ToList();
        var probability = new float[Size.Count];
        for (var v = 0; v < probability.Length; v++)
        {
            var (i, j, k) = (v % 12, v / 12 % 11, v / 12 / 11);
            var nearest = centres.Min(c => Math.Sqrt((i - c.I) * (i - c.I) + (j - c.J) * (j - c.J) + (k - c.K) * (k - c.K)) / c.R);
            probability[v] = random.NextDouble() < 0.01 ? 0.9f : (float)(0.95 / (1 + nearest * nearest * nearest));
        }

        return (probability, [.. probability.Select(p => p > 0.4 + 0.2 * random.NextDouble())]);
    }

    private static bool[] Decide(float[] probability, double threshold, int minimum)
    {
        var grid = new VolumeGeometry(Size, Affine.Scaling(new(1, 1, 1)));
        var manifest = new ModelManifest
        {
            Name = "",
            Channels = [new("MRI")],
            Classes = [new(0, "background"), new(1, "lesion")],
            Spacing = new(1, 1, 1),
            Normalisation = new(NormalisationKind.ZScore),
            PatchSize = Size,
            Stride = new(1, 1, 1),
            Posterior = PosteriorKind.Plain,
            Calibration = new() { Threshold = threshold, MinimumLesionVoxels = minimum },
            Fingerprint = null!,
            Provenance = null!,
        };
        return [.. VolumePredictor.Segment([new Volume(grid, probability)], manifest).Labels.Select(l => l != 0)];
    }

    private static double LesionF1(bool[] predicted, bool[] reference)
    {
        var (p, predictedSizes) = ConnectedComponents.Label(predicted, Size);
        var (r, referenceSizes) = ConnectedComponents.Label(reference, Size);
        var pairs = p.Zip(r).Where(x => x.First > 0 && x.Second > 0).Distinct().ToList();
        var found = pairs.Select(x => x.Second).Distinct().Count();
        var wrong = predictedSizes.Count - pairs.Select(x => x.First).Distinct().Count();
        return 2.0 * found / (2 * found + wrong + referenceSizes.Count - found);
    }
}
