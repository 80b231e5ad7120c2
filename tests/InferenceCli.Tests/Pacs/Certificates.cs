using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Credence.InferenceCli.Tests.Pacs;

/// <summary>A certificate authority of the test, and a server certificate that it signed.</summary>
internal static class Certificates
{
    /// <summary>Makes both.</summary>
    /// <param name="authorityFile">Gets the authority's certificate as PEM.</param>
    /// <param name="host">Name that the server certificate is for.</param>
    /// <returns>The server's, with its key.</returns>
    public static X509Certificate2 Make(string authorityFile, string host = "localhost")
    {
        var (from, to) = (DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(2));
        using var authorityKey = RSA.Create(2048);
        var authorityRequest = new CertificateRequest("CN=Test authority", authorityKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        authorityRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var authority = authorityRequest.CreateSelfSigned(from, to);
        File.WriteAllText(authorityFile, authority.ExportCertificatePem());

        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.Create(authority, from, to, [1, 2, 3, 4]);
        return certificate.CopyWithPrivateKey(key);
    }
}
