using PuppeteerSharp;

namespace Credence.InferenceCli.Tests.Page;

/// <summary>An empty page in headless Chromium, and what goes wrong in it. Tests that need it skip by name where it is not installed.</summary>
internal sealed class Chromium : IAsyncDisposable
{
    private static readonly string[] Programs = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

    private readonly IBrowser browser;

    private Chromium(IBrowser browser, IPage page)
    {
        (this.browser, Page) = (browser, page);
        page.Console += (_, e) =>
        {
            if (e.Message.Type is ConsoleType.Error)
            {
                Problems.Add(e.Message.Text);
            }
        };
        page.PageError += (_, e) => Problems.Add(e.Message);
        page.RequestFailed += (_, e) => Problems.Add($"{e.Request.Url} failed");
        page.Request += (_, e) =>
        {
            if (e.Request.Url.StartsWith("http", StringComparison.Ordinal))
            {
                Problems.Add($"{e.Request.Url} was asked for");
            }
        };
    }

    public IPage Page { get; }

    /// <summary>Errors on the console and in scripts, and requests that failed or went to a network.</summary>
    public List<string> Problems { get; } = [];

    public static async Task<Chromium> Start()
    {
        var program = Array.Find(Programs, File.Exists);
        Assert.SkipWhen(program is null, "needs Chromium; install it with `apt-get install chromium`");
        var browser = await Puppeteer.LaunchAsync(new()
        {
            ExecutablePath = program,
            Args = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
            ProtocolTimeout = 300_000,
        });
        return new(browser, await browser.NewPageAsync());
    }

    public ValueTask DisposeAsync() => browser.DisposeAsync();
}
