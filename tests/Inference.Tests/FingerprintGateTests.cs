using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Inference.Tests;

public sealed class FingerprintGateTests
{
    private static readonly VolumeGeometry Grid = new(new(20, 20, 10), Affine.Scaling(new(1, 1, 2)));

    [Fact]
    public void A_scan_like_the_training_cases_is_passed_in_silence()
    {
        Assert.Empty(Check(Scan(5)));
        Assert.Empty(Check(Scan(5, factor: 40, offset: 900))); // z-scored: the scanner's unit is no deviation
        Assert.Empty(Check(Scan(5, spacing: new(1.2, 0.85, 2.4)))); // within the margin of a factor of 1.25
    }

    [Theory]
    [InlineData(1.3, 1, 2, "a spacing of 1.3 mm along left-right; expected 1 to 1 mm")]
    [InlineData(1, 0.7, 2, "a spacing of 0.7 mm along posterior-anterior; expected 1 to 1 mm")]
    [InlineData(1, 1, 3.2, "a spacing of 3.2 mm along inferior-superior; expected 2 to 2 mm")]
    public void A_spacing_beyond_the_margin_is_warned_of(double x, double y, double z, string warning) =>
        Assert.Equal($"scan: {warning}.", Assert.Single(Check(Scan(5, spacing: new(x, y, z)))));

    [Fact]
    public void The_axes_are_those_of_the_body_not_of_the_file()
    {
        var scan = Scan(5);
        var turned = new VolumeGeometry(new(10, 20, 20), new Affine(new(0, 0, 2), new(0, 1, 0), new(1, 0, 0), new(0, 0, 0))); // the first axis of the file points up
        Assert.Empty(Check(new(turned, scan.Voxels)));
    }

    [Fact]
    public void An_inverted_contrast_is_warned_of()
    {
        var warning = Assert.Single(Check(Scan(5, factor: -1)));
        Assert.Contains("a median intensity at 8", warning, StringComparison.Ordinal);
        Assert.Contains("FLAIR had in training", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_masking_is_warned_of()
    {
        var scan = Scan(5);
        var voxels = scan.Voxels.Select((v, n) => n % 3 == 0 ? 0 : v + 1).ToArray();
        Assert.Contains(Check(new(scan.Geometry, voxels)), w => w.Contains("67 % of the voxels that are not 0; expected 100 to 100 %", StringComparison.Ordinal));
    }

    [Fact]
    public void A_constant_scan_is_refused_at_every_limit()
    {
        var constant = new Volume(Grid, Enumerable.Repeat(7f, (int)Grid.Size.Count).ToArray());
        Assert.Equal("scan: 99 % of the voxels with the value 7; expected the contrast of FLAIR. Use a model for such scans, or set no deviation limit (--any-scan) if you know better.",
            Assert.Throws<InvalidScanException>(() => Check(constant, limit: 1000)).Message);
        Assert.Single(Check(constant));
    }

    /// <summary>A channel such as a mask of the brain, or of a contrast that not every patient has.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_constant_scan_of_a_channel_that_was_constant_in_training_is_passed_in_silence(bool isWindow)
    {
        static Volume Constant(float value) => new(Grid, Enumerable.Repeat(value, (int)Grid.Size.Count).ToArray());
        ModelManifest After(params Volume[] training) => Manifest(isWindow ? NormalisationKind.Window : NormalisationKind.ZScore, training);
        Assert.Empty(Check(Constant(0), limit: 1, manifest: After(Constant(0), Constant(0))));
        Assert.Empty(Check(Constant(0), limit: 1, manifest: After(Constant(0), Scan(1))));
        Assert.Empty(Check(Scan(1), limit: 1, manifest: After(Constant(0), Scan(1))));
        Assert.NotEmpty(Check(Constant(7), manifest: After(Constant(0), Constant(0)))); // it was masked in another way
        Assert.NotEmpty(Check(Scan(1), manifest: After(Constant(0), Constant(0))));
    }

    [Fact]
    public void Hounsfield_units_without_their_offset_or_scale_are_noticed_where_a_window_is_used()
    {
        var manifest = Manifest(NormalisationKind.Window);
        Assert.Empty(Check(Scan(5), manifest: manifest));
        Assert.Contains(Check(Scan(5, offset: 1024), manifest: manifest), w => w.Contains("a median intensity of", StringComparison.Ordinal));
        Assert.Contains(Check(Scan(5, factor: 0.001f), manifest: manifest), w => w.Contains("apart; expected", StringComparison.Ordinal));
        Assert.Throws<InvalidScanException>(() => Check(Scan(5, factor: 0.001f), limit: 4, manifest: manifest));
    }

    [Fact]
    public void What_lies_beyond_the_limit_is_refused_with_figures()
    {
        var scan = Scan(5, spacing: new(1, 1, 2 * 1.25 * 1.25 * 1.25)); // three margins outside
        Assert.Single(Check(scan, limit: 3.01));
        var refusal = Assert.Throws<InvalidScanException>(() => Check(scan, limit: 2.99));
        Assert.Equal("scan: a spacing of 3.906 mm along inferior-superior; expected 2 to 2 mm. Use a model for such scans, or raise the deviation limit above 3 (now 2.99) if you know better.", refusal.Message);
    }

    [Fact]
    public void Intensities_that_were_not_recorded_are_not_compared() =>
        Assert.Empty(Check(Scan(5, factor: -1), manifest: TinyModel.Manifest));

    private static IReadOnlyList<string> Check(Volume scan, double? limit = null, ModelManifest? manifest = null) =>
        FingerprintGate.Check([scan], ["scan"], manifest ?? Manifest(NormalisationKind.ZScore), limit);

    private static ModelManifest Manifest(NormalisationKind kind) => Manifest(kind, [.. Enumerable.Range(0, 5).Select(seed => Scan(seed))]);

    private static ModelManifest Manifest(NormalisationKind kind, Volume[] training) => TinyModel.Manifest with
    {
        Normalisation = new(kind),
        Fingerprint = TinyModel.Manifest.Fingerprint with
        {
            Channels = [new(0, 1, 2, 1, 1, 1) { Ranges = ChannelRanges.Of([.. training.Select(scan => ChannelMeasurement.Of(scan.Voxels))]) }],
        },
    };

    /// <summary>Intensities of a skewed distribution from about 20: most are low, some high.</summary>
    private static Volume Scan(int seed, float factor = 1, float offset = 0, Vector3D? spacing = null)
    {
        var random = new Random(seed);
        var voxels = Enumerable.Range(0, (int)Grid.Size.Count).Select(_ => factor * (20 - 100 * MathF.Log(1 - random.NextSingle())) + offset).ToArray();
        return new(spacing is { } s ? new VolumeGeometry(Grid.Size, Affine.Scaling(s)) : Grid, voxels);
    }
}
