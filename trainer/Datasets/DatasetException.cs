using Credence.MedicalIO;

namespace Credence.Trainer.Datasets;

/// <summary>A data folder, case or setting that cannot be trained on.</summary>
/// <inheritdoc cref="InputException(string, string, string, string, Exception)"/>
internal sealed class DatasetException(string path, string found, string expected, string remedy, Exception? inner = null)
    : InputException(path, found, expected, remedy, inner);
