using Credence.MedicalIO;

namespace Credence.Inference;

/// <summary>Scans that were read but do not fit together or do not fit the model.</summary>
/// <inheritdoc cref="InputException(string, string, string, string, Exception)"/>
public sealed class InvalidScanException(string path, string found, string expected, string remedy, Exception? inner = null)
    : InputException(path, found, expected, remedy, inner);
