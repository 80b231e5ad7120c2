using Credence.Inference.Metrics;
using Credence.MedicalIO;

namespace Credence.Inference.Tests.Metrics;

public sealed class RetentionCurveTests
{
    private const int Voxels = 40 * 40 * 20;

    /// <summary>Oracle: orders drawn at random, and an order that knows every error.</summary>
    [Fact]
    public void Random_and_ideal_curves_are_what_random_and_perfect_uncertainties_give()
    {
        var random = new Random(5);
        var geometry = new VolumeGeometry(new(40, 40, 20), Affine.Identity);
        var reference = new byte[Voxels];
        var prediction = new byte[Voxels];
        for (var v = 0; v < Voxels; v++)
        {
            reference[v] = (byte)(random.NextDouble() < 0.02 ? 1 : 0);
            prediction[v] = (byte)(random.NextDouble() < 0.01 ? 1 - reference[v] : reference[v]);
        }

        var areas = Enumerable.Range(0, 20).Select(_ => Evaluate(v => (float)random.NextDouble())).ToList();
        var perfect = Evaluate(v => (reference[v] != prediction[v] ? 1 : 0) + (float)random.NextDouble());

        // The curve of expected counts differs from the expected curve by the curvature of nDSC only.
        Assert.Equal(areas.Average(a => a.Area), areas[0].Random, tolerance: 0.01);
        Assert.Equal(perfect.Area, perfect.Ideal, tolerance: 0.01);
        Assert.True(perfect.Ideal > perfect.Random + 0.2, $"{perfect}");

        (double Area, double Ideal, double Random) Evaluate(Func<int, float> uncertainty)
        {
            var values = CaseEvaluation.Evaluate(new()
            {
                Name = "case",
                Reference = new(geometry, reference),
                Prediction = new(geometry, prediction),
                Uncertainty = new(geometry, [.. Enumerable.Range(0, Voxels).Select(uncertainty)]),
            }).Values;
            return (values["label-1/ndsc-retention-area"]!.Value, values["label-1/ndsc-retention-area-ideal"]!.Value, values["label-1/ndsc-retention-area-random"]!.Value);
        }
    }
}
