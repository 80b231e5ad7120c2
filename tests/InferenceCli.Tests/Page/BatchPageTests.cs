using System.Net;
using System.Text.RegularExpressions;
using Credence.InferenceCli.Batch;
using Credence.InferenceCli.Page;

namespace Credence.InferenceCli.Tests.Page;

/// <summary>The page over all cases of a batch.</summary>
public sealed class BatchPageTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Page => folder.File("index.html");

    [Fact]
    public void Failed_cases_are_first_then_warnings()
    {
        Write(Done("b", 1.5, 2, 0.1), Done("a", 20.25, 1, 0.4) with { Warnings = ["spacing 9 mm; expected up to 3 mm"] }, Failed("z", "z.nii.gz: no scan"), Done("c", 3, 0, null) with { Status = CaseStatus.Unchanged });

        Assert.Equal(["z", "a", "b", "c"], Names(File.ReadAllText(Page)));
        Assert.Contains("4 cases: 2 done, 1 unchanged, 1 failed; 1 with warnings.", File.ReadAllText(Page), StringComparison.Ordinal);
    }

    [Fact]
    public void What_comes_from_files_is_text_and_no_markup()
    {
        const string Attack = "\"><img src=x onerror=alert(1)><script>alert(1)</script>";
        var record = Done(Attack, 1, 1, 0.1) with { Warnings = [Attack], Classes = [Class(Attack, 1, 1, 0.1), Class("b", 1, 1, null)] };
        BatchPage.Write(Page, new(Attack, Attack, [Line(record)], [new(record, Attack), new(Failed(Attack + "2", Attack), null)], 2, 1, [], [(Attack, Attack)]));

        var page = File.ReadAllText(Page);
        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        Assert.Single(Regex.Matches(page, "<script"));
        Assert.Contains($"data-key=\"{WebUtility.HtmlEncode(Attack)}\"", page, StringComparison.Ordinal);
        Assert.Contains($"<p>{WebUtility.HtmlEncode(Attack)}</p>", page, StringComparison.Ordinal);
        Assert.Contains($"data-label=\"Error\">{WebUtility.HtmlEncode(Attack)}</td>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_fetched()
    {
        Write(Done("a", 1, 1, 0.1));
        Assert.DoesNotMatch("<(script|link|img|iframe)[^>]*\\s(src|href)=", File.ReadAllText(Page));
        Assert.Contains("default-src 'none'", File.ReadAllText(Page), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_click_and_a_key_sort_the_table_at_any_width()
    {
        await using var chromium = await Chromium.Start();
        var page = chromium.Page;
        Write(Done("case2", 12, 3, 0.2), Done("case10", 100, 1, 0.3), Done("a", 2, 1, 0.5), Failed("z", $"/a/path/without/any/space/{new string('x', 200)}.nii.gz: no scan"));
        foreach (var width in new[] { 1200, 800, 400 })
        {
            await page.SetViewportAsync(new() { Width = width, Height = 800 });
            await page.GoToAsync(new Uri(Page).AbsoluteUri);
            Assert.Equal(["z", "a", "case10", "case2"], await Order());
            Assert.InRange(await page.EvaluateExpressionAsync<int>("document.documentElement.scrollWidth"), 1, width);

            await page.ClickAsync("#head-volume button");
            Assert.Equal(["case10", "case2", "a", "z"], await Order());
            Assert.Equal("By Volume, mL, descending.", await page.EvaluateExpressionAsync<string>("document.getElementById('order').textContent"));
            await page.Keyboard.PressAsync("Enter"); // the button has the focus
            Assert.Equal(["a", "case2", "case10", "z"], await Order()); // what has no volume stays last
            Assert.Equal("ascending", await page.EvaluateExpressionAsync<string>("document.getElementById('head-volume').getAttribute('aria-sort')"));

            await page.FocusAsync("#head-case button");
            await page.Keyboard.PressAsync("Space");
            Assert.Equal(["a", "case2", "case10", "z"], await Order()); // numbers in names count as numbers
            await page.Keyboard.PressAsync("Tab");
            await page.Keyboard.PressAsync("Enter");
            Assert.Equal(["z", "a", "case2", "case10"], await Order()); // by status: failed first
        }

        Assert.Empty(chromium.Problems);

        async Task<string[]> Order() => await page.EvaluateExpressionAsync<string[]>("[...document.querySelectorAll('tbody tr')].map(r => r.cells[0].dataset.key)");
    }

    [Fact]
    public void A_page_of_very_many_cases_shows_those_to_look_at_first_and_says_so()
    {
        List<CaseRecord> records = [.. Enumerable.Range(0, 9).Select(n => Done($"case{n}", 1, 1, 0.1)), Failed("late", "no scan")];
        BatchPage.Write(Page, new("Cases", "research", [.. records.Select(Line)], Rows(records).Take(3), 10, 1, [], []));

        var page = File.ReadAllText(Page);
        Assert.Equal(["late", "case0", "case1"], Names(page));
        Assert.Contains("10 cases: 9 done, 1 failed.", page, StringComparison.Ordinal);
        Assert.Contains("These are the 3 of 10 cases to look at first; <a href=\"cases.csv\">cases.csv</a> has all.", page, StringComparison.Ordinal);
    }

    private void Write(params CaseRecord[] records) => BatchPage.Write(Page, new("Cases", "research", [.. records.Select(Line)], Rows(records), records.Length, 1, [], [("Model", "m")]));

    private static IEnumerable<BatchPageCase> Rows(IReadOnlyList<CaseRecord> records) => BatchPage.Order(records.Select(Line)).Select(l => new BatchPageCase(records.Single(r => r.Case == l.Case), null));

    private static CaseLine Line(CaseRecord record) => new(record.Case, record.Status, record.Warnings is not null, 0, 0, 0);

    private static string[] Names(string page) => [.. Regex.Matches(page, "<tr role=\"row\" class[^>]*><td [^>]*data-key=\"([^\"]*)\"").Select(m => m.Groups[1].Value)];

    private static CaseRecord Done(string name, double volume, int lesions, double? uncertainty) =>
        new() { Case = name, Status = CaseStatus.Done, Inputs = [], Samples = 8, Seconds = 1.5, Classes = [Class("lesion", volume, lesions, uncertainty)] };

    private static CaseClass Class(string name, double volume, int lesions, double? uncertainty) =>
        new() { Name = name, Volume = volume, Interval = [volume / 2, volume * 2], Lesions = lesions, LesionInterval = [0, 4.5], StructuralUncertainty = uncertainty };

    private static CaseRecord Failed(string name, string error) => new() { Case = name, Status = CaseStatus.Failed, Inputs = [], Error = error };
}
