using System.Globalization;
using System.Text.Json;
using Credence.InferenceCli.Page;
using Credence.MedicalIO.Nifti;
using PuppeteerSharp;
using SkiaSharp;

namespace Credence.InferenceCli.Tests.Page;

/// <summary>The page of a case in headless Chromium (Debian package <c>chromium</c>).</summary>
public sealed class BrowserTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Scan_and_lesions_are_drawn_and_a_lesion_moves_the_crosshair()
    {
        await using var chromium = await Chromium.Start();
        var result = PageCase.Predict(folder);
        var (page, problems) = (chromium.Page, chromium.Problems);
        await page.SetViewportAsync(new() { Width = 1200, Height = 900 });
        await page.GoToAsync(new Uri(Path.Combine(result, CasePage.File)).AbsoluteUri);
        await page.WaitForSelectorAsync("body[data-ready=true]", new() { Timeout = 240_000 });

        // Two lesions, the larger first; the crosshair begins in it and goes where the file says.
        var numbers = NiftiFile.Read(Path.Combine(result, "lesions.nii.gz"));
        Assert.Equal(2, await page.EvaluateExpressionAsync<int>("document.querySelectorAll('tbody tr').length"));
        foreach (var lesion in new[] { 2, 1 })
        {
            await page.ClickAsync($"#lesion-{lesion} button");
            var text = await page.EvaluateExpressionAsync<string>("document.getElementById('position').dataset.mm");
            double[] mm = [.. text.Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture))];
            var at = numbers.Geometry.Affine.Inverse().Apply(new(mm[0], mm[1], mm[2]));
            Assert.Equal(lesion, numbers[(int)Math.Round(at.X), (int)Math.Round(at.Y), (int)Math.Round(at.Z)]);
            Assert.Equal($"#lesion-{lesion}", await page.EvaluateExpressionAsync<string>("location.hash"));
        }

        // The canvas shows many greys, and the orange of the segmentation only while its layer is on.
        var shown = await Colours(page);
        Assert.True(shown.Greys > 20, $"{shown.Greys} greys");
        Assert.True(shown.Orange > 50, $"{shown.Orange} orange pixels");
        await page.ClickAsync("#show-segmentation");
        var hidden = await Colours(page);
        Assert.True(hidden.Orange < shown.Orange / 2, $"{hidden.Orange} of {shown.Orange} orange pixels are left");

        // A slider at its lower end does the same as the layer switched off.
        await page.ClickAsync("#show-segmentation");
        await page.EvaluateExpressionAsync("(s => { s.value = s.min; s.dispatchEvent(new Event('input', { bubbles: true })); s.dispatchEvent(new Event('change', { bubbles: true })); })(document.querySelector('#show-segmentation').closest('.layer').querySelector('input[type=range]'))");
        var faded = await Colours(page);
        Assert.True(faded.Orange < shown.Orange / 2, $"{faded.Orange} of {shown.Orange} orange pixels are left");

        // What was run, how the volume spreads over the samples, each lesion with its interval, and the picture in words.
        var ran = await page.EvaluateExpressionAsync<string>("document.getElementById('run').textContent");
        var report = JsonDocument.Parse(File.ReadAllText(Path.Combine(result, "report.json"))).RootElement;
        Assert.All([report.GetProperty("modelSha256").GetString()!, "6", report.GetProperty("seed").GetRawText()], figure => Assert.Contains(figure, ran, StringComparison.Ordinal));
        Assert.Matches("volume in 6 samples from .* mL", await page.EvaluateExpressionAsync<string>("document.querySelector('#histogram svg').getAttribute('aria-label')"));
        Assert.True(await page.EvaluateExpressionAsync<int>("[...document.querySelectorAll('#histogram rect')].filter(r => r.height.baseVal.value > 0).length") > 0);
        Assert.All(await page.EvaluateExpressionAsync<string[]>("[...document.querySelectorAll('#lesions tbody tr')].map(r => r.textContent)"), row => Assert.Matches(@"\d to \d", row));
        Assert.StartsWith("The scan with its segmentation", await page.EvaluateExpressionAsync<string>("document.getElementById(document.getElementById('canvas').getAttribute('aria-describedby')).textContent"), StringComparison.Ordinal);

        // A telephone: nothing sticks out at the side, and the pictures fit into the window.
        await page.SetViewportAsync(new() { Width = 400, Height = 800, IsMobile = true, HasTouch = true });
        Assert.InRange(await page.EvaluateExpressionAsync<int>("document.documentElement.scrollWidth"), 1, 400);
        Assert.InRange(await page.EvaluateExpressionAsync<int>("document.getElementById('stage').clientHeight"), 300, 400);

        // By keyboard alone: from the canvas, a step changes the place.
        await page.FocusAsync("#canvas");
        var before = await page.EvaluateExpressionAsync<string>("document.getElementById('position').dataset.mm");
        await page.Keyboard.PressAsync("h");
        Assert.NotEqual(before, await page.EvaluateExpressionAsync<string>("document.getElementById('position').dataset.mm"));

        // Warnings come before everything else, at once in sight, and as text.
        const string Warning = "spacing 9 mm; <b>expected</b> up to 3 mm";
        var warned = Path.Combine(result, "warned.html");
        File.WriteAllText(warned, File.ReadAllText(Path.Combine(result, CasePage.File)).Replace("\"warnings\":[]", $"\"warnings\":[\"{Warning}\"]", StringComparison.Ordinal));
        await page.GoToAsync(new Uri(warned).AbsoluteUri);
        await page.WaitForSelectorAsync("body[data-ready=true]", new() { Timeout = 240_000 });
        Assert.Equal(Warning, await page.EvaluateExpressionAsync<string>("document.querySelector('#warnings li').textContent"));
        Assert.True(await page.EvaluateExpressionAsync<bool>("(w => w.top > 0 && w.bottom <= Math.min(innerHeight, document.querySelector('main').getBoundingClientRect().top))(document.querySelector('#warnings').getBoundingClientRect())"));
        Assert.Empty(problems);
    }

    private static async Task<(int Greys, int Orange)> Colours(IPage page)
    {
        await using var canvas = await page.QuerySelectorAsync("#canvas");
        using var picture = SKBitmap.Decode(await canvas.ScreenshotDataAsync(new ElementScreenshotOptions()));
        var greys = new HashSet<byte>();
        var orange = 0;
        foreach (var c in picture.Pixels)
        {
            if (c.Red == c.Green && c.Green == c.Blue)
            {
                greys.Add(c.Red);
            }

            orange += c.Red > c.Blue + 60 && c.Red > c.Green + 10 ? 1 : 0;
        }

        return (greys.Count, orange);
    }
}
