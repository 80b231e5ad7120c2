using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Credence.MedicalIO.Dicom;
using Microsoft.AspNetCore.WebUtilities;
using Polly;
using Polly.Retry;

namespace Credence.InferenceCli.Pacs;

/// <summary>Asks a DICOMweb server for series (QIDO-RS), fetches them (WADO-RS) and stores results (STOW-RS).</summary>
/// <remarks>
/// Source: DICOM PS3.18 (2026), sections 10.4 to 10.6. A request is repeated where the server was not reached, was silent, broke off, or said 408, 429 or 5xx.
/// Before anything is sent to be stored, and so before that is repeated, the server is asked whether it has it.
/// </remarks>
internal sealed class DicomWebClient : IDisposable
{
    private const string Dicom = "application/dicom", Json = "application/dicom+json";
    private const int NoSpace = 28; // ENOSPC: the fault of this machine, not of the server
    private const int LargestPage = 1000; // of a list; some servers refuse to send more
    private const int MostParts = 100_000;
    private const int MostPartHeaders = 32, MostPartHeaderBytes = 1 << 14, LongestBoundary = 200, BufferSize = 1 << 16;

    private readonly DicomWebOptions options;
    private readonly HttpClient http;
    private readonly ResiliencePipeline repeated;

    /// <summary>Nothing is sent yet.</summary>
    /// <param name="options">Where, and how.</param>
    /// <param name="clock">Source of the time between repetitions.</param>
    /// <exception cref="PacsException">The file of authorities cannot be used.</exception>
    public DicomWebClient(DicomWebOptions options, TimeProvider clock)
    {
        this.options = options;
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // credentials go where they were meant for, and nowhere else
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.All,
            ConnectTimeout = options.Timeout,
        };
        if (options.AuthorityFile is { } file)
        {
            handler.SslOptions.CertificateChainPolicy = Trust(file);
        }

        http = new(handler) { Timeout = Timeout.InfiniteTimeSpan };
        var builder = new ResiliencePipelineBuilder { TimeProvider = clock };
        if (options.Retries > 0)
        {
            builder.AddRetry(new RetryStrategyOptions
            {
                ShouldHandle = new PredicateBuilder().Handle<PacsException>(e => e.IsTransient),
                MaxRetryAttempts = options.Retries,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                Delay = options.FirstDelay,
                MaxDelay = options.Timeout,
                DelayGenerator = a => ValueTask.FromResult((a.Outcome.Exception as PacsException)?.RetryAfter is { } wait ? wait < options.Timeout ? wait : options.Timeout : (TimeSpan?)null),
            });
        }

        repeated = builder.Build();
    }

    /// <summary>Address of the service; ends with a slash.</summary>
    public string Url => options.Url.AbsoluteUri;

    /// <summary>Address of a series, without credentials.</summary>
    public string SeriesUrl(string study, string series) => Address($"studies/{study}/series/{series}").AbsoluteUri;

    /// <summary>Asks for what matches, page by page.</summary>
    /// <param name="path">What is asked for, such as <c>studies</c>.</param>
    /// <param name="query">Attributes that must match, and attributes to tell.</param>
    /// <param name="uid">Tag that tells one answer from another.</param>
    /// <param name="most">Where there are more, one more than this is returned.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="PacsException">The server cannot be used.</exception>
    public async Task<IReadOnlyList<JsonElement>> FindAsync(string path, IReadOnlyList<(string Name, string Value)> query, string uid, int most, CancellationToken cancellation)
    {
        var (found, seen) = (new List<JsonElement>(), new HashSet<string>());
        while (found.Count <= most)
        {
            var page = await PageAsync(path, [.. query, ("limit", Number(Math.Min(LargestPage, most + 1 - found.Count))), ("offset", Number(found.Count))], cancellation);
            var news = page.Where(item => DicomJson.IsUid(DicomJson.Text(item, uid)) && seen.Add(DicomJson.Text(item, uid))).ToList();
            found.AddRange(news.Take(most + 1 - found.Count));
            if (news.Count == 0)
            {
                break; // all there is; a server that knows no offset sends the same again
            }
        }

        return found;
    }

    /// <summary>Fetches a series into a folder, a file an instance.</summary>
    /// <param name="seriesUrl">As <see cref="SeriesUrl"/> gives it.</param>
    /// <param name="folder">It is made, and is empty before each attempt.</param>
    /// <param name="instances">Number of instances that the server has named.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="PacsException">The server cannot be used, or sent less or more than it should.</exception>
    public Task FetchAsync(string seriesUrl, string folder, int instances, CancellationToken cancellation)
    {
        var address = new Uri(seriesUrl);
        return ExchangeAsync(address, _ =>
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }

            Directory.CreateDirectory(folder);
            var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.TryAddWithoutValidation("Accept", $"multipart/related; type=\"{Dicom}\"; transfer-syntax=*");
            return request;
        }, options.MostSeriesBytes, async (response, body, token) =>
        {
            var count = await SaveAsync(response, body, folder, address, token);
            return count >= instances ? true : throw new PacsException(address.AbsoluteUri, $"{count} of {instances} instances", "the whole series", "Try again; if it stays so, the server cannot give all instances of the series.") { IsTransient = true };
        }, cancellation);
    }

    /// <summary>Stores an instance, unless the server has it.</summary>
    /// <param name="file">A DICOM file.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>SOPInstanceUID.</returns>
    /// <exception cref="PacsException">The server cannot be used, or does not take it.</exception>
    public async Task<string> StoreAsync(string file, CancellationToken cancellation)
    {
        var (study, series, uid) = DicomInstance.Read(file) is ({ } a, { } b, { } c) ? (a, b, c) : throw new InvalidOperationException($"{file}: a result without UIDs");
        var address = Address($"studies/{study}");
        await repeated.ExecuteAsync(async token =>
        {
            if (!await HasAsync(study, series, uid, token))
            {
                await OnceAsync(address, touch => Upload(address, file, touch), options.MostListBytes, (response, body, t) => CheckStoredAsync(response, body, file, address, t), token);
            }
        }, cancellation);
        return uid;
    }

    public void Dispose() => http.Dispose();

    private async Task<bool> HasAsync(string study, string series, string uid, CancellationToken cancellation)
    {
        try
        {
            var address = Address($"studies/{study}/series/{series}/instances");
            var found = await OnceAsync(address, _ => Query(address, [("SOPInstanceUID", uid), ("limit", "2")]), options.MostListBytes, (response, body, token) => ListAsync(response, body, address, token), cancellation);
            return found.Any(item => DicomJson.Text(item, DicomJson.SopInstanceUid) == uid);
        }
        catch (PacsException e) when (e.Status == HttpStatusCode.NotFound)
        {
            return false; // some servers say so of a series that is not there yet
        }
    }

    private Task<IReadOnlyList<JsonElement>> PageAsync(string path, IReadOnlyList<(string Name, string Value)> query, CancellationToken cancellation)
    {
        var address = Address(path);
        return ExchangeAsync(address, _ => Query(address, query), options.MostListBytes, (response, body, token) => ListAsync(response, body, address, token), cancellation);
    }

    private static async Task<IReadOnlyList<JsonElement>> ListAsync(HttpResponseMessage response, Stream body, Uri address, CancellationToken cancellation)
    {
        if (response.StatusCode == HttpStatusCode.NoContent)
        {
            return [];
        }

        try
        {
            using var document = await JsonDocument.ParseAsync(body, cancellationToken: cancellation);
            return document.RootElement.ValueKind == JsonValueKind.Array ? [.. document.RootElement.EnumerateArray().Select(item => item.Clone())]
                : throw new PacsException(address.AbsoluteUri, "JSON that is no list", "a list of DICOM JSON", "Check that the address is that of a DICOMweb service.");
        }
        catch (JsonException)
        {
            throw new PacsException(address.AbsoluteUri, $"an answer of type {response.Content.Headers.ContentType?.MediaType ?? "unknown"} that is no JSON", "DICOM JSON", "Check that the address is that of a DICOMweb service.");
        }
    }

    private static HttpRequestMessage Query(Uri address, IReadOnlyList<(string Name, string Value)> query)
    {
        var text = string.Join('&', query.Select(q => $"{Uri.EscapeDataString(q.Name)}={Uri.EscapeDataString(q.Value)}"));
        var request = new HttpRequestMessage(HttpMethod.Get, new UriBuilder(address) { Query = text }.Uri);
        request.Headers.Accept.Add(new(Json));
        return request;
    }

    private static async Task<int> SaveAsync(HttpResponseMessage response, Stream body, string folder, Uri address, CancellationToken cancellation)
    {
        var type = response.Content.Headers.ContentType;
        PacsException Unexpected(string found) => new(address.AbsoluteUri, found, $"multipart/related with parts of type {Dicom}", "Check that the server offers WADO-RS of whole instances.");
        if (type?.MediaType == Dicom)
        {
            await WriteAsync(body, folder, 1, cancellation);
            return 1;
        }

        var boundary = type?.Parameters.FirstOrDefault(p => p.Name.Equals("boundary", StringComparison.OrdinalIgnoreCase))?.Value?.Trim('"');
        if (type?.MediaType != "multipart/related" || boundary is not { Length: > 0 and <= LongestBoundary })
        {
            throw Unexpected($"an answer of type {type?.MediaType ?? "unknown"}");
        }

        var reader = new MultipartReader(boundary, body, BufferSize) { HeadersCountLimit = MostPartHeaders, HeadersLengthLimit = MostPartHeaderBytes };
        var count = 0;
        while (await reader.ReadNextSectionAsync(cancellation) is { } section)
        {
            if (!MediaTypeHeaderValue.TryParse(section.ContentType, out var part) || part.MediaType != Dicom)
            {
                throw Unexpected($"a part of type {part?.MediaType ?? "unknown"}");
            }

            if (++count > MostParts)
            {
                throw Unexpected($"more than {Number(MostParts)} parts");
            }

            await WriteAsync(section.Body, folder, count, cancellation);
        }

        return count;
    }

    private static async Task WriteAsync(Stream instance, string folder, int number, CancellationToken cancellation)
    {
        await using var file = new FileStream(Path.Combine(folder, $"{number:D6}.dcm"), FileMode.CreateNew, FileAccess.Write, FileShare.None, BufferSize, FileOptions.Asynchronous);
        await instance.CopyToAsync(file, BufferSize, cancellation);
    }

    private static HttpRequestMessage Upload(Uri address, string file, Action touch)
    {
        var boundary = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var part = new StreamContent(new ObservedStream(File.OpenRead(file), _ => touch()), BufferSize);
        part.Headers.ContentType = new(Dicom);
        var content = new MultipartContent("related", boundary) { part };
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", $"multipart/related; type=\"{Dicom}\"; boundary={boundary}");
        var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = content };
        request.Headers.Accept.Add(new(Json));
        return request;
    }

    /// <summary>An answer of 200 or 202 can still name instances that failed (PS3.18, table I.2-1).</summary>
    private static async Task<bool> CheckStoredAsync(HttpResponseMessage response, Stream body, string file, Uri address, CancellationToken cancellation)
    {
        JsonElement? failed = null;
        try
        {
            using var document = await JsonDocument.ParseAsync(body, cancellationToken: cancellation);
            var root = document.RootElement.ValueKind == JsonValueKind.Array && document.RootElement.GetArrayLength() > 0 ? document.RootElement[0] : document.RootElement;
            failed = DicomJson.First(root, DicomJson.FailedSopSequence)?.Clone();
        }
        catch (JsonException)
        {
            // An empty answer, or XML: the status says enough.
        }

        return failed is null && response.IsSuccessStatusCode ? true : throw NotStored(response.StatusCode, failed, file, address);
    }

    private static PacsException NotStored(HttpStatusCode status, JsonElement? failed, string file, Uri address)
    {
        var code = failed is { } item ? DicomJson.Integer(item, DicomJson.FailureReason) : null;
        var reason = code switch
        {
            null => "",
            0x0110 => ": processing failure",
            0x0111 => ": an instance of this UID is there",
            0x0117 => ": no valid UID",
            0x0122 => ": the server does not take objects of this kind",
            0x0124 => ": not authorised",
            0xC122 => ": the server does not take this transfer syntax",
            >= 0xA700 and <= 0xA7FF => ": out of resources",
            >= 0xA900 and <= 0xA9FF => ": the server finds that attributes do not fit the kind of object",
            >= 0xC000 and <= 0xCFFF => ": the server cannot understand it",
            _ => "",
        };
        return new(address.AbsoluteUri, $"{Path.GetFileName(file)} was refused ({Number((int)status)}{(code is { } c ? string.Create(CultureInfo.InvariantCulture, $", failure reason {c:X4}H") : "")}{reason})", "that it is stored",
            "Ask who runs the server whether it stores objects of this kind in this study; the local result is complete.")
        { Status = status };
    }

    private Uri Address(string path) => new(options.Url, path);

    /// <summary>Sends a request, repeats it where that may help, and reads the answer.</summary>
    private async Task<T> ExchangeAsync<T>(Uri address, Func<Action, HttpRequestMessage> request, long mostBytes, Func<HttpResponseMessage, Stream, CancellationToken, Task<T>> read, CancellationToken cancellation) =>
        await repeated.ExecuteAsync(async token => await OnceAsync(address, request, mostBytes, read, token), cancellation);

    private async Task<T> OnceAsync<T>(Uri address, Func<Action, HttpRequestMessage> request, long mostBytes, Func<HttpResponseMessage, Stream, CancellationToken, Task<T>> read, CancellationToken cancellation)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        void Touch() => silence.CancelAfter(options.Timeout);
        PacsException Transient(string found, Exception inner) =>
            new(address.AbsoluteUri, found, "a whole answer", "Check address, network and server; --timeout and --retries say how long to wait and how often to try.", inner) { IsTransient = true };
        try
        {
            Touch();
            using var message = request(Touch);
            message.Headers.Authorization = options.Authorization;
            using var response = await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, silence.Token);
            if (!response.IsSuccessStatusCode && !(message.Method == HttpMethod.Post && response.StatusCode is (HttpStatusCode.BadRequest or HttpStatusCode.Conflict)))
            {
                throw Refused(response, address);
            }

            await using var body = new ObservedStream(await response.Content.ReadAsStreamAsync(silence.Token), bytes =>
            {
                Touch();
                if (bytes > mostBytes)
                {
                    throw new PacsException(address.AbsoluteUri, $"an answer of more than {Number(mostBytes)} bytes", "less", "If that is the size of the series, raise --largest.");
                }
            });
            return await read(response, body, silence.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw Transient(string.Create(CultureInfo.InvariantCulture, $"silence for {options.Timeout.TotalSeconds:0.###} s"), e);
        }
        catch (HttpRequestException e) when (e.InnerException is AuthenticationException)
        {
            throw new PacsException(address.AbsoluteUri, $"no secure connection ({e.InnerException.Message})", "a certificate for this host, of a trusted authority",
                "Give the certificate of the hospital's authority with --ca; there is no switch to do without.", e);
        }
        catch (HttpRequestException e)
        {
            throw Transient(e.HttpRequestError is HttpRequestError.NameResolutionError ? "no host of this name" : e.HttpRequestError is HttpRequestError.ConnectionError ? "no connection" : "a broken answer", e);
        }
        catch (InvalidDataException e)
        {
            throw new PacsException(address.AbsoluteUri, $"a damaged multipart answer ({e.Message})", "parts with a few short headers", "Report it to who runs the server.", e);
        }
        catch (IOException e) when (e is not (FileNotFoundException or DirectoryNotFoundException) && e.HResult != NoSpace)
        {
            throw Transient("an answer that breaks off", e);
        }
    }

    private static PacsException Refused(HttpResponseMessage response, Uri address)
    {
        var status = response.StatusCode;
        var (expected, remedy) = status switch
        {
            HttpStatusCode.Unauthorized => ("valid credentials", "Give a token or a user with --token-file, --basic-file, CREDENCE_PACS_TOKEN or CREDENCE_PACS_BASIC."),
            HttpStatusCode.Forbidden => ("the right to do this", "Ask who runs the server to grant it to this user."),
            HttpStatusCode.NotFound => ("a DICOMweb service", "Check the address; of Orthanc it ends with /dicom-web."),
            HttpStatusCode.NotAcceptable => ($"{Dicom} and {Json}", "Check that the server offers QIDO-RS, WADO-RS and STOW-RS."),
            >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest => ("an answer, not another address", "Give the address that the server leads to; redirections are not followed."),
            _ => ("success", "Look into the log of the server."),
        };
        var wait = response.Headers.RetryAfter?.Delta;
        return new(address.AbsoluteUri, $"status {Number((int)status)} ({status})", expected, remedy)
        {
            Status = status,
            IsTransient = status is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)status >= 500 && status != HttpStatusCode.NotImplemented,
            RetryAfter = wait,
        };
    }

    private static X509ChainPolicy Trust(string file)
    {
        try
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(file);
            return policy.CustomTrustStore.Count > 0 ? policy : throw new CryptographicException("no certificate");
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new PacsException(file, e.Message.TrimEnd('.'), "certificates as PEM", "Give the file with the certificate of the authority.", e);
        }
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
