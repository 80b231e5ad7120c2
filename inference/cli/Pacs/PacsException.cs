using System.Net;
using Credence.MedicalIO;

namespace Credence.InferenceCli.Pacs;

/// <summary>A DICOMweb server that cannot be used, or that did not do what it was asked for. No message holds what the server said about a patient: only where, and a number.</summary>
/// <inheritdoc cref="InputException(string, string, string, string, Exception)"/>
internal sealed class PacsException(string path, string found, string expected, string remedy, Exception? inner = null) : InputException(path, found, expected, remedy, inner)
{
    /// <summary>Whether the same request may succeed a little later.</summary>
    public bool IsTransient { get; init; }

    /// <summary>How long the server asks to wait; null where it does not say.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The answer; null where there was none.</summary>
    public HttpStatusCode? Status { get; init; }
}
