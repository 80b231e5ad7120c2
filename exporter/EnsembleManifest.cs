using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Credence.Inference.Model;
using Credence.MedicalIO;
using Credence.Models;
using static TorchSharp.torch.nn;

namespace Credence.Exporter;

/// <summary>The recipe of an ensemble, of the recipes of its members: what has to be equal, and what becomes of the rest.</summary>
/// <remarks>What each field says of an ensemble: docs/reference/model-file.md, and docs/decisions/0029-an-ensemble-is-one-graph.md.</remarks>
internal static partial class EnsembleManifest
{
    private const int MostDifferences = 4;

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, Converters = { new JsonStringEnumConverter() } };

    /// <summary>Fields of the manifest that say what a network is fed with and what its output means.</summary>
    private static readonly string[] Recipe =
        ["channels", "classes", "orientation", "crop", "spacing", "interpolation", "normalisation", "patchSize", "stride", "overlap", "blending", "precision", "licence", "intendedUse"];

    /// <summary>Options of a network that only its training knows: the graph is the same.</summary>
    private static readonly string[] TrainingOnly =
    [
        .. new[]
        {
            nameof(NetworkOptions.HasDeepSupervision), nameof(NetworkOptions.Estimator), nameof(NetworkOptions.Prior), nameof(NetworkOptions.PriorSigma), nameof(NetworkOptions.PriorSigmaRatio),
            nameof(NetworkOptions.NarrowSigma), nameof(NetworkOptions.WideShare), nameof(NetworkOptions.PriorMean), nameof(NetworkOptions.InitialSigmaRatio), nameof(NetworkOptions.SigmaFloor),
        }.Select(JsonNamingPolicy.CamelCase.ConvertName),
    ];

    /// <summary>Joins the manifests; that of one network is its own.</summary>
    /// <param name="members">In the order of their positions in the file.</param>
    /// <param name="isCalibrated">Whether a calibration is given for the whole: then those of the members need not be equal.</param>
    /// <exception cref="ModelFileException">A member does not fit the first, or has the weights of another; the message says in what.</exception>
    public static ModelManifest Join(IReadOnlyList<TrainedMember> members, bool isCalibrated)
    {
        var first = members[0];
        if (members.Count == 1)
        {
            return first.Manifest;
        }

        foreach (var (member, position) in members.Select((m, n) => (m, n)).Skip(1))
        {
            RefuseOther(first, member, isCalibrated);
            if (members.Take(position).FirstOrDefault(m => m.Network.Nodes.Zip(member.Network.Nodes).All(HasSameWeights)) is { } twin)
            {
                throw new ModelFileException(member.Path, $"the weights of {twin.Path}", "another network in each member", "Give each network once, of runs with different seeds or data.");
            }
        }

        var nodes = first.Network.Nodes;
        var varied = Enumerable.Range(0, nodes.Count).First(n => nodes[n].Layer is Models.Layers.IStochasticLayer { Noise: not null } || members.Any(m => !HasSameWeights((nodes[n], m.Network.Nodes[n]))));
        return first.Manifest with
        {
            Name = Name(members),
            Posterior = PosteriorKind.Ensemble,
            Members = members.Count,
            CutTensor = first.Network.CutBefore(varied)?.Name,
            Fingerprint = Join([.. members.Select(m => m.Manifest.Fingerprint)]),
            Provenance = Join(members),
        };
    }

    private static void RefuseOther(TrainedMember first, TrainedMember member, bool isCalibrated)
    {
        var differences = Differences(Node(first), Node(member)).Take(MostDifferences).ToList();
        if (differences.Count > 0)
        {
            throw new ModelFileException(member.Path, string.Join(", ", differences.Select(d => $"{d.Name} {d.Other}")), $"{string.Join(", ", differences.Select(d => $"{d.Name} {d.First}"))} as in {first.Path}",
                "The members of an ensemble share architecture, recipe and classes: train all runs with the same network options, and give each the same plan.json before it is trained.");
        }

        JsonObject Node(TrainedMember of)
        {
            var network = JsonSerializer.SerializeToNode(of.Network.Options, Json)!.AsObject();
            TrainingOnly.ToList().ForEach(option => network.Remove(option));
            var manifest = JsonSerializer.SerializeToNode(of.Manifest, ManifestJson.Default.ModelManifest)!.AsObject();
            foreach (var field in isCalibrated ? Recipe : [.. Recipe, "calibration"])
            {
                network[field] = manifest[field]?.DeepClone(); // the classes by name, not their number alone
            }

            return network;
        }
    }

    private static IEnumerable<(string Name, string First, string Other)> Differences(JsonNode? first, JsonNode? other, string name = "")
    {
        if (first is JsonObject a && other is JsonObject b)
        {
            return a.Select(p => p.Key).Union(b.Select(p => p.Key)).SelectMany(key => Differences(a[key], b[key], name.Length == 0 ? key : $"{name}.{key}"));
        }

        return JsonNode.DeepEquals(first, other) ? [] : [(name, first?.ToJsonString() ?? "null", other?.ToJsonString() ?? "null")];
    }

    private static bool HasSameWeights((NetworkNode One, NetworkNode Other) nodes)
    {
        static IEnumerable<torch.Tensor> Values(NetworkNode node) => node.Layer is Module module
            ? module.named_parameters().Select(p => (torch.Tensor)p.parameter).Concat(module.named_buffers(recurse: true).Select(b => b.buffer)) : [];
        return Values(nodes.One).Zip(Values(nodes.Other)).All(p => p.First.Equals(p.Second));
    }

    /// <summary>The name that the members share but for their fold.</summary>
    private static string Name(IReadOnlyList<TrainedMember> members)
    {
        var names = members.Select(m => Fold().Replace(m.Manifest.Name, "")).Distinct().ToList();
        return $"{string.Join(" and ", names)}, ensemble of {members.Count}";
    }

    /// <summary>
    /// Ranges become their union: what at least one member was trained on. The other figures are medians over the training cases of each member, and become
    /// the medians of those.
    /// </summary>
    private static TrainingFingerprint Join(IReadOnlyList<TrainingFingerprint> members)
    {
        Vector3D Each(Func<TrainingFingerprint, Vector3D> of, Func<IEnumerable<double>, double> join) =>
            new(join(members.Select(m => of(m).X)), join(members.Select(m => of(m).Y)), join(members.Select(m => of(m).Z)));
        int Size(Func<Size3, int> edge) => (int)Math.Round(Median(members.Select(m => (double)edge(m.SizeMedian))));
        return new()
        {
            Cases = members.Max(m => m.Cases),
            SpacingMinimum = Each(m => m.SpacingMinimum, v => v.Min()),
            SpacingMedian = Each(m => m.SpacingMedian, Median),
            SpacingMaximum = Each(m => m.SpacingMaximum, v => v.Max()),
            SizeMedian = new(Size(s => s.Width), Size(s => s.Height), Size(s => s.Depth)),
            Channels = [.. Enumerable.Range(0, members[0].Channels.Count).Select(c => Join([.. members.Select(m => m.Channels[c])]))],
            ClassFractions = [.. Enumerable.Range(0, members[0].ClassFractions.Count).Select(c => Median(members.Select(m => m.ClassFractions[c])))],
        };
    }

    private static ChannelFingerprint Join(IReadOnlyList<ChannelFingerprint> members)
    {
        double Middle(Func<ChannelFingerprint, double> of) => Median(members.Select(of));
        var ranges = members.Select(m => m.Ranges).OfType<ChannelRanges>().ToList();
        ValueRange Union(Func<ChannelRanges, ValueRange> of) => new(ranges.Min(r => of(r).Minimum), ranges.Max(r => of(r).Maximum));
        return new(Middle(c => c.Percentile005), Middle(c => c.Median), Middle(c => c.Percentile995), Middle(c => c.Mean), Middle(c => c.StandardDeviation), Middle(c => c.NonZeroFraction))
        {
            Maximum = Middle(c => c.Maximum),
            LabelledPercentile005 = Middle(c => c.LabelledPercentile005),
            LabelledPercentile995 = Middle(c => c.LabelledPercentile995),
            Ranges = ranges.Count < members.Count ? null : new(Union(r => r.Median), Union(r => r.Spread), Union(r => r.RelativeMedian), Union(r => r.NonZeroFraction)),
        };
    }

    /// <summary>The whole was trained by nobody at no time: what the members share, else what sums them up. No figure of theirs is one of the ensemble.</summary>
    private static ProvenanceDescription Join(IReadOnlyList<TrainedMember> members)
    {
        var all = members.Select(m => m.Manifest.Provenance).ToList();
        string Texts(Func<ProvenanceDescription, string> of) => string.Join("; ", all.Select(of).Distinct());
        string Hash(Func<ProvenanceDescription, string> of) => all.Select(of).Distinct().Count() == 1 ? of(all[0])
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', all.Select(of)))));
        return new()
        {
            TrainedBy = Texts(p => p.TrainedBy),
            TrainedAt = all.Max(p => p.TrainedAt)!,
            DataHash = Hash(p => p.DataHash),
            CodeHash = Hash(p => p.CodeHash),
            Seed = all[0].Seed,
            Steps = all.Sum(p => p.Steps),
            Objective = Texts(p => p.Objective),
            ExamplesPerEpoch = all[0].ExamplesPerEpoch,
            Members = [.. members.Select(m => MemberProvenance.Of(m.Name, m.Sha256(), m.Manifest.Provenance))],
        };
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }

    [GeneratedRegex(" fold [0-9]+ of [0-9]+$")]
    private static partial Regex Fold();
}
