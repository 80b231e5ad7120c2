using Credence.Inference.Metrics;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;
using Credence.Trainer.Datasets;
using Credence.Trainer.Phantoms;

namespace Credence.Trainer.Tests;

public sealed class PhantomTests
{
    private static readonly PhantomOptions Options = new();

    [Fact]
    public void Same_seed_same_phantom_and_another_seed_another()
    {
        var (a, b, c) = (Phantom.Create(Options, 3), Phantom.Create(Options, 3), Phantom.Create(Options, 4));

        Assert.Equal(a.Scan.Voxels, b.Scan.Voxels);
        Assert.Equal(a.Lesions.Labels, b.Lesions.Labels);
        Assert.NotEqual(a.Scan.Voxels, c.Scan.Voxels);
        Assert.Contains((byte)1, a.Lesions.Labels);
    }

    [Fact]
    public void No_threshold_finds_the_lesions()
    {
        // The best global threshold of each phantom, chosen with the reference at hand, is still far from the demo's target of 0.7.
        for (var seed = 0; seed < 4; seed++)
        {
            var phantom = Phantom.Create(Options, seed);
            var best = Enumerable.Range(1, 60).Max(n => DiceScore.Compute(
                new LabelMap(phantom.Scan.Geometry, [.. phantom.Scan.Voxels.Select(v => (byte)(v > 20 * n ? 1 : 0))]), phantom.Lesions, 1));
            Assert.InRange(best, 0, 0.5);
        }
    }

    [Fact]
    public void Air_has_the_mean_of_rician_noise()
    {
        var phantom = Phantom.Create(Options, 1);
        // A corner of the volume, outside the head: there the magnitude is Rayleigh distributed, with mean sigma sqrt(pi/2).
        var corner = Enumerable.Range(0, (int)phantom.Scan.Geometry.Size.Count)
            .Where(v => phantom.Scan.Geometry.IndexOf(v) is ( < 6, < 6, _))
            .Select(v => (double)phantom.Scan.Voxels[v]).ToList();

        var expected = Options.Scale * Options.NoiseSigma * Math.Sqrt(Math.PI / 2);
        Assert.Equal(expected, corner.Average(), tolerance: 0.03 * expected);
    }

    [Fact]
    public void Grids_are_anisotropic_and_oblique()
    {
        var affines = Enumerable.Range(0, 5).Select(seed => Phantom.Create(Options, seed).Scan.Geometry.Affine).ToList();

        Assert.All(affines, a => Assert.Equal(2, a.Spacing.Z / a.Spacing.X, tolerance: 1e-9));
        Assert.All(affines, a => Assert.True(Math.Abs(a.ColumnK.X) + Math.Abs(a.ColumnK.Y) > 1e-3));
        Assert.All(affines, a => Assert.Equal("LPS", Orientation.Code(a)));
    }

    [Fact]
    public void Both_formats_hold_the_same_scans()
    {
        using var folder = new TemporaryFolder();
        var small = Options with { Size = new(24, 30, 10), Spacing = new(4, 4, 6) };
        PhantomDataset.Write(folder.File("nifti"), 2, 7, PhantomFormat.Nifti, small);
        PhantomDataset.Write(folder.File("dicom"), 2, 7, PhantomFormat.Dicom, small);

        var (nifti, dicom) = (Dataset.Open(folder.File("nifti")), Dataset.Open(folder.File("dicom")));
        for (var n = 0; n < 2; n++)
        {
            var (a, b) = (CaseReader.Read(nifti, nifti.Cases[n]), CaseReader.Read(dicom, dicom.Cases[n]));
            Assert.True(a.Channels[0].Geometry.IsSameGrid(b.Channels[0].Geometry));
            Assert.Equal(a.Channels[0].Voxels, b.Channels[0].Voxels);
            Assert.Equal(a.Mask.Labels, b.Mask.Labels);
        }
    }
}
