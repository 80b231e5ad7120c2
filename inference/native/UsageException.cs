namespace Credence.Native;

/// <summary>An argument of C is wrong.</summary>
internal sealed class UsageException(string problem) : Exception($"{problem}. See credence.h.");
