using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.Inference.Tests;

/// <summary>From scans to network input and back, by every rule of the recipe.</summary>
public sealed class PreprocessingTests
{
    private static readonly NormalisationDescription Score = new(NormalisationKind.ZScore);

    /// <summary>A block of tissue in air: only the block, with one voxel around it, reaches the network, and outside it results are 0.</summary>
    [Theory]
    [InlineData(Region.NonZero)]
    [InlineData(Region.Body)]
    public void A_crop_shows_the_network_the_box_and_puts_results_back(Region crop)
    {
        var scan = Scan(outside: crop == Region.Body ? 20 : 0);
        var prepared = Preprocessing.Prepare([scan], new(new(1, 1, 2), Interpolation.Linear, crop, Score));

        // The block is 6 x 8 x 4 voxels of the scan; the scan's axes run to L, P and S.
        Assert.Equal(new Size3(8, 10, 6), prepared.Box.Size);
        Assert.Equal(prepared.Box.Size, prepared.Geometry.Size);
        var restored = Preprocessing.Restore(prepared, [.. Enumerable.Repeat(1f, (int)prepared.Geometry.Size.Count)]);

        Assert.Equal(scan.Geometry, restored.Geometry);
        for (var v = 0; v < restored.Voxels.Length; v++)
        {
            var (i, j, k) = scan.Geometry.IndexOf(v);
            Assert.Equal(i is >= 4 and <= 11 && j is >= 2 and <= 11 && k is >= 4 and <= 9 ? 1 : 0, restored.Voxels[v]);
        }
    }

    /// <summary>Oracle: the same case without a crop. What the network sees inside the box are the same voxels, scaled by their own mean.</summary>
    [Fact]
    public void A_crop_moves_no_voxel()
    {
        var scan = Scan(outside: 0);
        var recipe = new PreprocessingRecipe(new(1.5, 1.5, 2), Interpolation.CubicSpline, Region.NonZero, new(NormalisationKind.Window) { WindowLower = -1, WindowUpper = 1000 });
        var cropped = Preprocessing.Prepare([scan], recipe);
        var expected = Normalisation.Window(Resampling.Resample(Orientation.ToCanonical(scan), cropped.Geometry, Interpolation.CubicSpline), -1, 1000);

        Assert.True(cropped.Geometry.Size.Count < Preprocessing.Prepare([scan], recipe with { Crop = Region.Whole }).Geometry.Size.Count / 2);
        Assert.Equal(expected.Voxels, cropped.Voxels);

        // A mask takes the same way, and keeps its labels.
        var labels = Preprocessing.PrepareLabels(cropped, new(scan.Geometry, Array.ConvertAll(scan.Voxels, v => (byte)(v > 450 ? 7 : 0))));
        Assert.Equal(cropped.Geometry, labels.Geometry);
        Assert.Equal(new byte[] { 0, 7 }, labels.Labels.Distinct().Order());
    }

    /// <summary>Every channel widens the box: a lesion that only one contrast shows is not lost.</summary>
    [Fact]
    public void The_box_holds_the_region_of_every_channel()
    {
        var (one, other) = (Scan(outside: 0), Scan(outside: 0));
        other[0, 0, 0] = 5;
        var recipe = new PreprocessingRecipe(new(1, 1, 2), Interpolation.Linear, Region.NonZero, Score);

        Assert.Equal(new Size3(12, 12, 10), Preprocessing.Prepare([one, other], recipe).Box.Size);
        Assert.Equal(new Size3(8, 10, 6), Preprocessing.Prepare([one, one], recipe).Box.Size);
    }

    /// <summary>Oracle: numpy and scipy by the words of docs/reference/model-file.md.</summary>
    [Theory]
    [InlineData(Region.Whole, 0, 100)]
    [InlineData(Region.NonZero, 0, 100)]
    [InlineData(Region.NonZero, 2, 97)]
    [InlineData(Region.Whole, 0, 90)]
    public void Numpy_normalises_alike(Region region, double lower, double upper)
    {
        using var folder = new TemporaryFolder();
        var scan = Orientation.ToCanonical(Scan(outside: 0));
        var prepared = Preprocessing.Prepare([scan], new(new(0.85, 1.15, 2), Interpolation.CubicSpline, Region.Whole, Score with { Region = region, LowerPercentile = lower, UpperPercentile = upper }));
        NiftiFile.Write(folder.File("in.nii"), scan);
        NiftiFile.Write(folder.File("out.nii"), new Volume(prepared.Geometry, prepared.Voxels));
        var output = Shared.Run("python3-scipy python3-nibabel", Shared.Python, "-c", FormattableString.Invariant($$"""
            import nibabel, numpy
            from scipy.ndimage import map_coordinates
            s, t = nibabel.load(r'{{folder.File("in.nii")}}'), nibabel.load(r'{{folder.File("out.nii")}}')
            m = numpy.linalg.inv(s.affine) @ t.affine
            at = numpy.clip(m[:3, :3] @ numpy.indices(t.shape).reshape(3, -1) + m[:3, 3:], 0, numpy.array(s.shape)[:, None] - 1)
            v = map_coordinates(s.get_fdata(), at, order=3, mode='mirror')
            mask = s.get_fdata()[tuple(numpy.floor(at + 0.5 + 1e-9).astype(int))] != 0 if '{{region}}' == 'NonZero' else numpy.ones(v.size, bool)
            if ({{lower}}, {{upper}}) != (0, 100):
                v = numpy.clip(v, numpy.percentile(v[mask], {{lower}}) if {{lower}} > 0 else None, numpy.percentile(v[mask], {{upper}}) if {{upper}} < 100 else None)
            z = (v - v[mask].mean()) / v[mask].std()
            z[~mask] = 0
            print('%.9f' % abs(z.reshape(t.shape) - t.get_fdata()).max())
            """));
        Assert.InRange(double.Parse(output, System.Globalization.CultureInfo.InvariantCulture), 0, 1e-4);
    }

    [Fact]
    public void A_recipe_that_contradicts_itself_is_refused()
    {
        (string, string)? Fault(Func<PreprocessingRecipe, PreprocessingRecipe> change) => change(new(new(1, 1, 1), Interpolation.Linear, Region.Whole, Score)).Fault();
        Assert.Null(Fault(r => r));
        Assert.Equal(("interpolation \"Nearest\"", "\"linear\" or \"cubic-b-spline\""), Fault(r => r with { Interpolation = Interpolation.Nearest }));
        Assert.Equal(("an unknown crop or normalisation", "a documented one"), Fault(r => r with { Crop = (Region)9 }));
        Assert.Equal(("clipping from percentile 5 to 101", "percentiles from 0 to 100, the lower one first"), Fault(r => r with { Normalisation = Score with { LowerPercentile = 5, UpperPercentile = 101 } }));
        Assert.Equal(("a window from 40 to 40", "two numbers, the smaller one first"), Fault(r => r with { Normalisation = new(NormalisationKind.Window) { WindowLower = 40, WindowUpper = 40 } }));
    }

    /// <summary>14 x 14 x 12 voxels of 1 x 1 x 2 mm along L, P, S; tissue of 400 to 500 in 6 x 8 x 4 of them.</summary>
    private static Volume Scan(float outside)
    {
        var volume = new Volume(new(new(14, 14, 12), new(new(-1, 0, 0), new(0, -1, 0), new(0, 0, 2), new(20, 30, -5))), new float[14 * 14 * 12]);
        for (var v = 0; v < volume.Voxels.Length; v++)
        {
            var (i, j, k) = volume.Geometry.IndexOf(v);
            var isTissue = i is >= 5 and <= 10 && j is >= 3 and <= 10 && k is >= 5 and <= 8;
            volume.Voxels[v] = isTissue ? 400 + 100 * MathF.Abs(MathF.Sin(v)) : outside;
        }

        return volume;
    }
}
