namespace Credence.Inference.Tests;

/// <summary>Tests that measure time or the memory of the process: nothing runs beside them.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
