using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using Credence.Inference.Onnx;
using Credence.MedicalIO;
using Google.Protobuf;

namespace Credence.Inference.Model;

/// <summary>A model file in memory, checked against its own manifest.</summary>
internal sealed class ModelFile
{
    private const long LargestFile = int.MaxValue; // protobuf's own limit

    private ModelFile(string path, byte[] bytes, ModelManifest manifest, string? signer)
    {
        (Path, Bytes, Manifest, Signer) = (path, bytes, manifest, signer);
        Sha256 = Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    /// <summary>Where it was read from.</summary>
    public string Path { get; }

    /// <summary>The whole file, as ONNX Runtime takes it.</summary>
    public byte[] Bytes { get; }

    /// <summary>The recipe.</summary>
    public ModelManifest Manifest { get; }

    /// <summary>SHA-256 of the file, lower-case hexadecimal.</summary>
    public string Sha256 { get; }

    /// <summary>SHA-256 of the trusted public key that the file is signed with, lower-case hexadecimal; null where no keys were given, and nothing checked.</summary>
    public string? Signer { get; }

    /// <summary>Reads and checks a model file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="largest">Most bytes of it.</param>
    /// <param name="trust">Keys, one of which the file has to be signed with; null takes any file.</param>
    /// <exception cref="ModelFileException">It is not a model file that this version can run.</exception>
    public static ModelFile Load(string path, long largest = LargestFile, TrustedKeys? trust = null)
    {
        byte[] bytes;
        try
        {
            if (new FileInfo(path) is { Exists: true, Length: var length } && length > largest)
            {
                throw new ModelFileException(path, $"{length} bytes", $"at most {largest}, the limit of one ONNX file", "Export a smaller network, or in float16.");
            }

            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFileException(path, "no such file", "a model written by credence-export", "Check the path given with --model.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelFileException(path, Directory.Exists(path) ? "a folder" : $"a file that cannot be read ({e.Message.TrimEnd('.')})", "a model written by credence-export",
                "Check the path given with --model, and who may read it.", e);
        }

        return Parse(path, bytes, trust);
    }

    /// <summary>Checks a model file that is already in memory.</summary>
    /// <param name="path">Name for error messages.</param>
    /// <param name="bytes">The whole file; kept.</param>
    /// <param name="trust">As for <see cref="Load"/>.</param>
    /// <exception cref="ModelFileException">It is not a model file that this version can run, or not signed with a trusted key.</exception>
    public static ModelFile Parse(string path, byte[] bytes, TrustedKeys? trust = null)
    {
        var signer = trust is null ? null : SignerOf(path, bytes, trust); // before anything of it is read
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new ModelFileException(path, $"bytes that are not ONNX ({e.Message})", "a model written by credence-export", "Copy the file again, or export it again.", e);
        }

        if (model.Graph is null)
        {
            throw new ModelFileException(path, "no ONNX graph", "a model written by credence-export", "Copy the file again, or export it again.");
        }

        if (ExternalData.Find(model) is { } external)
        {
            throw new ModelFileException(path, $"weights of \"{external}\" in another file", "one file that holds everything", "Export it again with credence-export.");
        }

        var text = model.MetadataProps.FirstOrDefault(p => p.Key == ModelManifest.MetadataKey)?.Value
            ?? throw new ModelFileException(path, $"no metadata \"{ModelManifest.MetadataKey}\"", "a model written by credence-export",
                "An ONNX file from elsewhere lacks preprocessing and classes; train and export it with Credence.");
        var manifest = ParseManifest(path, text);
        Check(path, manifest, model.Graph);
        return new(path, bytes, manifest, signer);
    }

    private static string SignerOf(string path, byte[] bytes, TrustedKeys trust)
    {
        const string Expected = "a signature of one of the trusted keys";
        return ModelSignature.Find(bytes) is not var (length, signature)
            ? throw new ModelFileException(path, "no signature", Expected, "Have it signed by who answers for it (credence-export sign), or leave out --trust.")
            : trust.SignerOf(bytes.AsSpan(0, length), signature)
                ?? throw new ModelFileException(path, "a signature of another key, or of another file", Expected, "Fetch the model again from who signed it, and check which keys are trusted.");
    }

    private static ModelManifest ParseManifest(string path, string text)
    {
        try
        {
            using (var json = JsonDocument.Parse(text))
            {
                // Before anything else: a manifest from the future may have changed everything else.
                if (!json.RootElement.TryGetProperty("formatVersion", out var element) || !element.TryGetInt32(out var version) || version < 1)
                {
                    throw new ModelFileException(path, "a manifest without formatVersion", "a whole number from 1", "Export the model again.");
                }

                if (version > ModelManifest.CurrentFormatVersion)
                {
                    throw new ModelFileException(path, $"manifest format version {version}", $"at most {ModelManifest.CurrentFormatVersion}",
                        $"Use a newer Credence that reads model format {version}, or export the model with this version.");
                }
            }

            return JsonSerializer.Deserialize(text, ManifestJson.Default.ModelManifest) ?? throw new JsonException("null");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException or FormatException)
        {
            throw new ModelFileException(path, $"a manifest that cannot be read ({e.Message})", $"the JSON of format version {ModelManifest.CurrentFormatVersion}", "Export the model again.", e);
        }
    }

    private static void Check(string path, ModelManifest manifest, GraphProto graph)
    {
        ModelFileException Wrong(string found, string expected) =>
            new(path, found, expected, "The manifest contradicts itself or the graph; export the model again.");

        // JSON may hold null inside a list, which the annotations of its type do not catch.
        if (manifest.Channels.Any(c => c is null) || manifest.Classes.Any(c => c is null) || manifest.NoiseInputs.Any(n => n is null) || manifest.Fingerprint.Channels.Any(c => c is null))
        {
            throw Wrong("null in a list of channels, classes or noise inputs", "descriptions");
        }

        if (manifest.Fingerprint.Channels.Count != manifest.Channels.Count)
        {
            throw Wrong($"a fingerprint of {manifest.Fingerprint.Channels.Count} channels", $"one of each of the {manifest.Channels.Count}");
        }

        if (manifest.Orientation != MedicalIO.Orientation.Canonical)
        {
            throw Wrong($"orientation \"{manifest.Orientation}\"", MedicalIO.Orientation.Canonical);
        }

        if (manifest.Blending != "gaussian")
        {
            throw Wrong($"blending \"{manifest.Blending}\"", "\"gaussian\"");
        }

        if (!(manifest.Overlap >= 0 && manifest.Overlap < 1))
        {
            throw Wrong($"overlap {manifest.Overlap}", "a number from 0 to below 1");
        }

        if (manifest.Preprocessing.Fault() is var (found, expected))
        {
            throw Wrong(found, expected);
        }

        if (!Enum.IsDefined(manifest.Posterior) || !Enum.IsDefined(manifest.Precision))
        {
            throw Wrong("an unknown posterior or precision", "a documented one");
        }

        var (patch, stride) = (manifest.PatchSize, manifest.Stride);
        if (stride.Width < 1 || stride.Height < 1 || stride.Depth < 1 || patch.Width < 1 || patch.Height < 1 || patch.Depth < 1
            || patch.Width % stride.Width != 0 || patch.Height % stride.Height != 0 || patch.Depth % stride.Depth != 0 || patch.Count > 1 << 28)
        {
            throw Wrong($"patch {patch} with stride {stride}", "a patch whose edges are multiples of the stride");
        }

        var calibration = manifest.Calibration;
        if (!(calibration.Temperature > 0) || !(calibration.Threshold is > 0 and < 1) || calibration.MinimumLesionVoxels < 1)
        {
            throw Wrong($"calibration {calibration}", "a temperature above 0, a threshold between 0 and 1, at least 1 voxel");
        }

        if (calibration.VolumeInterval is { } volumes && (volumes.Samples < 1 || volumes.Factors.Count != manifest.Classes.Count - 1 || volumes.Factors.Any(f => !(f >= 1 && double.IsFinite(f)))))
        {
            throw Wrong(FormattableString.Invariant($"volume intervals of {volumes.Samples} samples with the factors {string.Join(", ", volumes.Factors)}"), "samples of at least 1 and, for each foreground class, a factor of at least 1");
        }

        if (calibration.MeanEntropyLimit is { } entropy && (entropy.Samples < 1 || entropy.Limits.Count != manifest.Classes.Count - 1 || entropy.Limits.Any(l => !(l is null or (>= 0 and < double.PositiveInfinity)))))
        {
            throw Wrong(FormattableString.Invariant($"mean entropies of {entropy.Samples} samples with the limits {string.Join(", ", entropy.Limits)}"), "samples of at least 1 and, for each foreground class, a limit of at least 0 or null");
        }

        if (manifest.Channels.Count < 1 || manifest.Classes.Count < 2 || manifest.Classes[0].Label != 0 || manifest.Classes.DistinctBy(c => c.Label).Count() != manifest.Classes.Count)
        {
            throw Wrong($"{manifest.Channels.Count} channels and labels {string.Join(", ", manifest.Classes.Select(c => c.Label))}", "at least one channel, and 0 for background first");
        }

        if (manifest.Classes.GroupBy(c => c.Name).FirstOrDefault(g => g.Count() > 1) is { } named)
        {
            throw Wrong($"{named.Count()} classes \"{named.Key}\"", "each name once");
        }

        CheckShape(graph.Input, "image", manifest.Channels.Count);
        CheckShape(graph.Output, "logits", manifest.Classes.Count);
        if (graph.Input.GroupBy(i => i.Name).FirstOrDefault(g => g.Count() > 1) is { } twins)
        {
            throw Wrong($"{twins.Count()} graph inputs \"{twins.Key}\"", "each name once");
        }

        var inputs = graph.Input.ToDictionary(i => i.Name);
        foreach (var noise in manifest.NoiseInputs)
        {
            var shape = inputs.TryGetValue(noise.Name, out var input) ? input.Type?.TensorType?.Shape?.Dim.Select(d => d.DimValue) : null;
            if (noise.Shape.Any(edge => edge is < 1 or > int.MaxValue) || shape is null || !shape.SequenceEqual(noise.Shape))
            {
                throw Wrong($"noise input \"{noise.Name}\" of shape ({string.Join(", ", noise.Shape)})",
                    shape is null ? "a graph input of that name" : $"shape ({string.Join(", ", shape)}) as in the graph");
            }

            if (!Enum.IsDefined(noise.Distribution) || noise.DropProbability is not (>= 0 and < 1))
            {
                throw Wrong($"noise input \"{noise.Name}\" with {noise.Distribution} and drop probability {noise.DropProbability}", "a known distribution and a probability below 1");
            }
        }

        if (manifest.Members < 1 || manifest.Posterior == PosteriorKind.Ensemble != manifest.Members > 1)
        {
            throw Wrong($"{manifest.Members} members and posterior {manifest.Posterior}", "several members of an ensemble, or 1 of any other posterior");
        }

        if (manifest.Members > 1 && !(inputs.TryGetValue(ModelManifest.MemberInput, out var member)
            && member.Type?.TensorType is { ElemType: (int)TensorProto.Types.DataType.Int64, Shape.Dim.Count: 0 }))
        {
            throw Wrong($"{manifest.Members} members", $"an int64 scalar \"{ModelManifest.MemberInput}\" among the graph inputs");
        }

        CheckDefaults();

        if (inputs.Count != manifest.NoiseInputs.Count + (manifest.Members > 1 ? 2 : 1))
        {
            throw Wrong($"graph inputs {string.Join(", ", inputs.Keys)}",
                $"image{(manifest.Members > 1 ? ", member" : "")} and the {manifest.NoiseInputs.Count} noise inputs of the manifest");
        }

        CheckSelfTest();

        void CheckSelfTest()
        {
            if (manifest.SelfTest is not { } test)
            {
                throw Wrong("no self-test", "golden numbers");
            }

            var size = test.PatchSize;
            if (size.Width < 1 || size.Height < 1 || size.Depth < 1 || size.Width % stride.Width != 0 || size.Height % stride.Height != 0 || size.Depth % stride.Depth != 0
                || size.Width > patch.Width * 2L || size.Height > patch.Height * 2L || size.Depth > patch.Depth * 2L || test.Sample < 0 || !(test.Tolerance is > 0 and < 1))
            {
                throw Wrong($"a self-test of sample {test.Sample} on a patch of {size} with tolerance {test.Tolerance}", "a sample from 0, edges that are multiples of the stride and at most twice the patch's, a tolerance between 0 and 1");
            }

            if (test.Positions.Count < 1 || test.DefaultLogits.Count != test.Positions.Count || test.SampledLogits.Count != test.Positions.Count
                || test.Positions.Any(p => p < 0 || p >= manifest.Classes.Count * size.Count) || !test.DefaultLogits.Concat(test.SampledLogits).All(float.IsFinite))
            {
                throw Wrong($"a self-test with {test.Positions.Count} positions, {test.DefaultLogits.Count} logits and {test.SampledLogits.Count} sampled ones", "positions inside the patch and a finite logit of each kind a position");
            }
        }

        // The engine gives the defaults itself; a file whose own were others would be another model for another client.
        void CheckDefaults()
        {
            var initialisers = graph.Initializer.ToLookup(t => t.Name, StringComparer.Ordinal);
            foreach (var noise in manifest.NoiseInputs)
            {
                var found = initialisers[noise.Name].FirstOrDefault();
                var values = found is null ? [] : found.FloatData.Count > 0 ? [.. found.FloatData] : MemoryMarshal.Cast<byte, float>(found.RawData.Span);
                if (!values.IsEmpty && noise.Shape.Aggregate(1.0, (product, edge) => product * edge) != values.Length)
                {
                    throw Wrong($"noise input \"{noise.Name}\" of shape ({string.Join(", ", noise.Shape)}) with {values.Length} default values", "a default value an element");
                }

                if (values.IsEmpty || values.ContainsAnyExcept(noise.Default))
                {
                    throw Wrong($"noise input \"{noise.Name}\" {(values.IsEmpty ? "without a default" : "with another default")}", $"an initialiser of that name, {noise.Default} everywhere");
                }
            }

            if (manifest.Members > 1 && (initialisers[ModelManifest.MemberInput].FirstOrDefault() is not { } member || member.Int64Data.Any(m => m != 0) || member.RawData.Span.ContainsAnyExcept((byte)0)))
            {
                throw Wrong($"an input \"{ModelManifest.MemberInput}\" without the default 0", "an initialiser of that name, 0");
            }
        }

        void CheckShape(IEnumerable<ValueInfoProto> values, string name, int second)
        {
            var dimensions = values.FirstOrDefault(v => v.Name == name)?.Type?.TensorType?.Shape?.Dim;
            if (dimensions is not { Count: 5 } || dimensions[1].DimValue != second)
            {
                throw Wrong($"no \"{name}\" with 5 axes and {second} channels in the graph", "the tensors that the manifest describes");
            }
        }
    }
}
