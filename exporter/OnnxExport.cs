using Credence.Inference;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Models;

namespace Credence.Exporter;

/// <summary>What to export.</summary>
public sealed record ExportOptions
{
    /// <summary>
    /// A run folder (its best checkpoint is taken, or the last where there is no best) or a checkpoint file; several become the members of an ensemble, in this
    /// order. The folder of a cross-validation stands for all of its networks.
    /// </summary>
    public required IReadOnlyList<string> Runs { get; init; }

    /// <summary>The model file to write.</summary>
    public required string Output { get; init; }

    /// <summary>A real case for the proof: one NIfTI file or DICOM folder a channel. Empty proves on random patches only.</summary>
    public IReadOnlyList<string> ProofScan { get; init; } = [];

    /// <summary>A <c>calibration.json</c> of <c>credence-train tune</c>; null keeps the calibration of the checkpoint.</summary>
    public string? Calibration { get; init; }

    /// <summary>Number format of weights and convolutions.</summary>
    public WeightPrecision Precision { get; init; } = WeightPrecision.Float32;

    /// <summary>Name of the model, for people; null keeps that of the data set.</summary>
    public string? Name { get; init; }

    /// <summary>Licence of the model file; null keeps what the checkpoint says.</summary>
    public string? Licence { get; init; }

    /// <summary>What the model may be used for; null keeps what the checkpoint says.</summary>
    public string? IntendedUse { get; init; }

    /// <summary>Most bytes of a file: protobuf's own limit.</summary>
    internal long LargestFile { get; init; } = int.MaxValue;
}

/// <summary>What was exported.</summary>
/// <param name="Output">The model file.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Sha256">Its hash.</param>
/// <param name="Proof">How far it is from the trained network.</param>
/// <param name="Members">Networks in it.</param>
/// <param name="Warnings">What its user should know.</param>
public sealed record ExportResult(string Output, long Bytes, string Sha256, ProofResult Proof, int Members, IReadOnlyList<string> Warnings);

/// <summary>Turns a checkpoint, or those of an ensemble, into a model file. Nothing is written under the final name before the proof has passed.</summary>
public static class OnnxExport
{
    /// <summary>Exports.</summary>
    /// <param name="options">What, and where to.</param>
    /// <param name="cancellation">Ends the proof between two patches.</param>
    /// <exception cref="ModelFileException">The checkpoint cannot be used, or the file differs from the trained network.</exception>
    /// <exception cref="InputException">The case of the proof cannot be used.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; nothing was written.</exception>
    public static ExportResult Export(ExportOptions options, CancellationToken cancellation = default)
    {
        var checkpoints = CheckpointFiles.Find(options.Runs);
        var trained = TrainedMember.Load(checkpoints);
        try
        {
            return Export([.. trained.Select(m => m.Network)], checkpoints, options, cancellation);
        }
        finally
        {
            Dispose(trained);
        }
    }

    /// <summary>Exports the weights of <paramref name="checkpoints"/>, proved against <paramref name="trained"/>.</summary>
    internal static ExportResult Export(IReadOnlyList<Network> trained, IReadOnlyList<string> checkpoints, ExportOptions options, CancellationToken cancellation = default)
    {
        var members = TrainedMember.Load(checkpoints);
        try
        {
            return Export(trained, members, options, cancellation);
        }
        finally
        {
            Dispose(members);
        }
    }

    private static ExportResult Export(IReadOnlyList<Network> trained, IReadOnlyList<TrainedMember> members, ExportOptions options, CancellationToken cancellation)
    {
        var manifest = EnsembleManifest.Join(members, options.Calibration is not null);
        manifest = manifest with
        {
            Name = options.Name ?? manifest.Name,
            Licence = options.Licence ?? manifest.Licence,
            IntendedUse = options.IntendedUse ?? manifest.IntendedUse,
        };
        var warnings = new List<string>();
        if (options.Calibration is { } calibration)
        {
            var tuned = TunedCalibration.Read(calibration);
            var found = tuned.For(calibration, manifest);
            var (tunedMembers, isOther) = (tuned.Members ?? 1, members.Count != (tuned.Members ?? 1));
            manifest = manifest with { Calibration = isOther ? found with { VolumeInterval = null, MeanEntropyLimit = null } : found };
            if (isOther)
            {
                var (tunedOn, model) = (tunedMembers == 1 ? "single networks" : $"means over {tunedMembers} networks", members.Count == 1 ? "a single one" : $"the mean over {members.Count}");
                warnings.Add($"{calibration} was tuned on {tunedOn}, and the model is {model}: the more members, the less sure of itself. Its volume intervals and entropy limits were left out. "
                    + "Check temperature and threshold on held-out cases, or tune with --ensemble on as many seeds.");
            }

            if (tuned.LeftOut is { } fold)
            {
                warnings.Add($"{calibration} was tuned without fold {fold}, to judge its networks with. Tune on all folds for a model that is to be used.");
            }
        }

        var writer = new ModelFileWriter { Output = options.Output, Source = members[0].Path, Precision = options.Precision, ProofScan = options.ProofScan, LargestFile = options.LargestFile };
        return writer.Write(trained, [.. members.Select(m => m.Network)], manifest, cancellation) with { Warnings = warnings };
    }

    /// <summary>Repeats the proof on a model file that lies there: its golden numbers, and the networks that it was made of.</summary>
    /// <param name="path">The model file.</param>
    /// <param name="runs">As <see cref="ExportOptions.Runs"/>, in the same order; none compares with the golden numbers alone.</param>
    /// <param name="scan">As <see cref="ExportOptions.ProofScan"/>.</param>
    /// <param name="cancellation">Ends the proof between two patches.</param>
    /// <returns>The largest difference from the golden numbers, as a share of the largest of them (at least 1), and the proof; null without a run.</returns>
    /// <exception cref="ModelFileException">A file cannot be used, is of another network, or differs by more than the tolerance.</exception>
    /// <exception cref="InputException">The case of the proof cannot be used.</exception>
    public static (double GoldenDifference, ProofResult? Proof) Verify(string path, IReadOnlyList<string> runs, IReadOnlyList<string> scan, CancellationToken cancellation = default)
    {
        var file = ModelFile.Load(path);
        using var segmenter = LesionSegmenter.Load(path);
        var golden = segmenter.SelfTest(cancellation);
        if (runs.Count == 0)
        {
            return (golden, null);
        }

        var members = TrainedMember.Load(CheckpointFiles.Find(runs));
        try
        {
            static string Text(int networks, ModelManifest m) => $"{networks} network{(networks == 1 ? "" : "s")}, {m.Channels.Count} channels, {m.Classes.Count} classes, {m.NoiseInputs.Count} noise inputs";
            if (members.Count != file.Manifest.Members)
            {
                throw new ModelFileException(path, Text(file.Manifest.Members, file.Manifest), Text(members.Count, members[0].Manifest), "Give every run that the file was made of, in the same order.");
            }

            if (members.FirstOrDefault(m => m.Manifest.Channels.Count != file.Manifest.Channels.Count || m.Manifest.Classes.Count != file.Manifest.Classes.Count
                || !m.Manifest.NoiseInputs.Select(n => n.Name).SequenceEqual(file.Manifest.NoiseInputs.Select(n => n.Name))) is { } other)
            {
                throw new ModelFileException(path, Text(members.Count, file.Manifest), $"{Text(members.Count, other.Manifest)}, as {other.Path} has", "Give the runs that the file was made of.");
            }

            return (golden, ModelFileWriter.Prove([.. members.Select(m => m.Network)], file, scan, "The file was made of other runs, or of these in another order, or it or a run was changed since. Export it again.", cancellation));
        }
        finally
        {
            Dispose(members);
        }
    }

    private static void Dispose(IReadOnlyList<TrainedMember> members)
    {
        foreach (var member in members)
        {
            member.Dispose();
        }
    }
}
