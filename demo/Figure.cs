using Credence.MedicalIO;
using SkiaSharp;

namespace Credence.Demo;

/// <summary>One row of the figure: a case, all maps on one grid.</summary>
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
    private static readonly SKColor ReferenceColour = new(0x56, 0xB4, 0xE9); // sky blue and orange: Okabe and Ito 2008
    private static readonly SKColor PredictedColour = new(0xE6, 0x9F, 0x00);

    /// <summary>Draws the figure.</summary>
    /// <returns>PNG.</returns>
    public static byte[] Draw(string headline, IReadOnlyList<FigureRow> rows)
    {
        using var typeface = SKTypeface.FromStream(typeof(Figure).Assembly.GetManifestResourceStream("DejaVuSans-ascii.ttf"));
        using var large = new SKFont(typeface, 20);
        using var small = new SKFont(typeface, 14);
        using var ink = new SKPaint { Color = Ink, IsAntialias = true };

        var panelWidth = rows.Max(r => (int)Math.Ceiling(PanelHeight * Aspect(r.Scan.Geometry)));
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
            var slice = SliceWithMostLesion(row.Reference);
            var scanTop = Percentile(row.Scan.Voxels, 0.995);
            Panel(0, row.Scan.Geometry, offset => ColourMap.Grey.At(row.Scan.Voxels[offset] / scanTop));
            Contour(row.Reference, ReferenceColour, 0);
            Contour(row.Predicted, PredictedColour, 0);
            Panel(1, row.Scan.Geometry, offset => ColourMap.Viridis.At(row.Probability.Voxels[offset]));
            Panel(2, row.Scan.Geometry, offset => ColourMap.Inferno.At(row.PredictiveEntropy.Voxels[offset] / entropyTop));
            Panel(3, row.Scan.Geometry, offset => ColourMap.Inferno.At(row.MutualInformation.Voxels[offset] / informationTop));
            y += PanelHeight + Gap;

            void Panel(int column, VolumeGeometry geometry, Func<int, SKColor> colour) =>
                DrawSlice(canvas, Frame(column, geometry), geometry.Size, slice, colour);

            void Contour(LabelMap labels, SKColor colour, int column) => DrawContour(canvas, Frame(column, labels.Geometry), labels, slice, colour);

            SKRect Frame(int column, VolumeGeometry geometry)
            {
                var own = (float)(PanelHeight * Aspect(geometry));
                var left = Margin + column * (panelWidth + Gap) + (panelWidth - own) / 2;
                return new(left, y, left + own, y + PanelHeight);
            }
        }

        DrawKey(0, "reference", ReferenceColour, 0);
        DrawKey(0, "predicted", PredictedColour, panelWidth / 2);
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

    private static double Aspect(VolumeGeometry geometry) =>
        geometry.Size.Width * geometry.Spacing.X / (geometry.Size.Height * geometry.Spacing.Y);

    private static int SliceWithMostLesion(LabelMap labels)
    {
        var (size, area) = (labels.Geometry.Size, labels.Geometry.Size.Width * labels.Geometry.Size.Height);
        return Enumerable.Range(0, size.Depth).MaxBy(k => labels.Labels.AsSpan(k * area, area).ToArray().Count(l => l != 0));
    }

    /// <summary>Row 0 is at the top and column 0 at the left: the phantoms' grid runs to left and posterior, so the patient's right is on the left, as radiologists look at it.</summary>
    private static void DrawSlice(SKCanvas canvas, SKRect frame, Size3 size, int slice, Func<int, SKColor> colour)
    {
        using var bitmap = new SKBitmap(size.Width, size.Height);
        for (var j = 0; j < size.Height; j++)
        {
            for (var i = 0; i < size.Width; i++)
            {
                bitmap.SetPixel(i, j, colour(i + size.Width * (j + size.Height * slice)));
            }
        }

        using var image = SKImage.FromBitmap(bitmap);
        canvas.DrawImage(image, frame, new SKSamplingOptions(SKFilterMode.Linear));
    }

    private static void DrawContour(SKCanvas canvas, SKRect frame, LabelMap labels, int slice, SKColor colour)
    {
        var size = labels.Geometry.Size;
        var (stepX, stepY) = (frame.Width / size.Width, frame.Height / size.Height);
        using var paint = new SKPaint { Color = colour, StrokeWidth = 1.8f, IsAntialias = true, StrokeCap = SKStrokeCap.Round };
        bool At(int i, int j) => i >= 0 && j >= 0 && i < size.Width && j < size.Height && labels.Labels[i + size.Width * (j + size.Height * slice)] != 0;
        for (var j = 0; j <= size.Height; j++)
        {
            for (var i = 0; i <= size.Width; i++)
            {
                var (x, y) = (frame.Left + i * stepX, frame.Top + j * stepY);
                if (At(i, j) != At(i - 1, j))
                {
                    canvas.DrawLine(x, y, x, y + stepY, paint);
                }

                if (At(i, j) != At(i, j - 1))
                {
                    canvas.DrawLine(x, y, x + stepX, y, paint);
                }
            }
        }
    }

    private static double Top(IEnumerable<Volume> maps) => Math.Max(0.01, maps.Max(m => m.Voxels.Max()));

    private static double Percentile(float[] values, double share)
    {
        var sorted = (float[])values.Clone();
        Array.Sort(sorted);
        return sorted[(int)(share * (sorted.Length - 1))];
    }
}
