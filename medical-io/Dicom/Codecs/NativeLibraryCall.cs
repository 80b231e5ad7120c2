namespace Credence.MedicalIO.Dicom.Codecs;

/// <summary>Calls into a decoder of the operating system, whose absence names the package to install.</summary>
internal static class NativeLibraryCall
{
    /// <summary>Runs a decoder.</summary>
    /// <exception cref="UnsupportedImageException">The library is not installed.</exception>
    public static void Run(string path, string encoding, string package, Action decode)
    {
        try
        {
            decode();
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            throw new UnsupportedImageException(path, $"{encoding} pixels, whose decoder is not installed", $"the library of the Debian package {package}",
                $"Install it with `apt-get install {package}`, or decompress the file with `gdcmconv --raw`.", e);
        }
    }
}
