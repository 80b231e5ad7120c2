using SkiaSharp;

namespace Credence.Trainer.Reports;

/// <summary>Perceptually uniform colours, readable with every kind of colour vision.</summary>
/// <remarks>Source: viridis and inferno of matplotlib (van der Walt and Smith 2015, CC0), sampled at 9 points and interpolated.</remarks>
internal sealed class ColourMap
{
    private readonly SKColor[] colours;

    private ColourMap(params uint[] rgb) => colours = [.. rgb.Select(c => new SKColor((byte)(c >> 16), (byte)(c >> 8), (byte)c))];

    public static ColourMap Viridis { get; } =
        new(0x440154, 0x472D7B, 0x3B528B, 0x2C728E, 0x21918C, 0x28AE80, 0x5EC962, 0xADDC30, 0xFDE725);

    public static ColourMap Inferno { get; } =
        new(0x000004, 0x210C4A, 0x57106E, 0x8A226A, 0xBC3754, 0xE45A31, 0xF98C0A, 0xF9CB35, 0xFCFFA4);

    public static ColourMap Grey { get; } = new(0x000000, 0xFFFFFF);

    /// <summary>The colour of a share from 0 to 1.</summary>
    public SKColor At(double share)
    {
        var position = Math.Clamp(double.IsNaN(share) ? 0 : share, 0, 1) * (colours.Length - 1);
        var (below, above) = (colours[(int)position], colours[Math.Min((int)position + 1, colours.Length - 1)]);
        var rest = position - (int)position;
        byte Mix(byte a, byte b) => (byte)Math.Round(a + (b - a) * rest);
        return new(Mix(below.Red, above.Red), Mix(below.Green, above.Green), Mix(below.Blue, above.Blue));
    }
}
