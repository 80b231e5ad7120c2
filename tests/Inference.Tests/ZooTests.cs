using System.Security.Cryptography;

namespace Credence.Inference.Tests;

/// <summary>The models that ship: each is whole, meets its golden numbers on this processor, and has a card that speaks of this very file.</summary>
public sealed class ZooTests
{
    public static TheoryData<string> Models => [.. Directory.GetDirectories(RepositoryRoot.File("models/zoo")).Select(f => Path.GetFileName(f)!)];

    [Theory]
    [MemberData(nameof(Models))]
    public void A_model_meets_its_golden_numbers_and_its_card_is_of_this_file(string name)
    {
        var (path, card) = (RepositoryRoot.File($"models/zoo/{name}/model.onnx"), File.ReadAllText(RepositoryRoot.File($"models/zoo/{name}/model-card.md")));
        using var model = LesionSegmenter.Load(path);

        Assert.InRange(model.SelfTest(), 0, 1e-2);
        Assert.Contains($"sha256 `{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)))}`", card, StringComparison.Ordinal);
        Assert.StartsWith($"# {model.ModelName}\n\n{model.IntendedUse}\n", card, StringComparison.Ordinal);
        Assert.Contains($"| licence | {model.Licence} |", card, StringComparison.Ordinal);
        Assert.DoesNotContain("unspecified", model.Licence, StringComparison.Ordinal);
        Assert.Contains("Not a medical device", model.IntendedUse, StringComparison.Ordinal);
        Assert.InRange(new FileInfo(path).Length, 1, 16_000_000);
    }
}
