namespace Credence.MedicalIO;

/// <summary>A file or folder that cannot be used. The message names it and says what was found, what was expected and what to do.</summary>
public abstract class InputException : Exception
{
    /// <summary>Creates the exception; the message is <c>path: found; expected …. remedy</c>.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="found">What is there, with figures.</param>
    /// <param name="expected">What was needed.</param>
    /// <param name="remedy">What the user can do, a whole sentence.</param>
    /// <param name="inner">The cause, if another exception was.</param>
    protected InputException(string path, string found, string expected, string remedy, Exception? inner = null)
        : base($"{path}: {found}; expected {expected}. {remedy}", inner)
    {
        Path = path;
        Found = found;
        Expected = expected;
        Remedy = remedy;
    }

    /// <summary>The file or folder.</summary>
    public string Path { get; }

    /// <summary>What is there.</summary>
    public string Found { get; }

    /// <summary>What was needed.</summary>
    public string Expected { get; }

    /// <summary>What the user can do.</summary>
    public string Remedy { get; }
}

/// <summary>A medical image that cannot be used; the base of the two kinds.</summary>
/// <inheritdoc cref="InputException(string, string, string, string, Exception)"/>
public abstract class MedicalImageException(string path, string found, string expected, string remedy, Exception? inner = null)
    : InputException(path, found, expected, remedy, inner);

/// <summary>The file is damaged, or is not what its name says.</summary>
/// <inheritdoc cref="InputException(string, string, string, string, Exception)"/>
public sealed class InvalidImageFileException(string path, string found, string expected, string remedy, Exception? inner = null)
    : MedicalImageException(path, found, expected, remedy, inner);

/// <summary>The file is sound but of a kind that this version does not read.</summary>
/// <inheritdoc cref="InputException(string, string, string, string, Exception)"/>
public sealed class UnsupportedImageException(string path, string found, string expected, string remedy, Exception? inner = null)
    : MedicalImageException(path, found, expected, remedy, inner);
