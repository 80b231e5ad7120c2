using System.Runtime.InteropServices;

namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>JPEG-LS, lossless and near-lossless, through CharLS (Debian package libcharls2).</summary>
internal static partial class JpegLsCodec
{
    private const string Library = "libcharls.so.2";

    /// <summary>Decodes a frame into interleaved samples.</summary>
    /// <exception cref="InvalidImageFileException">Damaged.</exception>
    /// <exception cref="UnsupportedImageException">CharLS is not installed, or colour is stored line by line.</exception>
    public static unsafe void Decode(string path, ReadOnlySpan<byte> frame, FrameFormat format, Span<int> samples)
    {
        var source = frame.ToArray();
        var decoded = Array.Empty<byte>();
        var info = default(FrameInfo);
        var interleave = 0;
        NativeLibraryCall.Run(path, "JPEG-LS", "libcharls2", () =>
        {
            var decoder = Create();
            try
            {
                fixed (byte* bytes = source)
                {
                    Check(path, SetSource(decoder, bytes, (nuint)source.Length));
                    Check(path, ReadHeader(decoder));
                    Check(path, GetFrameInfo(decoder, out info));
                    if (info.Width != format.Columns || info.Height != format.Rows || info.Components != format.Samples || info.Bits is < 2 or > 16)
                    {
                        throw new InvalidImageFileException(path, $"JPEG-LS pixels of {info.Width} x {info.Height} x {info.Components} with {info.Bits} bits",
                            $"{format.Columns} x {format.Rows} x {format.Samples}, as the attributes say", "The file is damaged; copy it again.");
                    }

                    Check(path, GetInterleaveMode(decoder, out interleave));
                    decoded = new byte[format.Count * (info.Bits > 8 ? 2 : 1)];
                    fixed (byte* target = decoded)
                    {
                        Check(path, DecodeToBuffer(decoder, target, (nuint)decoded.Length, 0));
                    }
                }
            }
            finally
            {
                Destroy(decoder);
            }
        });

        // Without interleaving the planes follow each other; with either kind CharLS returns whole pixels.
        var wide = MemoryMarshal.Cast<byte, ushort>(decoded);
        for (var n = 0; n < samples.Length; n++)
        {
            var at = interleave == 0 ? n % format.Samples * format.Pixels + n / format.Samples : n;
            samples[n] = info.Bits > 8 ? wide[at] : decoded[at];
        }
    }

    private static void Check(string path, int status)
    {
        if (status != 0)
        {
            throw new InvalidImageFileException(path, $"JPEG-LS pixels that do not decode (CharLS status {status})", "a whole JPEG-LS stream", "The file is damaged; copy it again.");
        }
    }

    [LibraryImport(Library, EntryPoint = "charls_jpegls_decoder_create")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Create();

    [LibraryImport(Library, EntryPoint = "charls_jpegls_decoder_destroy")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void Destroy(nint decoder);

    [LibraryImport(Library, EntryPoint = "charls_jpegls_decoder_set_source_buffer")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static unsafe partial int SetSource(nint decoder, byte* source, nuint length);

    [LibraryImport(Library, EntryPoint = "charls_jpegls_decoder_read_header")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ReadHeader(nint decoder);

    [LibraryImport(Library, EntryPoint = "charls_jpegls_decoder_get_frame_info")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetFrameInfo(nint decoder, out FrameInfo info);

    [LibraryImport(Library, EntryPoint = "charls_jpegls_decoder_get_interleave_mode")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int GetInterleaveMode(nint decoder, out int mode);

    [LibraryImport(Library, EntryPoint = "charls_jpegls_decoder_decode_to_buffer")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static unsafe partial int DecodeToBuffer(nint decoder, byte* target, nuint length, uint stride);

    [StructLayout(LayoutKind.Sequential)]
    private struct FrameInfo
    {
        public uint Width;
        public uint Height;
        public int Bits;
        public int Components;
    }
}
