using System.Text.Json.Nodes;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Tests;

public sealed class TestSetTests
{
    [Fact]
    public void Cases_are_held_out_by_name_or_by_folder()
    {
        using var named = SmallDataset.Decathlon();
        Describe(named, json => json["test"] = new JsonArray("case3", "case1"));
        using var folders = SmallDataset.Decathlon();
        foreach (var kind in new[] { "images", "labels" })
        {
            Directory.CreateDirectory(folders.File($"{kind}Ts"));
            File.Move(folders.File($"{kind}Tr/case4.nii.gz"), folders.File($"{kind}Ts/case4.nii.gz"));
        }

        Assert.Equal("case0 case2 case4 | case1 case3", Ids(Dataset.Open(named.Path)));
        Assert.Equal("case0 case1 case2 case3 | case4", Ids(Dataset.Open(folders.Path)));

        static string Ids(Dataset dataset) => string.Join(' ', [.. dataset.Cases.Select(c => c.Id), "|", .. dataset.TestCases.Select(c => c.Id)]);
    }

    [Fact]
    public void The_decathlons_list_of_scans_without_reference_is_no_test_set()
    {
        using var data = SmallDataset.Decathlon();
        Describe(data, json => json["test"] = new JsonArray("./imagesTs/hippocampus_267.nii.gz"));

        var dataset = Dataset.Open(data.Path);

        Assert.Equal((5, 0), (dataset.Cases.Count, dataset.TestCases.Count));
    }

    [Theory]
    [InlineData("""{"test": ["case9"]}""", "\"test\" names case9; expected cases of the data set.")]
    [InlineData("""{"test": "case1"}""", "\"test\" that is no list; expected a list of cases, such as [\"case3\", \"case7\"].")]
    [InlineData("""{"test": ["case1"], "patients": {"case0": "A", "case1": "A", "case2": "B", "case3": "C", "case4": "D"}}""",
        "patient A with case case0 for training and case case1 in the test set; expected every patient on one side.")]
    public void A_test_set_that_leaks_or_is_not_there_is_refused(string additions, string message)
    {
        using var data = SmallDataset.Decathlon();
        Describe(data, json =>
        {
            foreach (var (key, value) in JsonNode.Parse(additions)!.AsObject())
            {
                json[key] = value?.DeepClone();
            }
        });

        Assert.Contains(message, Assert.Throws<DatasetException>(() => Dataset.Open(data.Path)).Message, StringComparison.Ordinal);
    }

    private static void Describe(SmallDataset data, Action<JsonObject> change)
    {
        var json = JsonNode.Parse(File.ReadAllText(data.File("dataset.json")))!.AsObject();
        change(json);
        File.WriteAllText(data.File("dataset.json"), json.ToJsonString());
    }
}
