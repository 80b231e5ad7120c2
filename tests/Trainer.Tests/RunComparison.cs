using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Credence.Models.Checkpoints;

namespace Credence.Trainer.Tests;

/// <summary>Two runs of the same options, to the bit. Times are no part of it, nor is the name of the folder.</summary>
internal static class RunComparison
{
    private static readonly string[] Times = ["seconds", "waitSeconds", "stepSeconds", "communicationSeconds", "trainedAt"];

    /// <summary>What differs, in words; nothing where both are the same.</summary>
    public static List<string> Differences(string one, string other)
    {
        List<string> differences = [];
        foreach (var file in new[] { "last.safetensors", "best.safetensors" })
        {
            var (a, b) = (Content(Path.Combine(one, file)), Content(Path.Combine(other, file)));
            differences.AddRange(a.Keys.Union(b.Keys).Where(k => a.GetValueOrDefault(k) != b.GetValueOrDefault(k)).Select(k => $"{file}: {k}"));
        }

        var (first, second) = (Lines(one), Lines(other));
        if (first.Count != second.Count)
        {
            differences.Add($"log.jsonl: {first.Count} lines and {second.Count}");
        }

        differences.AddRange(first.Zip(second).Where(l => l.First != l.Second).Select(l => $"log.jsonl: {l.First} and {l.Second}"));
        differences.AddRange(new[] { "plan.json", "split.json", "fingerprint.json", "warnings.json" }
            .Where(f => File.ReadAllText(Path.Combine(one, f)) != File.ReadAllText(Path.Combine(other, f))));
        return differences;
    }

    private static Dictionary<string, string> Content(string path)
    {
        var (tensors, metadata) = SafetensorsFile.Read(path);
        var content = tensors.ToDictionary(t => t.Key, t => Convert.ToHexString(SHA256.HashData(t.Value.bytes)));
        foreach (var tensor in tensors.Values)
        {
            tensor.Dispose();
        }

        foreach (var (name, text) in metadata)
        {
            content["metadata " + name] = Timeless(text);
        }

        return content;
    }

    private static List<string> Lines(string run) => [.. File.ReadAllLines(Path.Combine(run, "log.jsonl")).Select(Timeless)];

    private static string Timeless(string json)
    {
        var node = JsonNode.Parse(json);
        Remove(node);
        return node!.ToJsonString();
    }

    private static void Remove(JsonNode? node)
    {
        if (node is JsonObject fields)
        {
            Array.ForEach(Times, name => fields.Remove(name));
            foreach (var (_, value) in fields)
            {
                Remove(value);
            }
        }
        else if (node is JsonArray items)
        {
            foreach (var item in items)
            {
                Remove(item);
            }
        }
    }
}
