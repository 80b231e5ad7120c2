using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Credence.InferenceCli.Tests.Pacs;

/// <summary>Debian's Orthanc with its DICOMweb plugin, a process of the test on loopback with its own database and user, behind TLS. Tests that need it skip by name where it is not installed.</summary>
internal sealed class Orthanc : IDisposable
{
    public const string User = "reader:a secret";

    private const string Program = "/usr/sbin/Orthanc", Plugin = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";

    private readonly Process process;
    private readonly HttpClient http;
    private readonly TlsTunnel tunnel;

    private Orthanc(Process process, HttpClient http, Uri root, TlsTunnel tunnel) => (this.process, this.http, Root, this.tunnel) = (process, http, root, tunnel);

    /// <summary>Its own interface, without TLS.</summary>
    public Uri Root { get; }

    /// <summary>Its DICOMweb service, behind TLS.</summary>
    public string DicomWeb => $"{tunnel.Url}dicom-web";

    /// <summary>Starts it with everything it writes in the folder.</summary>
    /// <param name="folder">Gets <c>ca.pem</c>, which certifies the server.</param>
    public static async Task<Orthanc> StartAsync(TemporaryFolder folder)
    {
        Assert.SkipUnless(File.Exists(Program) && File.Exists(Plugin), $"{Program} or {Plugin} is not installed (Debian packages orthanc, orthanc-dicomweb)");
        var (port, dicomPort) = (FreePort(), FreePort());
        File.WriteAllText(folder.File("orthanc.json"), $$"""
            {
              "Name": "Test", "StorageDirectory": "{{folder.File("db")}}", "IndexDirectory": "{{folder.File("db")}}", "Plugins": ["{{Plugin}}"],
              "HttpPort": {{port}}, "DicomServerEnabled": false, "DicomPort": {{dicomPort}}, "RemoteAccessAllowed": false,
              "AuthenticationEnabled": true, "RegisteredUsers": { "reader": "a secret" }, "DicomWeb": { "Enable": true, "Root": "/dicom-web/" }, "HttpVerbose": false
            }
            """);
        var process = Process.Start(new ProcessStartInfo(Program, [folder.File("orthanc.json")]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var log = new StringBuilder();
        process.ErrorDataReceived += (_, e) => log.AppendLine(e.Data);
        process.BeginErrorReadLine();
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        var http = new HttpClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(User)));
        var orthanc = new Orthanc(process, http, new($"http://localhost:{port}/"), TlsTunnel.Start(port, folder.File("ca.pem")));
        for (var attempt = 0; attempt < 240 && !process.HasExited; attempt++)
        {
            try
            {
                await http.GetStringAsync(new Uri(orthanc.Root, "system"));
                return orthanc;
            }
            catch (HttpRequestException)
            {
                await Task.Delay(250);
            }
        }

        orthanc.Dispose();
        throw new InvalidOperationException($"Orthanc does not start:\n{log}");
    }

    /// <summary>Puts a file into it by its own interface, not by ours.</summary>
    public async Task UploadAsync(string file)
    {
        using var response = await http.PostAsync(new Uri(Root, "instances"), new ByteArrayContent(await File.ReadAllBytesAsync(file)));
        response.EnsureSuccessStatusCode();
    }

    /// <summary>Asks by its own interface.</summary>
    public async Task<JsonElement> GetAsync(string path)
    {
        using var document = JsonDocument.Parse(await http.GetStringAsync(new Uri(Root, path)));
        return document.RootElement.Clone();
    }

    public async Task<byte[]> GetBytesAsync(string path) => await http.GetByteArrayAsync(new Uri(Root, path));

    public void Dispose()
    {
        http.Dispose();
        tunnel.Dispose();
        if (!process.HasExited)
        {
            process.Kill();
            process.WaitForExit();
        }

        process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
