namespace Credence.Exporter.Modules;

/// <summary>A module that has no ONNX form; the message names it, its place and the setting.</summary>
internal sealed class ModuleNotWrittenException(string message, Exception? inner = null) : NotSupportedException(message, inner);
