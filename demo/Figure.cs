using Credence.MedicalIO;
using Credence.Trainer.Reports;
using SkiaSharp;

namespace Credence.Demo;

/// <summary>One row of the figure: a case, all maps on one canonical grid.</summary>
/// <param name="Title">Such as the case and its Dice.</param>
/// <param name="Scan">The scan.</param>
/// <param name="Reference">The lesions as drawn.</param>
/// <param name="Predicted">The lesions as found.</param>
/// <param name="Probability">0 to 1.</param>
/// <param name="PredictiveEntropy">Nats.</param>
/// <param name="MutualInformation">Nats.</param>
internal sealed record FigureRow(
    string Title, Volume Scan, LabelMap Reference, LabelMap Predicted, Volume Probability, Volume PredictiveEntropy, Volume MutualInformation);

/// <summary>Draws slices with contours and uncertainty maps, side by side.</summary>
internal static class Figure
{
    private const int PanelHeight = 300, Gap = 12, Margin = 24, HeaderHeight = 64, TitleHeight = 30, BarHeight = 60;
    private static readonly SKColor Background = new(0x12, 0x14, 0x18);
    private static readonly SKColor Ink = new(0xE8, 0xEA, 0xED);

    /// <summary>Draws the figure.</summary>
    /// <returns>PNG.</returns>
    public static byte[] Draw(string headline, IReadOnlyList<FigureRow> rows)
    {
        using var typeface = SKTypeface.FromStream(typeof(Figure).Assembly.GetManifestResourceStream("DejaVuSans-ascii.ttf"));
        using var large = new SKFont(typeface, 20);
        using var small = new SKFont(typeface, 14);
        using var ink = new SKPaint { Color = Ink, IsAntialias = true };

        var panelWidth = rows.Max(r => (int)Math.Ceiling(PanelHeight * SlicePicture.Aspect(r.Scan.Geometry)));
        var entropyTop = Top(rows.Select(r => r.PredictiveEntropy));
        var informationTop = Top(rows.Select(r => r.MutualInformation));
        var width = 2 * Margin + 4 * panelWidth + 3 * Gap;
        var height = HeaderHeight + rows.Count * (TitleHeight + PanelHeight + Gap) + BarHeight + Margin;

        using var surface = SKSurface.Create(new SKImageInfo(width, height));
        var canvas = surface.Canvas;
        canvas.Clear(Background);
        canvas.DrawText(headline, Margin, 38, large, ink);

        var y = HeaderHeight;
        foreach (var row in rows)
        {
            canvas.DrawText(row.Title, Margin, y + 20, small, ink);
            y += TitleHeight;
            var slice = SlicePicture.SliceWithMost(row.Reference.Geometry.Size, v => row.Reference.Labels[v] != 0);
            var scanTop = SlicePicture.Percentile(row.Scan.Voxels, 0.995);
            Panel(0, row.Scan.Geometry, offset => ColourMap.Grey.At(row.Scan.Voxels[offset] / scanTop));
            Contour(row.Reference, SlicePicture.ReferenceColour, 0);
            Contour(row.Predicted, SlicePicture.PredictedColour, 0);
            Panel(1, row.Scan.Geometry, offset => ColourMap.Viridis.At(row.Probability.Voxels[offset]));
            Panel(2, row.Scan.Geometry, offset => ColourMap.Inferno.At(row.PredictiveEntropy.Voxels[offset] / entropyTop));
            Panel(3, row.Scan.Geometry, offset => ColourMap.Inferno.At(row.MutualInformation.Voxels[offset] / informationTop));
            y += PanelHeight + Gap;

            void Panel(int column, VolumeGeometry geometry, Func<int, SKColor> colour) =>
                SlicePicture.DrawSlice(canvas, Frame(column, geometry), geometry.Size, slice, colour);

            void Contour(LabelMap labels, SKColor colour, int column) => SlicePicture.DrawContour(canvas, Frame(column, labels.Geometry), labels, slice, colour);

            SKRect Frame(int column, VolumeGeometry geometry)
            {
                var own = (float)(PanelHeight * SlicePicture.Aspect(geometry));
                var left = Margin + column * (panelWidth + Gap) + (panelWidth - own) / 2;
                return new(left, y, left + own, y + PanelHeight);
            }
        }

        DrawKey(0, "reference", SlicePicture.ReferenceColour, 0);
        DrawKey(0, "predicted", SlicePicture.PredictedColour, panelWidth / 2);
        DrawBar(1, ColourMap.Viridis, "lesion probability", 1);
        DrawBar(2, ColourMap.Inferno, "predictive entropy [nats]", entropyTop);
        DrawBar(3, ColourMap.Inferno, "mutual information [nats]", informationTop);
        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();

        void DrawKey(int column, string text, SKColor colour, int shift)
        {
            var left = Margin + column * (panelWidth + Gap) + shift;
            using var line = new SKPaint { Color = colour, StrokeWidth = 3, IsAntialias = true };
            canvas.DrawLine(left, y + 15, left + 22, y + 15, line);
            canvas.DrawText(text, left + 30, y + 20, small, ink);
        }

        void DrawBar(int column, ColourMap map, string text, double top)
        {
            var left = Margin + column * (panelWidth + Gap);
            for (var x = 0; x < panelWidth; x++)
            {
                using var paint = new SKPaint { Color = map.At((double)x / (panelWidth - 1)) };
                canvas.DrawRect(left + x, y, 1, 12, paint);
            }

            var end = top.ToString("0.##", System.Globalization.CultureInfo.InvariantCulture);
            canvas.DrawText("0", left, y + 32, small, ink);
            canvas.DrawText(text, left + (panelWidth - small.MeasureText(text)) / 2, y + 50, small, ink);
            canvas.DrawText(end, left + panelWidth - small.MeasureText(end), y + 32, small, ink);
        }
    }

    private static double Top(IEnumerable<Volume> maps) => Math.Max(0.01, maps.Max(m => m.Voxels.Max()));
}
