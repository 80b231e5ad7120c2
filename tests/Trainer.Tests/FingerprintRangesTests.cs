using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Trainer.Datasets;
using Credence.Trainer.Planning;

namespace Credence.Trainer.Tests;

public sealed class FingerprintRangesTests
{
    /// <summary>A gate that cries often is not heard: it should let pass real scans of the study that it was not made of, and not what they become by other means.</summary>
    [Fact]
    public void Held_out_scans_of_the_study_pass_the_gate_and_changed_ones_do_not()
    {
        var dataset = Dataset.Open(Shared.Folder("data/hippocampus"));
        var builder = new FingerprintBuilder(dataset);
        var (training, heldOut) = (new List<string>(), new List<LoadedCase>());
        foreach (var (files, n) in dataset.Cases.Select((c, n) => (c, n)))
        {
            var read = CaseReader.Read(dataset, files);
            builder.Add(read);
            if (n % 5 == 0)
            {
                heldOut.Add(read);
            }
            else
            {
                training.Add(files.Id);
            }
        }

        var fingerprint = builder.Build(training);
        int Warned(Func<float, int, float> change) => heldOut.Count(c => FingerprintGate.Check(
            [.. c.Channels.Select(v => new Volume(v.Geometry, [.. v.Voxels.Select(change)]))], ["scan"], Manifest(fingerprint), limit: null).Count > 0);
        Assert.InRange(Warned((x, _) => x), 0, heldOut.Count / 20);
        Assert.Equal(0, Warned((x, _) => -x)); // the limit of it: intensities that are spread evenly around their median
        Assert.Equal(heldOut.Count, Warned((x, n) => n % 10 == 0 ? x : 0)); // nine tenths of it masked
        Assert.Equal(heldOut.Count, Warned((x, _) => MathF.Pow(x, 6))); // a contrast with a long tail
    }

    private static ModelManifest Manifest(TrainingFingerprint fingerprint) => new()
    {
        Name = "hippocampus",
        Channels = [new("MRI")],
        Classes = [new(0, "background"), new(1, "anterior"), new(2, "posterior")],
        Spacing = new(1, 1, 1),
        Normalisation = new(NormalisationKind.ZScore),
        PatchSize = new(8, 8, 8),
        Stride = new(1, 1, 1),
        Posterior = PosteriorKind.Plain,
        Fingerprint = fingerprint,
        Provenance = new() { TrainedBy = "test", TrainedAt = "2026-01-01T00:00:00Z", DataHash = "", Seed = 1, Steps = 0, Objective = "none", ExamplesPerEpoch = 1 },
    };
}
