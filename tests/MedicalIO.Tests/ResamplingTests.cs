using CsCheck;
using Credence.MedicalIO.Nifti;

namespace Credence.MedicalIO.Tests;

public sealed class ResamplingTests
{
    [Fact]
    public void Trilinear_reproduces_a_linear_function_of_space_inside_the_volume() =>
        Gen.Select(Gen.Double[-1, 1].Array[3], Gen.Double[0.5, 2].Array[3]).Sample((gradient, spacing) =>
        {
            double Field(Vector3D p) => new Vector3D(gradient[0], gradient[1], gradient[2]).Dot(p);
            var source = Filled(new(new(6, 5, 4), Affine.Scaling(new(1, 1.5, 2))), Field);
            var target = source.Geometry.WithSpacing(new(spacing[0], spacing[1], spacing[2]));
            var resampled = Resampling.Resample(source, target, Interpolation.Linear);

            var toSource = source.Geometry.Affine.Inverse();
            for (var v = 0; v < resampled.Voxels.Length; v++)
            {
                var (i, j, k) = target.IndexOf(v);
                var world = target.Affine.Apply(new(i, j, k));
                var index = toSource.Apply(world);
                if (index is { X: >= 0 and <= 5, Y: >= 0 and <= 4, Z: >= 0 and <= 3 })
                {
                    Assert.Equal(Field(world), resampled.Voxels[v], tolerance: 1e-4);
                }
            }
        }, iter: 500, seed: "0N0XIzNsQ0O2", threads: 1);

    [Fact]
    public void Another_spacing_keeps_the_box() =>
        Gen.Select(Gen.Int[1, 40].Array[3], Gen.Double[0.3, 4].Array[3], Gen.Double[0.3, 4].Array[3]).Sample((edges, old, spacing) =>
        {
            var geometry = new VolumeGeometry(new(edges[0], edges[1], edges[2]), Affine.Scaling(new(old[0], old[1], old[2])) with { Origin = new(3, 4, 5) });
            var target = geometry.WithSpacing(new(spacing[0], spacing[1], spacing[2]));
            Vector3D Centre(VolumeGeometry g) => g.Affine.Apply(new((g.Size.Width - 1) / 2.0, (g.Size.Height - 1) / 2.0, (g.Size.Depth - 1) / 2.0));

            Assert.True((Centre(geometry) - Centre(target)).Length < 1e-9);
            var (oldWidth, newWidth) = (edges[0] * old[0], target.Size.Width * spacing[0]);
            Assert.True(target.Size.Width == 1 || Math.Abs(oldWidth - newWidth) <= spacing[0] / 2 + 1e-9);
        }, iter: 2_000, seed: "0N0XIzNsQ0O2", threads: 1);

    [Fact]
    public void The_same_grid_gives_the_same_volume()
    {
        var source = Filled(new(new(3, 3, 3), Affine.Scaling(new(1, 2, 3))), p => p.X + p.Y);
        Assert.Equal(source.Voxels, Resampling.Resample(source, source.Geometry with { }, Interpolation.Linear).Voxels);
    }

    [Fact]
    public void Beyond_the_rim_the_outside_value_stands()
    {
        var source = Filled(new(new(3, 3, 3), Affine.Identity), _ => 5);
        var target = new VolumeGeometry(new(9, 1, 1), Affine.Identity with { Origin = new(-3, 1, 1) });

        Assert.Equal([-1, -1, 5, 5, 5, 5, 5, -1, -1], Resampling.Resample(source, target, Interpolation.Linear, outside: -1).Voxels);
    }

    /// <summary>Oracle: scipy.ndimage.map_coordinates at positions moved into the volume, as we move them within the rim.</summary>
    [Theory]
    [InlineData(Interpolation.Linear, 1)]
    [InlineData(Interpolation.Nearest, 0)]
    [InlineData(Interpolation.CubicSpline, 3)]
    public void Scipy_finds_the_same_values(Interpolation interpolation, int order)
    {
        var random = new Random(7);
        var (sine, cosine) = Math.SinCos(0.2);
        var source = Filled(new(new(9, 8, 7), new(new(cosine, sine, 0), new(-sine, cosine, 0), new(0, 0, 2), new(1, 2, 3))), _ => random.NextDouble());
        AssertAsScipy(source, source.Geometry.WithSpacing(new(0.77, 1.31, 1.13)), interpolation, order);
    }

    /// <summary>Oracle: scipy. Splines of long volumes are computed in slabs of the target, whichever axis of the source these cross.</summary>
    [Theory]
    [InlineData(5, 6, 250, new[] { 0, 1, 2 })]
    [InlineData(5, 250, 6, new[] { 2, 0, 1 })]
    [InlineData(250, 5, 6, new[] { 1, 2, 0 })]
    [InlineData(90, 80, 5, new[] { 0, 2, 1 })]
    public void Slabs_of_a_spline_join_without_a_seam(int width, int height, int depth, int[] axes)
    {
        var random = new Random(11);
        var source = Filled(new(new(width, height, depth), Affine.Identity with { Origin = new(4, 5, 6) }), _ => random.NextDouble());
        Vector3D[] directions = [new(0.83, 0, 0), new(0, -0.71, 0), new(0, 0, 1.3)];
        int[] edges = [(int)(width / 0.83), (int)(height / 0.71), (int)(depth / 1.3)];
        var (i, j, k) = (axes[0], axes[1], axes[2]);
        var corner = new Vector3D(4.2, 4.9 + height - 1, 6.1);
        AssertAsScipy(source, new(new(edges[i], edges[j], edges[k]), new(directions[i], directions[j], directions[k], corner)), Interpolation.CubicSpline, order: 3);
    }

    private static void AssertAsScipy(Volume source, VolumeGeometry target, Interpolation interpolation, int order)
    {
        using var folder = new TemporaryFolder();
        NiftiFile.Write(folder.File("source.nii"), source);
        NiftiFile.Write(folder.File("target.nii"), Resampling.Resample(source, target, interpolation));
        var output = Shared.Run("python3-scipy python3-nibabel", Shared.Python, "-c", $$"""
            import nibabel, numpy
            from scipy.ndimage import map_coordinates
            source, target = nibabel.load(r'{{folder.File("source.nii")}}'), nibabel.load(r'{{folder.File("target.nii")}}')
            index = numpy.indices(target.shape).reshape(3, -1)
            m = numpy.linalg.inv(source.affine) @ target.affine
            at = m[:3, :3] @ index + m[:3, 3:]
            at = numpy.clip(at, 0, numpy.array(source.shape)[:, None] - 1)
            expected = map_coordinates(source.get_fdata(), at, order={{order}}, mode='mirror').reshape(target.shape)
            print('%.9f' % abs(expected - target.get_fdata()).max())
            """);

        Assert.InRange(double.Parse(output, System.Globalization.CultureInfo.InvariantCulture), 0, 1e-4);
    }

    /// <summary>Oracle: scipy, plane by plane: thick slices are not smoothed across.</summary>
    [Fact]
    public void Thick_slices_are_interpolated_linearly_between_splines()
    {
        using var folder = new TemporaryFolder();
        var random = new Random(8);
        var source = Filled(new(new(9, 8, 5), Affine.Scaling(new(1, 1, 4))), _ => random.NextDouble());
        var target = new VolumeGeometry(new(12, 11, 9), new(new(0.7, 0, 0), new(0, 0.65, 0), new(0, 0, 2), default));
        NiftiFile.Write(folder.File("source.nii"), source);
        NiftiFile.Write(folder.File("target.nii"), Resampling.Resample(source, target, Interpolation.CubicSpline));
        var output = Shared.Run("python3-scipy python3-nibabel", Shared.Python, "-c", $$"""
            import nibabel, numpy
            from scipy.ndimage import map_coordinates
            s, t = nibabel.load(r'{{folder.File("source.nii")}}').get_fdata(), nibabel.load(r'{{folder.File("target.nii")}}').get_fdata()
            at = numpy.stack(numpy.meshgrid(numpy.arange(12) * 0.7, numpy.arange(11) * 0.65, indexing='ij')).reshape(2, -1)
            planes = [map_coordinates(s[..., k], at, order=3, mode='mirror').reshape(12, 11) for k in range(5)]
            expected = numpy.stack([planes[k // 2] if k % 2 == 0 else (planes[k // 2] + planes[k // 2 + 1]) / 2 for k in range(9)], axis=-1)
            print('%.9f' % abs(expected - t).max())
            """);

        Assert.InRange(double.Parse(output, System.Globalization.CultureInfo.InvariantCulture), 0, 1e-4);
    }

    [Fact]
    public void A_spline_passes_through_the_voxels()
    {
        var random = new Random(9);
        var source = Filled(new(new(2, 7, 1), Affine.Identity), _ => random.NextDouble());
        var shifted = source.Geometry with { Affine = source.Geometry.Affine with { Origin = new(0, 1e-12, 0) } };

        Assert.All(source.Voxels.Zip(Resampling.Resample(source, shifted, Interpolation.CubicSpline).Voxels), p => Assert.Equal(p.First, p.Second, tolerance: 1e-5f));
    }

    private static Volume Filled(VolumeGeometry geometry, Func<Vector3D, double> field)
    {
        var voxels = new float[geometry.Size.Count];
        for (var v = 0; v < voxels.Length; v++)
        {
            var (i, j, k) = geometry.IndexOf(v);
            voxels[v] = (float)field(geometry.Affine.Apply(new(i, j, k)));
        }

        return new(geometry, voxels);
    }
}
