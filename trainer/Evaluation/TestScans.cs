using Credence.Trainer.Datasets;

namespace Credence.Trainer.Evaluation;

/// <summary>Finds scans that a data set holds on both sides: among the cases that train, and in its test set.</summary>
internal static class TestScans
{
    /// <summary>SHA-256 over the voxels of each case's channels, by case; lower-case hexadecimal.</summary>
    /// <param name="dataset">The data set.</param>
    /// <param name="cases">Those to read.</param>
    /// <param name="side">What they are called in reports.</param>
    /// <param name="report">Told what is read.</param>
    /// <param name="cancellation">Stops between two cases.</param>
    public static IReadOnlyDictionary<string, string> Hash(Dataset dataset, IReadOnlyList<CaseFiles> cases, string side, Action<string> report, CancellationToken cancellation)
    {
        var hashes = new Dictionary<string, string>();
        foreach (var files in cases)
        {
            cancellation.ThrowIfCancellationRequested();
            report($"looking for scans on both sides of the test set: {side} case {hashes.Count + 1} of {cases.Count}");
            hashes.Add(files.Id, Convert.ToHexStringLower(CaseReader.Read(dataset, files).ScanHash));
        }

        return hashes;
    }

    /// <summary>Refuses a scan on both sides, under whatever name.</summary>
    /// <param name="dataset">The data set, for the error.</param>
    /// <param name="training">Hashes of the cases that train or validate, by case.</param>
    /// <param name="test">Hashes of the test cases, by case.</param>
    /// <exception cref="DatasetException">A scan is on both sides.</exception>
    public static void RefuseShared(Dataset dataset, IReadOnlyDictionary<string, string> training, IReadOnlyDictionary<string, string> test)
    {
        var byHash = test.ToLookup(c => c.Value, c => c.Key);
        foreach (var (id, hash) in training)
        {
            if (byHash[hash].FirstOrDefault() is { } twin)
            {
                throw new DatasetException(dataset.Folder, $"case {id} for training has the scan of case {twin} of the test set", "every scan on one side", "Remove one of the two.");
            }
        }
    }
}
