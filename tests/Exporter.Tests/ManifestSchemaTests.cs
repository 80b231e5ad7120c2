using System.Text.Json.Nodes;
using Credence.Inference.Onnx;
using Credence.Models;

namespace Credence.Exporter.Tests;

/// <summary>The published schema and a real manifest name the same properties, in both directions.</summary>
public sealed class ManifestSchemaTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_real_manifest_has_exactly_the_properties_of_the_published_schema(int members)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Pipeline.sln")))
        {
            root = root.Parent;
        }

        var schema = JsonNode.Parse(File.ReadAllText(Path.Combine(root.FullName, "docs", "reference", "manifest.schema.json")))!;
        TrainedRun Run(ulong seed) => new(new() { InputChannels = 1, Classes = 2, Width = 2, Posterior = Posterior.ChannelDropout },
            m => m with { Calibration = new() { VolumeInterval = new() { Samples = 16, Factors = [1.2] }, MeanEntropyLimit = new() { Samples = 16, Limits = [0.3] } }, Provenance = m.Provenance with { Metrics = new Dictionary<string, double> { ["validation Dice"] = 0.9 } } }, seed: seed);
        using var run = Run(4);
        using var other = Run(5);
        OnnxExport.Export(run.Options with { Runs = [.. new[] { run.Folder, other.Folder }.Take(members)] });
        var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(run.Output));
        var manifest = JsonNode.Parse(model.MetadataProps.Single(p => p.Key == "credence.manifest").Value)!;

        Compare("manifest", schema, schema, manifest);
    }

    private static void Compare(string where, JsonNode root, JsonNode schema, JsonNode? value)
    {
        if (schema["$ref"] is { } reference)
        {
            schema = root["$defs"]![reference.GetValue<string>().Split('/')[^1]]!;
        }

        if (schema["enum"] is JsonArray values)
        {
            Assert.Contains(value!.GetValue<string>(), values.Select(v => v!.GetValue<string>()));
        }

        if (value is JsonObject @object && schema["properties"] is JsonObject properties)
        {
            Assert.True(@object.Select(p => p.Key).Order(StringComparer.Ordinal).SequenceEqual(properties.Select(p => p.Key).Order(StringComparer.Ordinal)),
                $"{where}: the file has {string.Join(", ", @object.Select(p => p.Key))}; the schema has {string.Join(", ", properties.Select(p => p.Key))}");
            foreach (var (name, child) in @object)
            {
                Compare($"{where}.{name}", root, properties[name]!, child);
            }
        }
        else if (value is JsonArray array)
        {
            Assert.NotNull(schema["items"]);
            foreach (var item in array)
            {
                Compare($"{where}[]", root, schema["items"]!, item);
            }
        }
        else
        {
            Assert.True(value is null || schema["type"] is not null || schema["enum"] is not null || schema["additionalProperties"] is not null, $"{where}: the schema gives no type");
        }
    }
}
