using Credence.InferenceCli.Batch;

namespace Credence.InferenceCli.Pacs;

/// <summary>Stores the DICOM results of cases in the PACS that their scans came from.</summary>
/// <param name="client">The server.</param>
/// <param name="output">Holds the results.</param>
internal sealed class PacsDelivery(DicomWebClient client, BatchFolder output)
{
    /// <summary>Stores what is not stored yet, and writes down that it is.</summary>
    /// <param name="record">A case whose result is in the output.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The record, with what was stored.</returns>
    /// <exception cref="PacsException">An object was refused, or the server cannot be used.</exception>
    public CaseRecord Deliver(CaseRecord record, CancellationToken cancellation)
    {
        if (record.Stored?.Url == client.Url)
        {
            return record;
        }

        var stored = new List<string>();
        foreach (var file in Directory.GetFiles(output.FolderOf(record.Case), "*.dcm").Order(StringComparer.Ordinal))
        {
            stored.Add(client.StoreAsync(file, cancellation).GetAwaiter().GetResult());
        }

        var delivered = record with { Stored = new(client.Url, stored) };
        output.Update(delivered with { Status = CaseStatus.Done });
        return delivered;
    }
}
