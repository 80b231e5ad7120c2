using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>JPEG 2000 through OpenJPEG (Debian package libopenjp2-7).</summary>
internal static unsafe partial class Jpeg2000Codec
{
    private const string Library = "libopenjp2.so.7";
    private const int CodeStream = 0, Jp2File = 2; // OPJ_CODEC_FORMAT
    private const int ParametersLength = 1 << 14; // opj_dparameters_t takes 8 252 bytes in version 2.5
    private static readonly nuint EndOfStream = nuint.MaxValue; // (OPJ_SIZE_T)-1

    /// <summary>Decodes a frame into interleaved samples.</summary>
    /// <exception cref="InvalidImageFileException">Damaged.</exception>
    /// <exception cref="UnsupportedImageException">OpenJPEG is not installed.</exception>
    public static void Decode(string path, ReadOnlySpan<byte> frame, FrameFormat format, Span<int> samples)
    {
        var source = frame.ToArray();
        var decoded = new int[samples.Length];
        NativeLibraryCall.Run(path, "JPEG 2000", "libopenjp2-7", () =>
        {
            fixed (byte* bytes = source)
            {
                var reader = new Reader { Data = bytes, Length = source.Length };
                Decode(path, &reader, format, decoded);
            }
        });
        decoded.CopyTo(samples);
    }

    private static void Decode(string path, Reader* reader, FrameFormat format, int[] samples)
    {
        var isFile = reader->Length > 12 && reader->Data[4] == 'j' && reader->Data[5] == 'P';
        var codec = CreateDecompress(isFile ? Jp2File : CodeStream);
        var stream = StreamCreate(1 << 16, 1);
        Image* image = null;
        try
        {
            var parameters = stackalloc byte[ParametersLength];
            SetDefaultParameters(parameters);
            StreamSetUserData(stream, reader, null);
            StreamSetUserDataLength(stream, (ulong)reader->Length);
            StreamSetReadFunction(stream, &Read);
            StreamSetSkipFunction(stream, &Skip);
            StreamSetSeekFunction(stream, &Seek);
            if (SetupDecoder(codec, parameters) == 0 || ReadHeader(stream, codec, &image) == 0)
            {
                throw Damaged(path, "without a readable header");
            }

            // Before memory is given out for it, the size must be the one that the attributes say.
            if (image->Components != format.Samples)
            {
                throw Damaged(path, $"of {image->Components} components, not {format.Samples}");
            }

            for (var c = 0; c < format.Samples; c++)
            {
                var component = image->Component[c];
                if (component.Width != format.Columns || component.Height != format.Rows)
                {
                    throw Damaged(path, $"of {component.Width} x {component.Height} pixels, not {format.Columns} x {format.Rows}");
                }
            }

            if (DecodeImage(codec, stream, image) == 0)
            {
                throw Damaged(path, "that end too early");
            }

            for (var c = 0; c < format.Samples; c++)
            {
                if (image->Component[c].Data is null || image->Component[c].Width != format.Columns || image->Component[c].Height != format.Rows)
                {
                    throw Damaged(path, "that end too early");
                }

                var data = new ReadOnlySpan<int>(image->Component[c].Data, format.Pixels);
                for (var n = 0; n < data.Length; n++)
                {
                    samples[n * format.Samples + c] = data[n];
                }
            }
        }
        finally
        {
            if (image is not null)
            {
                ImageDestroy(image);
            }

            StreamDestroy(stream);
            DestroyCodec(codec);
        }
    }

    private static InvalidImageFileException Damaged(string path, string what) =>
        new(path, $"JPEG 2000 pixels {what}", "a whole JPEG 2000 stream", "The file is damaged; copy it again.");

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nuint Read(byte* target, nuint count, void* user)
    {
        var reader = (Reader*)user;
        var length = Math.Min((long)count, reader->Length - reader->Position);
        if (length <= 0)
        {
            return EndOfStream;
        }

        Buffer.MemoryCopy(reader->Data + reader->Position, target, (long)count, length);
        reader->Position += length;
        return (nuint)length;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long Skip(long count, void* user)
    {
        var reader = (Reader*)user;
        count = Math.Clamp(count, -reader->Position, reader->Length - reader->Position);
        reader->Position += count;
        return count;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Seek(long position, void* user)
    {
        var reader = (Reader*)user;
        if (position < 0 || position > reader->Length)
        {
            return 0;
        }

        reader->Position = position;
        return 1;
    }

    [LibraryImport(Library, EntryPoint = "opj_create_decompress")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint CreateDecompress(int format);

    [LibraryImport(Library, EntryPoint = "opj_destroy_codec")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void DestroyCodec(nint codec);

    [LibraryImport(Library, EntryPoint = "opj_set_default_decoder_parameters")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void SetDefaultParameters(byte* parameters);

    [LibraryImport(Library, EntryPoint = "opj_setup_decoder")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetupDecoder(nint codec, byte* parameters);

    [LibraryImport(Library, EntryPoint = "opj_stream_create")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint StreamCreate(nuint bufferLength, int isInput);

    [LibraryImport(Library, EntryPoint = "opj_stream_destroy")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void StreamDestroy(nint stream);

    [LibraryImport(Library, EntryPoint = "opj_stream_set_user_data")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void StreamSetUserData(nint stream, void* data, void* free);

    [LibraryImport(Library, EntryPoint = "opj_stream_set_user_data_length")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void StreamSetUserDataLength(nint stream, ulong length);

    [LibraryImport(Library, EntryPoint = "opj_stream_set_read_function")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void StreamSetReadFunction(nint stream, delegate* unmanaged[Cdecl]<byte*, nuint, void*, nuint> read);

    [LibraryImport(Library, EntryPoint = "opj_stream_set_skip_function")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void StreamSetSkipFunction(nint stream, delegate* unmanaged[Cdecl]<long, void*, long> skip);

    [LibraryImport(Library, EntryPoint = "opj_stream_set_seek_function")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void StreamSetSeekFunction(nint stream, delegate* unmanaged[Cdecl]<long, void*, int> seek);

    [LibraryImport(Library, EntryPoint = "opj_read_header")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ReadHeader(nint stream, nint codec, Image** image);

    [LibraryImport(Library, EntryPoint = "opj_decode")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int DecodeImage(nint codec, nint stream, Image* image);

    [LibraryImport(Library, EntryPoint = "opj_image_destroy")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void ImageDestroy(Image* image);

    private struct Reader
    {
        public byte* Data;
        public long Length;
        public long Position;
    }

    /// <summary>opj_image_t of version 2.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Image
    {
        public uint X0, Y0, X1, Y1;
        public uint Components;
        public int ColourSpace;
        public ImageComponent* Component;
    }

    /// <summary>opj_image_comp_t of version 2.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ImageComponent
    {
        public uint StepX, StepY, Width, Height, X0, Y0, Precision, BitsPerPixel, IsSigned, Resolutions, Factor;
        public int* Data;
        public ushort Alpha;
    }
}
