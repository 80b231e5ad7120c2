using Credence.MedicalIO;

namespace Credence.Inference.Model;

/// <summary>A model file that cannot be used: damaged, without a manifest, from a newer version, or contradicting its manifest.</summary>
/// <inheritdoc cref="InputException(string, string, string, string, Exception)"/>
public sealed class ModelFileException(string path, string found, string expected, string remedy, Exception? inner = null)
    : InputException(path, found, expected, remedy, inner);
