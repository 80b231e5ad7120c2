using System.Numerics.Tensors;
using Credence.Inference.Metrics;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Evaluation;

/// <summary>The probabilities that a network of a cross-validation, or the mean of several, gave a case it had not seen, and the truth.</summary>
/// <param name="Id">The case.</param>
/// <param name="Fold">Its fold.</param>
/// <param name="Size">W, H, D of the scan.</param>
/// <param name="Classes">Of every voxel, in the order of the scan.</param>
internal sealed record OutOfFoldProbabilities(string Id, int Fold, Size3 Size, ClassProbabilities Classes)
{
    /// <summary>Reads what networks left of a case.</summary>
    /// <param name="folders">Their run folders; the mean of several is taken.</param>
    /// <param name="fold">Their fold.</param>
    /// <param name="case">The case.</param>
    /// <param name="classes">Background first.</param>
    public static OutOfFoldProbabilities Read(IReadOnlyList<string> folders, int fold, LoadedCase @case, IReadOnlyList<ClassDescription> classes)
    {
        return new(@case.Id, fold, @case.Mask.Geometry.Size, Join(@case.Mask, classes, [.. classes.Skip(1).Select(Map)]));

        Volume Map(ClassDescription @class)
        {
            var mean = MapOf(folders[0], @class);
            foreach (var folder in folders.Skip(1))
            {
                TensorPrimitives.Add(mean.Voxels, MapOf(folder, @class).Voxels, mean.Voxels);
            }

            TensorPrimitives.Divide(mean.Voxels, folders.Count, mean.Voxels);
            return mean;
        }

        Volume MapOf(string folder, ClassDescription @class)
        {
            var path = RunEvaluation.ProbabilityPath(folder, @case.Id, @class);
            var map = NiftiFile.Read(path);
            return map.Geometry.Size == @case.Mask.Geometry.Size
                ? map
                : throw new DatasetException(path, $"a map of {map.Geometry.Size} voxels", $"{@case.Mask.Geometry.Size} as in the mask of case {@case.Id}", "Remove the folder of the network and run cross-validate again.");
        }
    }

    /// <summary>Maps and mask of a case that was checked against the classes.</summary>
    /// <param name="mask">Holds no other labels.</param>
    /// <param name="classes">Background first.</param>
    /// <param name="foreground">One map a foreground class, in order.</param>
    public static ClassProbabilities Join(LabelMap mask, IReadOnlyList<ClassDescription> classes, IReadOnlyList<Volume> foreground) =>
        ClassProbabilities.Of([.. foreground.Select(m => m.Voxels)], [.. classes.Skip(1).Select(c => c.Label)], mask.Labels)
        ?? throw new ArgumentException("The mask holds a label that is no class.", nameof(mask));

    /// <summary>Probability of all foreground classes together at a temperature: the softmax of ln p / T.</summary>
    /// <returns>(D, H, W).</returns>
    public float[] Foreground(double temperature)
    {
        var foreground = new float[Classes.Truth.Length];
        for (var v = 0; v < foreground.Length; v++)
        {
            var (background, sum) = (Power(Classes.Planes[0][v]), 0.0);
            for (var k = 1; k < Classes.Planes.Count; k++)
            {
                sum += Power(Classes.Planes[k][v]);
            }

            foreground[v] = (float)(sum / (sum + background));
        }

        return foreground;

        double Power(float p) => temperature == 1 ? p : Math.Pow(p, 1 / temperature);
    }
}
