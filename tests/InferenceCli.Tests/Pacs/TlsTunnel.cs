using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Credence.InferenceCli.Tests.Pacs;

/// <summary>TLS before a server that has none, as a hospital's proxy does it. (Debian's Orthanc 1.10.1 crashes at the first TLS connection.)</summary>
internal sealed class TlsTunnel : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly X509Certificate2 certificate;
    private readonly int target;

    private TlsTunnel(int target, X509Certificate2 certificate)
    {
        (this.target, this.certificate) = (target, certificate);
        listener.Start();
        _ = AcceptAsync();
    }

    public Uri Url => new($"https://localhost:{((IPEndPoint)listener.LocalEndpoint).Port}/");

    /// <summary>Starts it.</summary>
    /// <param name="port">Of the server on loopback.</param>
    /// <param name="authorityFile">Gets the certificate that clients have to trust.</param>
    /// <param name="host">Name in the certificate.</param>
    public static TlsTunnel Start(int port, string authorityFile, string host = "localhost") => new(port, Certificates.Make(authorityFile, host));

    public void Dispose()
    {
        listener.Dispose();
        certificate.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ConnectAsync(await listener.AcceptTcpClientAsync());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // That is how it ends.
        }
    }

    private async Task ConnectAsync(TcpClient client)
    {
        try
        {
            using var server = new TcpClient();
            await using var secure = new SslStream(client.GetStream());
            await secure.AuthenticateAsServerAsync(certificate);
            await server.ConnectAsync(IPAddress.Loopback, target);
            await using var plain = server.GetStream();
            await Task.WhenAny(secure.CopyToAsync(plain), plain.CopyToAsync(secure));
        }
        catch (Exception e) when (e is IOException or SocketException or System.Security.Authentication.AuthenticationException or ObjectDisposedException)
        {
            // The client went away, or does not trust the certificate: that is its affair.
        }
        finally
        {
            client.Dispose();
        }
    }
}
