namespace Credence.MedicalIO;

/// <summary>A file that cannot be written: no room, a disk or folder that may not be written, no such folder. What was there before is unharmed.</summary>
public sealed class UnwritableFileException : IOException
{
    internal UnwritableFileException(string path, Exception cause)
        : base($"{path}: cannot be written ({cause.Message}); expected a disk with room that may be written. What was there before is unharmed: make room, or choose another place, and run the same again.", cause)
    {
    }
}
