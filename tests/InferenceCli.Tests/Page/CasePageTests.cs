using System.Text.Json;
using System.Text.RegularExpressions;
using Credence.Inference.Tests;
using Credence.InferenceCli.Page;
using Credence.MedicalIO;
using Credence.MedicalIO.Nifti;

namespace Credence.InferenceCli.Tests.Page;

/// <summary>The page of a case as text: what it holds, and that nothing in it comes from elsewhere.</summary>
public sealed class CasePageTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>The volumes in the page are those of the files beside it, but for the rounding to 8 bits.</summary>
    [Fact]
    public void The_page_holds_the_maps_of_the_files()
    {
        var result = PageCase.Predict(folder);
        var page = File.ReadAllText(Path.Combine(result, CasePage.File));

        Assert.Equal(NiftiFile.ReadLabels(Path.Combine(result, "segmentation.nii.gz")).Labels, Labels(page));
        Near("probability-7", "probability");
        Near("entropy", "predictive-entropy");
        Near("mutual-information", "mutual-information");

        void Near(string id, string file)
        {
            var (expected, shown) = (NiftiFile.Read(Path.Combine(result, $"{file}.nii.gz")), Embedded(page, id));
            Assert.True(expected.Geometry.IsSameGrid(shown.Geometry, 1e-4));
            var step = (expected.Voxels.Max() - Math.Min(0, expected.Voxels.Min())) / 255;
            Assert.All(expected.Voxels.Zip(shown.Voxels), pair => Assert.InRange(pair.Second - pair.First, -0.51 * step - 1e-6, 0.51 * step + 1e-6));
        }
    }

    [Fact]
    public void Nothing_is_fetched()
    {
        var page = File.ReadAllText(Path.Combine(PageCase.Predict(folder), CasePage.File));
        Assert.DoesNotMatch("<(script|link|img|iframe)[^>]*\\s(src|href)=", page);
        Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
    }

    /// <summary>Names come from model files, which are not trusted.</summary>
    [Fact]
    public void Names_of_the_model_are_text_and_no_markup()
    {
        const string Name = "</script><script>alert(1)</script>{{volumes}}";
        var page = File.ReadAllText(Path.Combine(PageCase.Predict(folder, m => m with { Classes = [new(0, "background"), new(7, Name)], Name = Name }), CasePage.File));
        using var content = JsonDocument.Parse(Regex.Match(page, "<script type=\"application/json\" id=\"case\">(.*?)</script>", RegexOptions.Singleline).Groups[1].Value);
        Assert.Equal(Name, content.RootElement.GetProperty("classes")[0].GetProperty("name").GetString());
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
        Assert.Single(Regex.Matches(page, "id=\"volume-segmentation\""));
    }

    [Fact]
    public void A_page_is_left_out_on_request()
    {
        Assert.False(File.Exists(Path.Combine(PageCase.Predict(folder, options: ["--no-page"]), CasePage.File)));
    }

    private static byte[] Labels(string page) => [.. Embedded(page, "segmentation").Voxels.Select(v => (byte)v)];

    /// <summary>Decodes a volume of the page with .NET and the reader of NIfTI files.</summary>
    private static Volume Embedded(string page, string id)
    {
        var text = Regex.Match(page, $"<script type=\"text/plain\" id=\"volume-{id}\">([^<]*)</script>").Groups[1].Value;
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.nii.gz");
        try
        {
            File.WriteAllBytes(path, Convert.FromBase64String(text));
            return NiftiFile.Read(path);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
