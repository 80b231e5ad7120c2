using Credence.Inference.Model;
using Credence.Inference.Tests;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Page;

/// <summary>A case with lesions that the tiny model finds, predicted by the built program.</summary>
internal static class PageCase
{
    private const double Tilt = 20 * Math.PI / 180;

    /// <summary>The grid of the scan: 1 x 1 x 2 mm, and tilted by 20 degrees, as slices along a line in the brain are: viewers that take the axes for those of the world point beside the place.</summary>
    public static VolumeGeometry Grid { get; } = new(new(24, 20, 12), new(new(-1, 0, 0), new(0, -Math.Cos(Tilt), -Math.Sin(Tilt)), new(0, -2 * Math.Sin(Tilt), 2 * Math.Cos(Tilt)), new(10, 20, 5)));

    /// <summary>Predicts it.</summary>
    /// <returns>The folder of the result.</returns>
    public static string Predict(TemporaryFolder folder, Func<ModelManifest, ModelManifest>? change = null, params string[] options)
    {
        File.WriteAllBytes(folder.File("tiny.onnx"), TinyModel.Bytes(change));
        NiftiFile.Write(folder.File("scan.nii.gz"), Scan());
        var (code, _, error) = BuiltProgram.Run("InferenceCli", "credence-infer",
            ["predict", folder.File("scan.nii.gz"), "--model", folder.File("tiny.onnx"), "--output", folder.File("out"), "--samples", "6", .. options]);
        Assert.Equal((0, ""), (code, error));
        return folder.File("out");
    }

    /// <summary>Dark, with two bright blocks.</summary>
    private static Volume Scan()
    {
        var scan = new Volume(Grid, new float[Grid.Size.Count]);
        for (var k = 0; k < Grid.Size.Depth; k++)
        {
            for (var j = 0; j < Grid.Size.Height; j++)
            {
                for (var i = 0; i < Grid.Size.Width; i++)
                {
                    var bright = i is >= 3 and < 9 && j is >= 4 and < 9 && k is >= 2 and < 5 || i is >= 15 and < 18 && j is >= 12 and < 15 && k is >= 7 and < 9;
                    scan[i, j, k] = (bright ? 800 : 100) + 3 * ((7 * i + 5 * j + 3 * k) % 11);
                }
            }
        }

        return scan;
    }
}
