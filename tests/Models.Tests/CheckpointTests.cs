using System.Text;
using Credence.Models.Checkpoints;
using CsCheck;

namespace Credence.Models.Tests;

public sealed class CheckpointTests : IDisposable
{
    private static readonly NetworkOptions Small = new() { InputChannels = 1, Classes = 2, Width = 2, Strides = [[2, 2, 2]], Kernels = [[3, 3, 3], [3, 3, 3]], Posterior = Posterior.MeanField };

    private readonly TemporaryFolder folder = new();

    private string Path => folder.File("best.safetensors");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_network_comes_back_bit_for_bit_with_whatever_lay_beside_it()
    {
        using var network = Build(1);
        using var extra = arange(5, dtype: ScalarType.Int64);
        Checkpoint.Save(Path, network, new Dictionary<string, Tensor> { ["optimiser/state"] = extra }, new Dictionary<string, string> { ["note"] = "Größe \"x\"" });

        using var checkpoint = Checkpoint.Load(Path);
        using var back = checkpoint.BuildNetwork();

        Assert.Equal("Größe \"x\"", checkpoint.Metadata["note"]);
        Assert.True(checkpoint.Tensors["optimiser/state"].eq(extra).all().item<bool>());
        foreach (var ((name, a), (_, b)) in network.named_parameters().Zip(back.named_parameters()))
        {
            Assert.True(a.eq(b).all().item<bool>(), name);
        }
    }

    [Fact]
    public void The_same_content_gives_the_same_bytes()
    {
        using var network = Build(1);
        Checkpoint.Save(Path, network, new Dictionary<string, Tensor>(), new Dictionary<string, string> { ["a"] = "1", ["b"] = "2" });
        Checkpoint.Save(folder.File("again.safetensors"), network, new Dictionary<string, Tensor>(), new Dictionary<string, string> { ["b"] = "2", ["a"] = "1" });

        Assert.Equal(File.ReadAllBytes(Path), File.ReadAllBytes(folder.File("again.safetensors")));
    }

    [Fact]
    public void NumPy_reads_the_tensors_with_the_published_format_alone()
    {
        using var tensor = arange(6, dtype: ScalarType.Float32).reshape(2, 3);
        SafetensorsFile.Write(Path, new Dictionary<string, Tensor> { ["t"] = tensor }, new Dictionary<string, string>());

        var output = Shared.Run("python3-numpy", Shared.Python, "-c", $"""
            import json, numpy
            b = open('{Path}', 'rb').read()
            n = int.from_bytes(b[:8], 'little')
            t = json.loads(b[8:8 + n])['t']
            a, z = t['data_offsets']
            print(t['dtype'], numpy.frombuffer(b[8 + n:][a:z], '<f4').reshape(t['shape']).tolist())
            """);

        Assert.Equal("F32 [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]", output.Trim());
    }

    /// <summary>An array holds 2 GB at most, a checkpoint any amount: nothing of the size of the file may be an array.</summary>
    [Fact]
    public void A_file_is_read_tensor_by_tensor()
    {
        using var scope = NewDisposeScope();
        SafetensorsFile.Write(Path, Enumerable.Range(0, 4).ToDictionary(n => $"t{n}", n => full([1 << 20], (float)n)), new Dictionary<string, string>());
        var before = GC.GetAllocatedBytesForCurrentThread();

        var (tensors, _) = SafetensorsFile.Read(Path);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Equal([0, 1, 2, 3], tensors.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => t.Value.mean().item<float>()));
    }

    [Fact]
    public void Another_network_is_refused_by_the_name_of_the_tensor()
    {
        using var network = Build(1);
        var tensors = network.named_parameters().ToDictionary(p => "network/" + p.name, p => (Tensor)p.parameter);
        Checkpoint.Save(Path, network, new Dictionary<string, Tensor>(), new Dictionary<string, string>());
        var (_, metadata) = Read();

        var (first, last) = (tensors.Keys.First(), tensors.Keys.Last());
        AssertRefused(tensors.Where(t => t.Key != last), $"no tensor \"{last}\"");
        using var wrong = zeros(1, 2, 3);
        AssertRefused(tensors.Where(t => t.Key != first).Append(new(first, wrong)), $"tensor \"{first}\" of shape (1, 2, 3)");
        AssertRefused(tensors.Append(new("network/other", wrong)), "tensor \"network/other\"");
        metadata.Clear();
        AssertRefused(tensors, "no metadata \"credence.network\"");

        void AssertRefused(IEnumerable<KeyValuePair<string, Tensor>> changed, string found)
        {
            SafetensorsFile.Write(Path, changed.ToDictionary(), metadata);
            var error = Assert.Throws<CheckpointException>(() =>
            {
                using var checkpoint = Checkpoint.Load(Path);
                checkpoint.BuildNetwork().Dispose();
            });
            Assert.Contains(found, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Damage_anywhere_is_an_error_of_ours_and_leaks_nothing()
    {
        using var network = Build(2);
        Checkpoint.Save(Path, network, new Dictionary<string, Tensor>(), new Dictionary<string, string>());
        var whole = File.ReadAllBytes(Path);
        var header = 8 + (int)BitConverter.ToInt64(whole);
        var damaged = folder.File("damaged.safetensors");
        Checkpoint.Load(Path).Dispose();
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;

        // Bytes of the header, where structure is; a changed weight is still a checkpoint.
        Gen.Select(Gen.Int[0, header - 1], Gen.Byte, Gen.Int[0, whole.Length], Gen.Bool).Sample((at, value, length, isCut) =>
        {
            var bytes = isCut ? whole[..length] : (byte[])whole.Clone();
            if (!isCut)
            {
                bytes[at] = value;
            }

            File.WriteAllBytes(damaged, bytes);
            try
            {
                using var checkpoint = Checkpoint.Load(damaged);
                checkpoint.BuildNetwork().Dispose();
            }
            catch (CheckpointException e)
            {
                Assert.StartsWith(damaged, e.Message, StringComparison.Ordinal);
            }
        }, iter: 1500, seed: "0N0XIzNsQ0O2", threads: 1);
        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    private (Dictionary<string, Tensor> Tensors, Dictionary<string, string> Metadata) Read()
    {
        var content = SafetensorsFile.Read(Path);
        foreach (var tensor in content.Tensors.Values)
        {
            tensor.Dispose();
        }

        return content;
    }

    private static Network Build(ulong seed)
    {
        using var generator = new Generator(seed);
        return UNet.Build(Small, generator);
    }
}
