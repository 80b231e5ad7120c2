using Credence.MedicalIO;
using SkiaSharp;

namespace Credence.Trainer.Reports;

/// <summary>Draws axial slices as radiologists look at them: the patient's right on the left, anterior on top.</summary>
/// <remarks>Every map is in canonical order (<see cref="Orientation.ToCanonical(Volume)"/>), so that i grows to the right, j to anterior and k to superior.</remarks>
internal static class SlicePicture
{
    /// <summary>Sky blue (Okabe and Ito 2008); on grey it differs from <see cref="PredictedColour"/> for every kind of colour vision.</summary>
    public static readonly SKColor ReferenceColour = new(0x56, 0xB4, 0xE9);

    /// <summary>Orange (Okabe and Ito 2008).</summary>
    public static readonly SKColor PredictedColour = new(0xE6, 0x9F, 0x00);

    /// <summary>Width of a slice as a share of its height, in mm.</summary>
    public static double Aspect(VolumeGeometry geometry) =>
        geometry.Size.Width * geometry.Spacing.X / (geometry.Size.Height * geometry.Spacing.Y);

    /// <summary>The slice with most voxels that are counted; the first of those with as many.</summary>
    /// <param name="size">Of the grid.</param>
    /// <param name="isCounted">By offset into the grid.</param>
    public static int SliceWithMost(Size3 size, Func<int, bool> isCounted)
    {
        var area = size.Width * size.Height;
        return Enumerable.Range(0, size.Depth).MaxBy(k => Enumerable.Range(k * area, area).Count(isCounted));
    }

    /// <summary>Draws the colours of a slice into a frame.</summary>
    /// <param name="canvas">Where.</param>
    /// <param name="frame">Place, in pixels.</param>
    /// <param name="size">Of the grid.</param>
    /// <param name="slice">k.</param>
    /// <param name="colour">By offset into the grid.</param>
    public static void DrawSlice(SKCanvas canvas, SKRect frame, Size3 size, int slice, Func<int, SKColor> colour)
    {
        using var bitmap = new SKBitmap(size.Width, size.Height);
        for (var row = 0; row < size.Height; row++)
        {
            for (var column = 0; column < size.Width; column++)
            {
                bitmap.SetPixel(column, row, colour(Offset(size, column, row, slice)));
            }
        }

        using var image = SKImage.FromBitmap(bitmap);
        canvas.DrawImage(image, frame, new SKSamplingOptions(SKFilterMode.Linear));
    }

    /// <summary>Draws the borders of what is labelled, along the edges of voxels.</summary>
    /// <param name="canvas">Where.</param>
    /// <param name="frame">Place, in pixels.</param>
    /// <param name="labels">Voxels other than 0 are inside.</param>
    /// <param name="slice">k.</param>
    /// <param name="colour">Of the line.</param>
    public static void DrawContour(SKCanvas canvas, SKRect frame, LabelMap labels, int slice, SKColor colour)
    {
        var size = labels.Geometry.Size;
        var (stepX, stepY) = (frame.Width / size.Width, frame.Height / size.Height);
        using var paint = new SKPaint { Color = colour, StrokeWidth = 1.8f, IsAntialias = true, StrokeCap = SKStrokeCap.Round };
        bool At(int column, int row) =>
            column >= 0 && row >= 0 && column < size.Width && row < size.Height && labels.Labels[Offset(size, column, row, slice)] != 0;
        for (var row = 0; row <= size.Height; row++)
        {
            for (var column = 0; column <= size.Width; column++)
            {
                var (x, y) = (frame.Left + column * stepX, frame.Top + row * stepY);
                if (At(column, row) != At(column - 1, row))
                {
                    canvas.DrawLine(x, y, x, y + stepY, paint);
                }

                if (At(column, row) != At(column, row - 1))
                {
                    canvas.DrawLine(x, y, x + stepX, y, paint);
                }
            }
        }
    }

    /// <summary>The value below which a share of the voxels lies.</summary>
    public static double Percentile(float[] values, double share)
    {
        var sorted = (float[])values.Clone();
        Array.Sort(sorted);
        return sorted[(int)(share * (sorted.Length - 1))];
    }

    private static int Offset(Size3 size, int column, int row, int slice) =>
        size.Width - 1 - column + size.Width * (size.Height - 1 - row + size.Height * slice);
}
