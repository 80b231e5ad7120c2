using System.Globalization;
using Credence.MedicalIO.Nifti;

namespace Credence.MedicalIO.Tests;

/// <summary>NIfTI files of other software, and nibabel as the oracle.</summary>
public sealed class NiftiPeerTests
{
    /// <summary>One image stored along all 48 axis orders and directions has one canonical form, and its name says how it was stored.</summary>
    [Fact]
    public void Forty_eight_orientations_are_one_image()
    {
        var files = Directory.GetFiles(Shared.Folder("data/nifti/orientations48"), "*.nii.gz").Order(StringComparer.Ordinal).ToList();
        var volumes = files.ConvertAll(f => NiftiFile.Read(f));

        Assert.Equal(48, volumes.Count);
        var reference = Orientation.ToCanonical(volumes[0]);
        Assert.All(files.Zip(volumes), pair =>
        {
            var canonical = Orientation.ToCanonical(pair.Second);
            Assert.Equal(reference.Voxels, canonical.Voxels);
            Assert.True(canonical.Geometry.IsSameGrid(reference.Geometry, 1e-3), pair.First);
            Assert.Equal(Path.GetFileName(pair.First)[..3], Orientation.Code(pair.Second.Geometry.Affine));
        });
    }

    /// <summary>Oracle: nibabel's affine, and the sum and the number of NaN of each volume.</summary>
    [Fact]
    public void Files_of_nibabel_read_as_nibabel_reads_them()
    {
        var root = Shared.Folder("data/nifti/nibabel");
        var output = Shared.Run("python3-nibabel", Shared.Python, "-c", $$"""
            import nibabel, glob, numpy
            for f in sorted(glob.glob(r'{{root}}/*.nii*')):
                i = nibabel.load(f)
                d = i.get_fdata()
                d = d.reshape(d.shape[:3] + (-1,), order='F')
                if d.shape[0] * d.shape[1] * d.shape[2] == 1: continue
                for t in range(d.shape[3]):
                    print('VOLUME', f, t, repr(float(numpy.nansum(d[..., t]))), repr(float(numpy.isnan(d[..., t]).sum())), *['%.6f' % x for x in i.affine[:3].ravel()])
            """);
        var lines = output.Split('\n').Where(l => l.StartsWith("VOLUME ", StringComparison.Ordinal)).Select(l => l.Split(' ')).ToList();

        Assert.True(lines.Count > 20, $"{lines.Count} volumes");
        Assert.All(lines, l =>
        {
            var volume = NiftiFile.Read(l[1], new() { Volume = int.Parse(l[2], CultureInfo.InvariantCulture), Resample = false });
            var numbers = l.Skip(3).Select(t => double.Parse(t, CultureInfo.InvariantCulture)).ToArray();
            var a = volume.Geometry.Affine;
            Assert.Equal(numbers[0], volume.Voxels.Where(v => !float.IsNaN(v)).Sum(v => (double)v), tolerance: 1e-5 * Math.Max(1, Math.Abs(numbers[0])));
            Assert.Equal(numbers[1], volume.Voxels.Count(float.IsNaN));
            Assert.All(numbers.Skip(2).Zip(new[] { a.ColumnI.X, a.ColumnJ.X, a.ColumnK.X, a.Origin.X, a.ColumnI.Y, a.ColumnJ.Y, a.ColumnK.Y, a.Origin.Y, a.ColumnI.Z, a.ColumnJ.Z, a.ColumnK.Z, a.Origin.Z }),
                p => Assert.Equal(p.First, p.Second, tolerance: 1e-4));
        });
    }

    /// <summary>Oracle: nibabel writes each kind of file from the same numbers.</summary>
    [Fact]
    public void Every_kind_of_file_that_nibabel_writes_is_read()
    {
        using var folder = new TemporaryFolder();
        Shared.Run("python3-nibabel", Shared.Python, "-c", $$"""
            import nibabel, numpy
            from nibabel.nifti1 import Nifti1Extension
            a = numpy.array([[-2, 0.1, 0, 5], [0.1, 2, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
            d = numpy.arange(3 * 4 * 5 * 2).reshape((3, 4, 5, 2), order='F').astype('int16')
            nibabel.save(nibabel.Nifti1Image(d, a), r'{{folder.Path}}/one.nii.gz')
            nibabel.save(nibabel.Nifti2Image(d, a), r'{{folder.Path}}/two.nii')
            nibabel.save(nibabel.Nifti1Pair(d, a), r'{{folder.Path}}/pair.hdr')
            nibabel.save(nibabel.Nifti2Pair(d, a), r'{{folder.Path}}/pair2.hdr')
            big = nibabel.Nifti2Image(d.astype('>f8'), a, nibabel.Nifti2Header(endianness='>'))
            big.set_data_dtype('>f8')
            nibabel.save(big, r'{{folder.Path}}/big.nii')
            e = nibabel.Nifti1Image(d[..., 0], a)
            e.header.extensions.append(Nifti1Extension('comment', b'kept as it is'))
            nibabel.save(e, r'{{folder.Path}}/extended.nii')
            nibabel.save(nibabel.Nifti1Image((d[..., 0] + 1j * d[..., 1]).astype('complex64'), a), r'{{folder.Path}}/complex.nii')
            rgb = numpy.zeros((3, 4, 5), dtype=[('R', 'u1'), ('G', 'u1'), ('B', 'u1')]); rgb['G'] = d[..., 0]
            nibabel.save(nibabel.Nifti1Image(rgb, a), r'{{folder.Path}}/rgb.nii')
            s = a.copy(); s[0, 1] = 1
            shear = nibabel.Nifti1Image(d[..., 0], s); shear.set_qform(None); nibabel.save(shear, r'{{folder.Path}}/shear.nii')
            c = nibabel.Nifti1Image(d[..., 0], a); q = a.copy(); q[:3, 3] += 10; c.set_qform(q, 1); nibabel.save(c, r'{{folder.Path}}/conflict.nii')
            i = numpy.indices((12, 14, 10)).reshape(3, -1)
            r = (1000 + numpy.array([10, 20, 30]) @ (s[:3, :3] @ i + s[:3, 3:])).reshape(12, 14, 10).astype('float32')
            ramp = nibabel.Nifti1Image(r, s); ramp.set_qform(None); nibabel.save(ramp, r'{{folder.Path}}/ramp.nii')
            m = nibabel.Nifti1Image(d[..., 0], a); m.header.set_xyzt_units('micron'); nibabel.save(m, r'{{folder.Path}}/micron.nii')
            """);

        foreach (var name in new[] { "one.nii.gz", "two.nii", "pair.hdr", "pair2.hdr", "big.nii" })
        {
            var volumes = NiftiFile.ReadAll(folder.File(name));
            Assert.Equal(2, volumes.Count);
            Assert.Equal(Enumerable.Range(0, 120).Select(v => (float)v), volumes.SelectMany(v => v.Voxels));
            Assert.Equal(volumes[1].Voxels, NiftiFile.Read(folder.File(name), new() { Volume = 1 }).Voxels);
            Assert.Contains("2 volumes of 3 x 4 x 5", Assert.Throws<UnsupportedImageException>(() => NiftiFile.Read(folder.File(name))).Message, StringComparison.Ordinal);
            Assert.Contains("2 volumes; expected at least 3", Assert.Throws<InvalidImageFileException>(() => NiftiFile.Read(folder.File(name), new() { Volume = 2 })).Message, StringComparison.Ordinal);
        }

        var first = NiftiFile.Read(folder.File("extended.nii"));
        var extension = Assert.Single(NiftiFile.ReadInfo(folder.File("extended.nii")).Extensions);
        Assert.Equal(6, extension.Code);
        NiftiFile.Write(folder.File("copy.nii"), first, NiftiDataType.Int16, [extension]);
        Assert.Equal("(3, 4, 5) kept as it is", Shared.Run("python3-nibabel", Shared.Python, "-c",
            $"import nibabel; i = nibabel.load(r'{folder.File("copy.nii")}'); print(i.get_fdata().shape, i.header.extensions[0].get_content().decode().rstrip(chr(0)))").Trim());

        Assert.Contains("voxels of type Complex64", Assert.Throws<UnsupportedImageException>(() => NiftiFile.Read(folder.File("complex.nii"))).Message, StringComparison.Ordinal);
        Assert.Equal(first.Voxels, NiftiFile.Read(folder.File("complex.nii"), new() { Component = NiftiComponent.Real }).Voxels);
        Assert.Equal(first.Voxels.Select(v => v + 60), NiftiFile.Read(folder.File("complex.nii"), new() { Component = NiftiComponent.Imaginary }).Voxels);
        Assert.Equal(first.Voxels, NiftiFile.Read(folder.File("rgb.nii"), new() { Component = NiftiComponent.Green }).Voxels);
        Assert.Contains("expected voxels with a real component", Assert.Throws<UnsupportedImageException>(() => NiftiFile.Read(folder.File("rgb.nii"), new() { Component = NiftiComponent.Real })).Message, StringComparison.Ordinal);

        Assert.Matches(@"sheared axes, 6\d\.\d degrees apart where 90 is expected", Assert.Throws<UnsupportedImageException>(() => NiftiFile.Read(folder.File("shear.nii"))).Message);
        var straight = NiftiFile.Read(folder.File("shear.nii"), new() { Resample = true });
        Assert.InRange(straight.Geometry.Affine.Shear, 0, 1e-9);
        AssertRamp(folder);

        Assert.Equal("sform and qform place a corner 17.3 mm apart; sform is used", Assert.Single(NiftiFile.ReadInfo(folder.File("conflict.nii")).Problems));
        Assert.Equal(first.Geometry.Affine.Origin, NiftiFile.Read(folder.File("conflict.nii")).Geometry.Affine.Origin);
        Assert.Equal(0.003, NiftiFile.Read(folder.File("micron.nii")).Geometry.Spacing.Z, tolerance: 1e-7);
    }

    /// <summary>Oracle: nibabel reads the stored numbers of file and copy: of every type, in both byte orders, with the ends of their ranges, and of one volume of two.</summary>
    [Fact]
    public void Copies_hold_the_stored_numbers()
    {
        using var folder = new TemporaryFolder();
        Shared.Run("python3-nibabel", Shared.Python, "-c", $$"""
            import nibabel, numpy
            for order in '<>':
                for code in ('u1', 'i1', 'i2', 'u2', 'i4', 'u4', 'i8', 'u8', 'f4', 'f8'):
                    t = numpy.dtype(order + code)
                    d = numpy.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2).astype(t)
                    d[0, 0, 0, :], d[1, 0, 0, :] = (numpy.iinfo(t).min, numpy.iinfo(t).max) if t.kind in 'iu' else (numpy.pi, numpy.nan)
                    h = nibabel.Nifti2Header(endianness=order)
                    h.set_data_dtype(t)
                    i = nibabel.Nifti2Image(d, numpy.diag([1, 2, 3, 1]), h)
                    i.header.set_slope_inter(0.1 if code == 'i2' else 1, 0)
                    nibabel.save(i, r'{{folder.Path}}/' + ('big' if order == '>' else 'little') + code + '.nii')
            """);
        var files = Directory.GetFiles(folder.Path, "*.nii");
        Assert.Equal(20, files.Length);
        foreach (var file in files)
        {
            NiftiFile.Copy(file, Path.ChangeExtension(file, ".copy.nii.gz"), volume: 1);
        }

        Assert.Equal("20 equal", Shared.Run("python3-nibabel", Shared.Python, "-c", $$"""
            import glob, nibabel, numpy
            n = 0
            for f in glob.glob(r'{{folder.Path}}/*[0-9].nii'):
                a, b = nibabel.load(f), nibabel.load(f.replace('.nii', '.copy.nii.gz'))
                x, y = a.dataobj.get_unscaled()[..., 1], b.dataobj.get_unscaled()
                assert x.dtype == y.dtype.newbyteorder(x.dtype.byteorder) and y.dtype.byteorder != '>', (f, x.dtype, y.dtype)
                assert numpy.array_equal(x, y, equal_nan=x.dtype.kind == 'f'), f
                assert a.dataobj.slope == b.dataobj.slope and a.dataobj.inter == b.dataobj.inter and numpy.allclose(a.affine, b.affine), f
                n += 1
            print(n, 'equal')
            """).Trim());
    }

    /// <summary>A ramp in the world is linear on any grid: straightened, it has its value wherever the scan had voxels.</summary>
    private static void AssertRamp(TemporaryFolder folder)
    {
        var sheared = NiftiFile.ReadInfo(folder.File("ramp.nii")).Geometry;
        var straight = NiftiFile.Read(folder.File("ramp.nii"), new() { Resample = true });
        var (inverse, size, inside) = (sheared.Affine.Inverse(), sheared.Size, 0);
        for (var v = 0; v < straight.Voxels.Length; v++)
        {
            var (i, j, k) = straight.Geometry.IndexOf(v);
            var p = straight.Geometry.Affine.Apply(new(i, j, k));
            var at = inverse.Apply(p);
            if (at.X > 0.01 && at.Y > 0.01 && at.Z > 0.01 && at.X < size.Width - 1.01 && at.Y < size.Height - 1.01 && at.Z < size.Depth - 1.01)
            {
                Assert.Equal(1000 + 10 * p.X + 20 * p.Y + 30 * p.Z, straight.Voxels[v], tolerance: 0.01);
                inside++;
            }
        }

        Assert.True(inside > 500, $"{inside} voxels");
    }

    /// <summary>An edge beyond 32 767 voxels does not fit NIfTI-1.</summary>
    [Fact]
    public void Long_volumes_are_written_as_NIfTI_2()
    {
        using var folder = new TemporaryFolder();
        var volume = new Volume(new(new(40_000, 1, 1), Affine.Scaling(new(0.1, 1, 1))), [.. Enumerable.Range(0, 40_000).Select(v => (float)v)]);
        NiftiFile.Write(folder.File("long.nii.gz"), volume);

        Assert.Equal(2, NiftiFile.ReadInfo(folder.File("long.nii.gz")).Version);
        Assert.Equal(volume.Voxels, NiftiFile.Read(folder.File("long.nii.gz")).Voxels);
        Assert.StartsWith("(40000, 1, 1) 799980000", Shared.Run("python3-nibabel", Shared.Python, "-c",
            $"import nibabel; i = nibabel.load(r'{folder.File("long.nii.gz")}'); print(i.shape, int(i.get_fdata().sum()))"), StringComparison.Ordinal);
    }
}
