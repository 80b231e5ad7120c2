using System.Globalization;
using CsCheck;
using Credence.MedicalIO.Nifti;

namespace Credence.MedicalIO.Tests;

public sealed class NormalisationTests
{
    private static readonly VolumeGeometry Line = new(new(6, 1, 1), Affine.Identity);

    [Fact]
    public void Z_score_gives_mean_0_and_deviation_1()
    {
        var scored = Normalisation.ZScore(new(Line, [1, 2, 3, 4, 5, 1_700_000])).Voxels;

        Assert.Equal(0, scored.Average(v => (double)v), tolerance: 1e-6);
        Assert.Equal(1, scored.Average(v => (double)v * v), tolerance: 1e-5);
    }

    [Fact]
    public void Only_voxels_in_the_mask_count()
    {
        var scored = Normalisation.ZScore(new(Line, [0, 0, 2, 4, 0, 6]), new(Line, [0, 0, 1, 1, 0, 1])).Voxels;
        var deviation = Math.Sqrt(8.0 / 3);

        Assert.Equal([(float)(-4 / deviation), (float)(-4 / deviation), (float)(-2 / deviation), 0, (float)(-4 / deviation), (float)(2 / deviation)], scored);
    }

    [Fact]
    public void A_constant_volume_or_an_empty_mask_becomes_0()
    {
        Assert.Equal(new float[6], Normalisation.ZScore(new(Line, [7, 7, 7, 7, 7, 7])).Voxels);
        Assert.Equal(new float[6], Normalisation.ZScore(new(Line, [1, 2, 3, 4, 5, 6]), new(Line, new byte[6])).Voxels);
    }

    [Fact]
    public void A_large_offset_does_not_lose_the_deviation()
    {
        var scored = Normalisation.ZScore(new(Line, [1_000_000, 1_000_001, 1_000_000, 1_000_001, 1_000_000, 1_000_001])).Voxels;
        Assert.All(scored, v => Assert.Equal(1, Math.Abs(v), tolerance: 1e-5f));
    }

    [Fact]
    public void A_window_maps_its_ends_to_minus_1_and_1() =>
        Assert.Equal([-1, -1, 0, 0.5f, 1, 1], Normalisation.Window(new(Line, [-1024, -160, 40, 140, 240, 3000]), -160, 240).Voxels);

    /// <summary>Oracle: sorting.</summary>
    [Fact]
    public void A_percentile_is_that_of_the_sorted_voxels() =>
        Gen.Select(Gen.Float[-1e6f, 1e6f].Array[1, 60], Gen.Double[0, 100], Gen.Bool.Array[60]).Sample((voxels, percent, isIn) =>
        {
            var grid = new VolumeGeometry(new(voxels.Length, 1, 1), Affine.Identity);
            foreach (var mask in new[] { null, new LabelMap(grid, [.. voxels.Select((_, n) => (byte)(isIn[n] ? 3 : 0))]) })
            {
                var sorted = voxels.Where((_, n) => mask is null || isIn[n]).Order().ToList();
                var place = percent / 100 * (sorted.Count - 1);
                var expected = sorted.Count == 0 ? 0 : sorted[(int)place] + (place - (int)place) * ((double)sorted[Math.Min(sorted.Count - 1, (int)place + 1)] - sorted[(int)place]);
                Assert.Equal(expected, Percentile.Of(voxels, mask, percent), tolerance: 1e-9 * (1 + Math.Abs(expected)));
            }
        }, iter: 2_000, seed: "0N0XIzNsQ0O2", threads: 1);

    /// <summary>Oracle: numpy clips and scores, Otsu by trying every threshold, scipy labels; on a bright ellipsoid with a hot spot, in noise, beside a small second part.</summary>
    [Fact]
    public void Numpy_and_scipy_find_the_same_values_body_and_box()
    {
        using var folder = new TemporaryFolder();
        var (size, random) = (new Size3(30, 25, 20), new Random(3));
        var volume = new Volume(new(size, Affine.Identity), new float[size.Count]);
        for (var v = 0; v < volume.Voxels.Length; v++)
        {
            var (i, j, k) = volume.Geometry.IndexOf(v);
            var isInside = Math.Pow((i - 14) / 9.0, 2) + Math.Pow((j - 11) / 7.0, 2) + Math.Pow((k - 9) / 6.0, 2) < 1 || i > 27 && j > 22;
            volume.Voxels[v] = (float)((isInside ? 300 + 60 * random.NextDouble() : 40 * random.NextDouble()) + (v == 7_000 ? 50_000 : 0));
        }

        var body = Foreground.Body(volume);
        var box = Foreground.Box(body);
        NiftiFile.Write(folder.File("in.nii"), volume);
        NiftiFile.Write(folder.File("body.nii"), body);
        NiftiFile.Write(folder.File("scored.nii"), Normalisation.ZScore(Normalisation.ClipPercentiles(volume, 1, 99, body), body));
        var output = Shared.Run("python3-scipy python3-nibabel", Shared.Python, "-c", $$"""
            import nibabel, numpy
            from scipy import ndimage
            v = nibabel.load(r'{{folder.File("in.nii")}}').get_fdata()
            low, high = v.min(), numpy.percentile(v, 99.5)
            bins = numpy.clip(((v - low) / (high - low) * 256).astype(int), 0, 255)
            def within(t):
                a, b = bins[bins <= t], bins[bins > t]
                return a.size * a.var() + b.size * b.var() if a.size and b.size else numpy.inf
            t = min(range(255), key=within)
            labels, n = ndimage.label(v > low + (t + 1) * (high - low) / 256)
            body = labels == 1 + numpy.argmax(numpy.bincount(labels.ravel())[1:])
            clipped = numpy.clip(v, *numpy.percentile(v[body], [1, 99]))
            scored = (clipped - clipped[body].mean()) / clipped[body].std()
            print(n, (body != (nibabel.load(r'{{folder.File("body.nii")}}').get_fdata() > 0)).sum(), '%.9f' % abs(scored - nibabel.load(r'{{folder.File("scored.nii")}}').get_fdata()).max())
            print(*[f'{s.start} {s.stop - s.start}' for s in ndimage.find_objects(body.astype(int))[0]])
            """).Split('\n');

        var line = output[0].Split(' ');
        Assert.True(int.Parse(line[0], CultureInfo.InvariantCulture) > 1, "one part only: nothing to choose from");
        Assert.Equal("0", line[1]);
        Assert.InRange(double.Parse(line[2], CultureInfo.InvariantCulture), 0, 1e-4);
        Assert.Equal($"{box.I} {box.Size.Width} {box.J} {box.Size.Height} {box.K} {box.Size.Depth}", output[1]);
    }

    [Fact]
    public void What_was_cut_out_goes_back_to_its_place() =>
        Gen.Select(Gen.Int[1, 9].Array[3], Gen.Double[0, 1].Array[6], Gen.Int[0, 3]).Sample((edges, shares, margin) =>
        {
            var grid = new VolumeGeometry(new(edges[0], edges[1], edges[2]), new(new(0, 2, 0), new(-1, 0, 0), new(0, 0.5, 3), new(5, 6, 7)));
            var mask = new LabelMap(grid, new byte[grid.Size.Count]);
            var (a, b) = (At(0), At(3));
            mask.Labels[a.I + edges[0] * (a.J + edges[1] * a.K)] = 1;
            mask.Labels[b.I + edges[0] * (b.J + edges[1] * b.K)] = 2;
            var box = Foreground.Box(mask).Grow(margin, grid.Size);
            var part = box.Of(grid);
            var whole = box.PutBack([.. Enumerable.Range(0, (int)part.Size.Count).Select(v => (float)v)], grid, outside: -1);

            var seen = 0;
            for (var v = 0; v < whole.Voxels.Length; v++)
            {
                var (i, j, k) = grid.IndexOf(v);
                bool Within(int x, int one, int other) => x >= Math.Min(one, other) - margin && x <= Math.Max(one, other) + margin;
                Assert.Equal(Within(i, a.I, b.I) && Within(j, a.J, b.J) && Within(k, a.K, b.K), whole.Voxels[v] >= 0);
                if (whole.Voxels[v] >= 0)
                {
                    var (x, y, z) = part.IndexOf((int)whole.Voxels[v]);
                    Assert.True((part.Affine.Apply(new(x, y, z)) - grid.Affine.Apply(new(i, j, k))).Length < 1e-9);
                    seen++;
                }
            }

            Assert.Equal(part.Size.Count, seen);

            (int I, int J, int K) At(int n) => ((int)(shares[n] * (edges[0] - 1)), (int)(shares[n + 1] * (edges[1] - 1)), (int)(shares[n + 2] * (edges[2] - 1)));
        }, iter: 500, seed: "0N0XIzNsQ0O2", threads: 1);
}
