using System.Text.Json;
using System.Text.Json.Serialization;

namespace Credence.Models.Checkpoints;

/// <summary>A network with its weights, and whatever else the trainer stores beside it. Owns its tensors.</summary>
public sealed class Checkpoint : IDisposable
{
    private const string NetworkKey = "credence.network";
    internal const string NetworkPrefix = "network/";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        RespectNullableAnnotations = true,
        Converters = { new JsonStringEnumConverter() },
    };

    private Checkpoint(string path, NetworkOptions network, Dictionary<string, Tensor> tensors, Dictionary<string, string> metadata) =>
        (Path, Network, Tensors, Metadata) = (path, network, tensors, metadata);

    /// <summary>The file it was read from.</summary>
    public string Path { get; }

    /// <summary>Shape and kind of the network.</summary>
    public NetworkOptions Network { get; }

    /// <summary>All tensors by name; those of the network begin with <c>network/</c>.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors { get; }

    /// <summary>All texts by name.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Writes a checkpoint; see <see cref="SafetensorsFile.Write"/>.</summary>
    /// <param name="path">The file, replaced when it is there.</param>
    /// <param name="network">Its weights are written.</param>
    /// <param name="tensors">Further tensors.</param>
    /// <param name="metadata">Further texts.</param>
    public static void Save(string path, Network network, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var all = State(network).ToDictionary(t => NetworkPrefix + t.Name, t => t.Tensor);
        foreach (var (name, tensor) in tensors)
        {
            all.Add(name, tensor);
        }

        SafetensorsFile.Write(path, all, new Dictionary<string, string>(metadata)
        {
            [NetworkKey] = JsonSerializer.Serialize(network.Options, Json),
        });
    }

    /// <summary>Reads a checkpoint.</summary>
    /// <exception cref="CheckpointException">The file is missing, damaged, or holds no network.</exception>
    public static Checkpoint Load(string path)
    {
        var (tensors, metadata) = SafetensorsFile.Read(path);
        try
        {
            var options = metadata.TryGetValue(NetworkKey, out var text) ? JsonSerializer.Deserialize<NetworkOptions>(text, Json) : null;
            return options is null
                ? throw new CheckpointException(path, $"no metadata \"{NetworkKey}\"", "a checkpoint written by credence-train", "Check the path.")
                : new(path, options, tensors, metadata);
        }
        catch (Exception e)
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.Dispose();
            }

            if (e is JsonException)
            {
                throw new CheckpointException(path, $"network options that cannot be read ({e.Message})", "a checkpoint written by credence-train", "Use another checkpoint of the run.", e);
            }

            throw;
        }
    }

    /// <summary>Builds the network and gives it the weights.</summary>
    /// <param name="type">Of the weights: float32, or float64 for a run of <see cref="ComputePrecision.Float64"/> that goes on.</param>
    /// <returns>On the CPU; the caller owns it.</returns>
    /// <exception cref="CheckpointException">The weights do not fit the options; the message names the tensor.</exception>
    public Network BuildNetwork(ScalarType type = ScalarType.Float32)
    {
        using var generator = new Generator(0); // every weight is overwritten
        Network network;
        try
        {
            network = Models.Network.Build(Network, generator);
        }
        catch (ArgumentException e)
        {
            throw Mismatch($"network options that contradict each other ({e.Message})", "options of a network", e);
        }

        try
        {
            network.to(type);
            using var noGradient = no_grad();
            var names = new HashSet<string>();
            foreach (var (name, parameter) in State(network))
            {
                names.Add(NetworkPrefix + name);
                if (!Tensors.TryGetValue(NetworkPrefix + name, out var tensor))
                {
                    throw Mismatch($"no tensor \"{NetworkPrefix + name}\"", $"one of shape ({string.Join(", ", parameter.shape)})");
                }

                if (!tensor.shape.SequenceEqual(parameter.shape))
                {
                    throw Mismatch($"tensor \"{NetworkPrefix + name}\" of shape ({string.Join(", ", tensor.shape)})", $"({string.Join(", ", parameter.shape)})");
                }

                parameter.copy_(tensor);
            }

            var extra = Tensors.Keys.Where(k => k.StartsWith(NetworkPrefix, StringComparison.Ordinal) && !names.Contains(k)).Order(StringComparer.Ordinal).ToList();
            return extra.Count == 0 ? network : throw Mismatch($"tensor \"{extra[0]}\"", "only tensors that the network has");
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in Tensors.Values)
        {
            tensor.Dispose();
        }
    }

    /// <summary>Everything that training changes: parameters, and buffers such as running statistics and prior means.</summary>
    internal static IEnumerable<(string Name, Tensor Tensor)> State(Network network) =>
        network.named_parameters().Select(p => (p.name, (Tensor)p.parameter)).Concat(network.named_buffers().Select(b => (b.name, b.buffer)));

    private CheckpointException Mismatch(string found, string expected, Exception? inner = null) =>
        new(Path, found, expected, "The checkpoint was written by another version, or changed; use another checkpoint of the run.", inner);
}
