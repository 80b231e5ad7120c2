using Credence.MedicalIO;

namespace Credence.Trainer.Distributed;

/// <summary>Processes that cannot train one network together.</summary>
/// <inheritdoc cref="InputException(string, string, string, string, Exception)"/>
internal sealed class ProcessGroupException(string found, string expected, string remedy) : InputException("training on several processes", found, expected, remedy);
