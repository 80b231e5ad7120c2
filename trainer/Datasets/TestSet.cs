using System.Text.Json.Nodes;

namespace Credence.Trainer.Datasets;

/// <summary>Sets the held-out cases of a data set apart, and finds out which patient each case belongs to.</summary>
/// <remarks>
/// Test cases are those of <c>imagesTs</c> and <c>labelsTs</c>, or those that <c>dataset.json</c> names: <c>"test": ["case3", "case7"]</c>.
/// Entries with a slash are the Decathlon's own list of scans without a reference; they name no case and are passed over.
/// </remarks>
internal static class TestSet
{
    public static Dataset HoldOut(Dataset dataset)
    {
        var path = Path.Combine(dataset.Folder, Dataset.DescriptionFile);
        if (File.Exists(path))
        {
            var json = DatasetJson.Read(path);
            dataset = Named(dataset, json, path);
            dataset = dataset with { Patients = PatientGroups.Read(json, path, [.. dataset.Cases.Concat(dataset.TestCases).Select(c => c.Id)]) };
        }

        var trained = dataset.Cases.ToLookup(c => dataset.Patients[c.Id], c => c.Id);
        foreach (var test in dataset.TestCases)
        {
            if (dataset.Cases.Any(c => c.Id == test.Id))
            {
                throw new DatasetException(dataset.Folder, $"case {test.Id} among the training cases and in the test set", "every case on one side", "Rename or remove one of the two.");
            }

            if (trained[dataset.Patients[test.Id]].FirstOrDefault() is { } other)
            {
                throw new DatasetException(path, $"patient {dataset.Patients[test.Id]} with case {other} for training and case {test.Id} in the test set", "every patient on one side",
                    "Move all cases of the patient to one side.");
            }
        }

        return dataset;
    }

    private static Dataset Named(Dataset dataset, JsonObject json, string path)
    {
        if (json["test"] is not { } node)
        {
            return dataset;
        }

        var names = (node as JsonArray ?? throw new DatasetException(path, "\"test\" that is no list", "a list of cases, such as [\"case3\", \"case7\"]", "Correct \"test\"."))
            .Select(n => DatasetJson.Text(n, path, "an entry of \"test\""))
            .Where(n => !n.Contains('/', StringComparison.Ordinal))
            .ToHashSet(StringComparer.Ordinal);
        if (names.Count > 0 && dataset.TestCases.Count > 0)
        {
            throw new DatasetException(path, "cases under \"test\", and a folder labelsTs", "one test set", "Remove one of them.");
        }

        var isTest = dataset.Cases.ToLookup(c => names.Contains(c.Id));
        return names.FirstOrDefault(n => dataset.Cases.All(c => c.Id != n)) is { } unknown
            ? throw new DatasetException(path, $"\"test\" names {unknown}", "cases of the data set", "Correct \"test\".")
            : dataset with { Cases = [.. isTest[false]], TestCases = names.Count > 0 ? [.. isTest[true]] : dataset.TestCases };
    }
}
