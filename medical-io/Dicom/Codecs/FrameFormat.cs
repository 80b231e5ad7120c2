namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>The Image Pixel module: what one frame holds.</summary>
/// <param name="Rows">Pixels along a column.</param>
/// <param name="Columns">Pixels along a row.</param>
/// <param name="Samples">1 for grey, 3 for colour.</param>
/// <param name="BitsAllocated">Bits a sample takes in native pixel data.</param>
/// <param name="BitsStored">Bits of them that hold the value.</param>
/// <param name="HighBit">Most significant bit of the value.</param>
/// <param name="IsSigned">Two's complement.</param>
/// <param name="IsPlanar">Native and run-length colour: one plane a sample, instead of one pixel after the other.</param>
/// <remarks>Source: DICOM PS3.3 (2026), section C.7.6.3.</remarks>
internal sealed record FrameFormat(int Rows, int Columns, int Samples, int BitsAllocated, int BitsStored, int HighBit, bool IsSigned, bool IsPlanar)
{
    /// <summary>Rows x Columns.</summary>
    public int Pixels => Rows * Columns;

    /// <summary>Samples of a frame.</summary>
    public int Count => Pixels * Samples;
}
