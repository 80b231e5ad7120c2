namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>Brings a component of JPEG colour that was stored at half size to the size of the image.</summary>
/// <remarks>
/// A new sample lies a quarter of a step from the nearest stored one: 3/4 of that and 1/4 of the next. Rounding alternates, as the Independent JPEG
/// Group's "fancy upsampling" has it, which other medical software uses; halved in height alone, and three samples wide or less, values are repeated.
/// </remarks>
internal static class JpegUpsampling
{
    /// <summary>Writes a component.</summary>
    /// <param name="plane">Its values.</param>
    /// <param name="stride">Values from one row to the next.</param>
    /// <param name="width">Columns that belong to the image.</param>
    /// <param name="height">Rows that do.</param>
    /// <param name="across">1, or 2 where it was halved in width.</param>
    /// <param name="down">1, or 2 where it was halved in height.</param>
    /// <param name="samples">From the component's first sample on.</param>
    /// <param name="format">Of the image.</param>
    public static void Fill(int[] plane, int stride, int width, int height, int across, int down, Span<int> samples, FrameFormat format)
    {
        var isSmooth = across == 2 && width > 2;
        var sums = new int[width]; // 3/4 and 1/4 of two rows, times 4
        for (var y = 0; y < format.Rows; y++)
        {
            var near = plane.AsSpan(y / down * stride, width);
            var target = samples[(y * format.Columns * format.Samples)..];
            if (!isSmooth)
            {
                for (var x = 0; x < format.Columns; x++)
                {
                    target[x * format.Samples] = near[x / across];
                }

                continue;
            }

            var other = Math.Clamp(y / 2 + (y % 2 == 0 ? -1 : 1), 0, height - 1);
            var far = down == 2 ? plane.AsSpan(other * stride, width) : near;
            for (var x = 0; x < width; x++)
            {
                sums[x] = down == 2 ? 3 * near[x] + far[x] : near[x];
            }

            var (scale, low, high) = down == 2 ? (4, 8, 7) : (2, 1, 2);
            for (var x = 0; x < format.Columns; x++)
            {
                var at = x / 2;
                var next = x % 2 == 0 ? at - 1 : at + 1;
                target[x * format.Samples] = next < 0 || next >= width
                    ? down == 2 ? (4 * sums[at] + (next < 0 ? 8 : 7)) >> 4 : sums[at]
                    : (3 * sums[at] + sums[next] + (x % 2 == 0 ? low : high)) >> scale;
            }
        }
    }
}
