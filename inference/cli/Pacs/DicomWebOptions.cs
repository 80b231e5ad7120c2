using System.Net.Http.Headers;

namespace Credence.InferenceCli.Pacs;

/// <summary>How a DICOMweb server is talked to.</summary>
internal sealed record DicomWebOptions
{
    /// <summary>Root of the service, such as https://pacs.example/dicom-web/; ends with a slash.</summary>
    public required Uri Url { get; init; }

    /// <summary>Goes with every request; null sends none.</summary>
    public AuthenticationHeaderValue? Authorization { get; init; }

    /// <summary>PEM file with the certificates of the authorities that are trusted in place of the system's; null trusts the system's.</summary>
    public string? AuthorityFile { get; init; }

    /// <summary>How long the server may be silent: to connect, before its answer begins, and within it.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often a request is repeated.</summary>
    public int Retries { get; init; } = 3;

    /// <summary>Wait before the first repetition; doubled for each further one, with a random part.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Bytes of a series; a longer answer is refused.</summary>
    public long MostSeriesBytes { get; init; } = 8L << 30;

    /// <summary>Bytes of a list; a longer answer is refused.</summary>
    public long MostListBytes { get; init; } = 64L << 20;
}
