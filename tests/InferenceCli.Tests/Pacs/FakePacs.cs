using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Credence.MedicalIO.Dicom;

namespace Credence.InferenceCli.Tests.Pacs;

/// <summary>A DICOMweb server that misbehaves on request: what Orthanc cannot be made to do.</summary>
internal sealed class FakePacs : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource end = new();
    private readonly ConcurrentDictionary<string, (string Study, string Series, string Description, byte[] Bytes)> instances = new();

    public FakePacs()
    {
        listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public string Url => $"http://localhost:{Port}/dicom-web";

    /// <summary>Method and path of each request, in order.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Authorization of the last request; null where it had none.</summary>
    public string? Authorization { get; private set; }

    /// <summary>What to do in place of answering; null answers. Gets the method, the path, and how often this was asked before.</summary>
    public Func<string, string, int, Fault?> FaultOf { get; init; } = (_, _, _) => null;

    /// <summary>Changes the body of a series.</summary>
    public Func<byte[], byte[]> Damage { get; init; } = bytes => bytes;

    /// <summary>What each list says beside UIDs.</summary>
    public string Patient { get; init; } = "Nobody";

    public int Posts => Requests.Count(r => r.StartsWith("POST", StringComparison.Ordinal));

    public int Count => instances.Count;

    /// <summary>Takes the files of a folder as series of FLAIR images.</summary>
    public void Add(string folder)
    {
        foreach (var file in Directory.GetFiles(folder))
        {
            var id = DicomInstance.Read(file)!;
            instances[id.Uid!] = (id.StudyUid!, id.SeriesUid!, "AX FLAIR", File.ReadAllBytes(file));
        }
    }

    public void Dispose()
    {
        end.Cancel();
        listener.Dispose();
        end.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAsync(await listener.AcceptTcpClientAsync(end.Token));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // That is how it ends.
        }
    }

    /// <summary>One request a connection.</summary>
    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            using var socket = client;
            await using var stream = client.GetStream();
            var (head, body) = await ReadAsync(stream);
            var (method, target) = (head[0].Split(' ')[0], head[0].Split(' ')[1]);
            var path = target.Split('?')[0]["/dicom-web".Length..];
            Authorization = head.FirstOrDefault(h => h.StartsWith("Authorization: ", StringComparison.Ordinal))?["Authorization: ".Length..];
            var fault = FaultOf(method, path, Requests.Count(r => r == $"{method} {path}"));
            Requests.Enqueue($"{method} {path}");
            if (fault is Fault.Silence)
            {
                await Task.Delay(Timeout.Infinite, end.Token);
            }

            var (status, type, content) = fault is Fault.Status { Code: var code, Body: var text } ? (code, "application/dicom+json", Encoding.UTF8.GetBytes(text)) : Answer(method, path, target, body);
            if (fault is Fault.Reset)
            {
                socket.LingerState = new(true, 0); // the answer to a request that was carried out is lost
                return;
            }

            var headers = $"HTTP/1.1 {status} X\r\nContent-Type: {type}\r\nContent-Length: {content.Length}\r\nConnection: close\r\n{(fault as Fault.Status)?.Headers}\r\n";
            await stream.WriteAsync(Encoding.ASCII.GetBytes(headers));
            await stream.WriteAsync(fault is Fault.Truncated or Fault.Stalled ? content.AsMemory(0, content.Length / 2) : content);
            if (fault is Fault.Stalled)
            {
                await Task.Delay(Timeout.Infinite, end.Token);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The client went away.
        }
    }

    private (int Status, string Type, byte[] Content) Answer(string method, string path, string target, byte[] body)
    {
        var parts = path.Trim('/').Split('/');
        if (method == "POST")
        {
            // One part, between the empty line behind its headers and the boundary.
            var start = body.AsSpan().IndexOf("\r\n\r\n"u8) + 4;
            var file = Path.GetTempFileName();
            File.WriteAllBytes(file, body[start..body.AsSpan().LastIndexOf("\r\n--"u8)]);
            var id = DicomInstance.Read(file)!;
            instances[id.Uid!] = (id.StudyUid!, id.SeriesUid!, "Segmentation", File.ReadAllBytes(file));
            File.Delete(file);
            return (200, "application/dicom+json", "{}"u8.ToArray());
        }

        var mine = instances.Where(i => (parts.Length < 2 || i.Value.Study == parts[1]) && (parts.Length < 4 || i.Value.Series == parts[3])).OrderBy(i => i.Key, StringComparer.Ordinal).ToList();
        if (parts.Length == 4)
        {
            using var multipart = new MemoryStream();
            foreach (var (_, (_, _, _, bytes)) in mine)
            {
                multipart.Write("\r\n--the end\r\nContent-Type: application/dicom\r\n\r\n"u8);
                multipart.Write(bytes);
            }

            multipart.Write("\r\n--the end--\r\n"u8);
            return (200, "multipart/related; type=\"application/dicom\"; boundary=\"the end\"", Damage(multipart.ToArray()));
        }

        var wanted = target.Contains("SOPInstanceUID=", StringComparison.Ordinal) ? target.Split("SOPInstanceUID=")[1].Split('&')[0] : null;
        var items = parts.Length switch
        {
            1 => mine.GroupBy(i => i.Value.Study).Select(g => Attribute("0020000D", "UI", g.Key)),
            3 => mine.GroupBy(i => i.Value.Series).Select(g => $"{Attribute("0020000E", "UI", g.Key)},{Attribute("00080060", "CS", "MR")},{Attribute("0008103E", "LO", g.First().Value.Description)}"),
            _ => mine.Where(i => wanted is null || i.Key == wanted).Select(i => Attribute("00080018", "UI", i.Key)),
        };
        var offset = int.Parse(target.Split("offset=").ElementAtOrDefault(1)?.Split('&')[0] ?? "0", CultureInfo.InvariantCulture);
        return (200, "application/dicom+json", Encoding.UTF8.GetBytes($"[{string.Join(',', items.Skip(offset).Take(7).Select(i => $"{{{i},\"00100010\":{{\"vr\":\"PN\",\"Value\":[{{\"Alphabetic\":\"{Patient}\"}}]}}}}"))}]")); // pages of seven, whatever was asked for
    }

    private static string Attribute(string tag, string vr, string value) => $"\"{tag}\":{{\"vr\":\"{vr}\",\"Value\":[\"{value}\"]}}";

    private static async Task<(List<string> Head, byte[] Body)> ReadAsync(NetworkStream stream)
    {
        var (received, buffer) = (new MemoryStream(), new byte[1 << 16]);
        int end;
        while ((end = received.GetBuffer().AsSpan(0, (int)received.Length).IndexOf("\r\n\r\n"u8)) < 0)
        {
            var read = await stream.ReadAsync(buffer);
            received.Write(buffer, 0, read > 0 ? read : throw new IOException("no request"));
        }

        List<string> head = [.. Encoding.ASCII.GetString(received.GetBuffer(), 0, end).Split("\r\n")];
        var length = int.Parse(head.FirstOrDefault(h => h.StartsWith("Content-Length: ", StringComparison.OrdinalIgnoreCase))?.Split(' ')[1] ?? "0", CultureInfo.InvariantCulture);
        while (received.Length < end + 4 + length)
        {
            var read = await stream.ReadAsync(buffer);
            received.Write(buffer, 0, read > 0 ? read : throw new IOException("half a request"));
        }

        return (head, received.ToArray()[(end + 4)..]);
    }

    /// <summary>What goes wrong.</summary>
    internal abstract record Fault
    {
        /// <summary>Another answer.</summary>
        public sealed record Status(int Code, string Body = "", string Headers = "") : Fault;

        /// <summary>No answer, for ever.</summary>
        public sealed record Silence : Fault;

        /// <summary>Half an answer, then silence.</summary>
        public sealed record Stalled : Fault;

        /// <summary>Half an answer, then the end.</summary>
        public sealed record Truncated : Fault;

        /// <summary>The request is carried out, and the connection broken.</summary>
        public sealed record Reset : Fault;
    }
}
