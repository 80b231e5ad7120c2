using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Evaluation;

/// <summary>The probabilities that one network of a cross-validation gave a case it had not seen, and the truth.</summary>
/// <param name="Fold">The fold of the case.</param>
/// <param name="Size">W, H, D of the scan.</param>
/// <param name="Probabilities">(K, D, H, W), background first.</param>
/// <param name="Truth">(D, H, W), class indices.</param>
internal sealed record OutOfFoldProbabilities(int Fold, Size3 Size, float[] Probabilities, byte[] Truth)
{
    /// <summary>Reads what the network of a job left of a case.</summary>
    /// <param name="folder">Its run folder.</param>
    /// <param name="fold">Its fold.</param>
    /// <param name="case">The case.</param>
    /// <param name="classes">Background first.</param>
    public static OutOfFoldProbabilities Read(string folder, int fold, LoadedCase @case, IReadOnlyList<ClassDescription> classes)
    {
        return Of(fold, @case, classes, [.. classes.Skip(1).Select(Map)]);

        Volume Map(ClassDescription @class)
        {
            var path = RunEvaluation.ProbabilityPath(folder, @case.Id, @class);
            var map = NiftiFile.Read(path);
            return map.Geometry.Size == @case.Mask.Geometry.Size
                ? map
                : throw new DatasetException(path, $"a map of {map.Geometry.Size} voxels", $"{@case.Mask.Geometry.Size} as in the mask of case {@case.Id}", "Remove the folder of the network and run cross-validate again.");
        }
    }

    /// <summary>From the maps of a prediction.</summary>
    /// <param name="fold">The fold of the case.</param>
    /// <param name="case">The case.</param>
    /// <param name="classes">Background first.</param>
    /// <param name="foreground">One map a foreground class, in order.</param>
    public static OutOfFoldProbabilities Of(int fold, LoadedCase @case, IReadOnlyList<ClassDescription> classes, IReadOnlyList<Volume> foreground)
    {
        var voxels = @case.Mask.Labels.Length;
        var probabilities = new float[classes.Count * voxels];
        probabilities.AsSpan(0, voxels).Fill(1);
        for (var k = 1; k < classes.Count; k++)
        {
            var map = foreground[k - 1];
            for (var v = 0; v < voxels; v++)
            {
                probabilities[k * voxels + v] = map.Voxels[v];
                probabilities[v] = Math.Max(0, probabilities[v] - map.Voxels[v]);
            }
        }

        var index = classes.Select((c, n) => (c.Label, n)).ToDictionary(p => p.Label, p => (byte)p.n);
        return new(fold, @case.Mask.Geometry.Size, probabilities, [.. @case.Mask.Labels.Select(l => index[l])]);
    }

    /// <summary>Probability of all foreground classes together at a temperature: the softmax of ln p / T.</summary>
    /// <returns>(D, H, W).</returns>
    public float[] Foreground(double temperature)
    {
        var voxels = Truth.Length;
        var foreground = new float[voxels];
        for (var v = 0; v < voxels; v++)
        {
            var (background, sum) = (Power(Probabilities[v]), 0.0);
            for (var k = 1; k * voxels < Probabilities.Length; k++)
            {
                sum += Power(Probabilities[k * voxels + v]);
            }

            foreground[v] = (float)(sum / (sum + background));
        }

        return foreground;

        double Power(float p) => temperature == 1 ? p : Math.Pow(p, 1 / temperature);
    }
}
