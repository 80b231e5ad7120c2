using Credence.MedicalIO;
using Credence.Trainer.Evaluation;
using SkiaSharp;

namespace Credence.Trainer.Reports;

/// <summary>Two pictures of the slice of a case with most wrong voxels.</summary>
/// <param name="Scan">PNG: first channel with the borders of reference and prediction.</param>
/// <param name="Uncertainty">PNG: predictive entropy.</param>
/// <param name="Slice">From 1, counted from the feet.</param>
/// <param name="Slices">Number of slices.</param>
/// <param name="WrongVoxels">In the slice.</param>
/// <param name="LargestEntropy">Nats, in the case; the end of the colour scale.</param>
internal sealed record CasePicture(byte[] Scan, byte[] Uncertainty, int Slice, int Slices, int WrongVoxels, double LargestEntropy)
{
    private const int LongEdge = 384;
    private const double SmallestTop = 0.01; // nats: below it a map is black, not noise made visible

    /// <summary>Draws a case.</summary>
    public static CasePicture Draw(EvaluatedCase @case)
    {
        var scan = Orientation.ToCanonical(@case.Case.Channels[0]);
        var reference = Orientation.ToCanonical(@case.Case.Mask);
        var predicted = Orientation.ToCanonical(@case.Prediction.Segmentation);
        var entropy = Orientation.ToCanonical(@case.Prediction.PredictiveEntropy);
        var size = scan.Geometry.Size;
        bool IsWrong(int v) => reference.Labels[v] != predicted.Labels[v];
        var slice = SlicePicture.SliceWithMost(size, IsWrong);
        var (low, high) = (SlicePicture.Percentile(scan.Voxels, 0.005), SlicePicture.Percentile(scan.Voxels, 0.995));
        var top = Math.Max(SmallestTop, entropy.Voxels.Max());

        return new(
            Png(scan.Geometry, (canvas, frame) =>
            {
                SlicePicture.DrawSlice(canvas, frame, size, slice, v => ColourMap.Grey.At((scan.Voxels[v] - low) / (high - low)));
                SlicePicture.DrawContour(canvas, frame, reference, slice, SlicePicture.ReferenceColour);
                SlicePicture.DrawContour(canvas, frame, predicted, slice, SlicePicture.PredictedColour);
            }),
            Png(scan.Geometry, (canvas, frame) => SlicePicture.DrawSlice(canvas, frame, size, slice, v => ColourMap.Inferno.At(entropy.Voxels[v] / top))),
            slice + 1, size.Depth, Enumerable.Range(slice * size.Width * size.Height, size.Width * size.Height).Count(IsWrong), entropy.Voxels.Max());
    }

    private static byte[] Png(VolumeGeometry geometry, Action<SKCanvas, SKRect> draw)
    {
        var aspect = SlicePicture.Aspect(geometry);
        var (width, height) = ((int)Math.Round(LongEdge * Math.Min(1, aspect)), (int)Math.Round(LongEdge * Math.Min(1, 1 / aspect)));
        using var surface = SKSurface.Create(new SKImageInfo(Math.Max(1, width), Math.Max(1, height)));
        surface.Canvas.Clear(SKColors.Black);
        draw(surface.Canvas, new(0, 0, width, height));
        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }
}
