using Credence.Inference.Model;

namespace Credence.Inference.Sampling;

/// <summary>One draw of all noise inputs of a model, and the member of an ensemble that they go to: the weights of one Monte Carlo sample, the same for every patch of a volume.</summary>
internal sealed class NoiseSample : IDisposable
{
    private const double TwoTo32 = 4294967296.0;

    private readonly Dictionary<object, IEnumerable<IDisposable>> held = [];

    private NoiseSample(IReadOnlyList<float[]> tensors, int member) => (Tensors, Member) = (tensors, member);

    /// <summary>The tensors, flattened, in the order of <see cref="ModelManifest.NoiseInputs"/>.</summary>
    public IReadOnlyList<float[]> Tensors { get; }

    /// <summary>Position of the member; 0 where there is no ensemble.</summary>
    public int Member { get; }

    /// <summary>The tensors as a network holds them, on its device for instance: made by the first run that takes the sample, and kept for the others.</summary>
    /// <param name="network">Whose they are.</param>
    /// <param name="make">Makes them.</param>
    /// <returns>Disposed with the sample.</returns>
    public IReadOnlyList<T> HeldBy<T>(object network, Func<IReadOnlyList<T>> make)
        where T : class, IDisposable
    {
        lock (held)
        {
            if (!held.TryGetValue(network, out var values))
            {
                held.Add(network, values = make());
            }

            return (IReadOnlyList<T>)values;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var value in held.Values.SelectMany(values => values))
        {
            value.Dispose();
        }

        held.Clear();
    }

    /// <summary>Draws sample number <paramref name="sample"/> of a seed, as docs/reference/model-file.md prescribes, so that every client draws the same.</summary>
    /// <param name="manifest">Names the noise inputs, and says how many members take turns.</param>
    /// <param name="seed">Key of the generator.</param>
    /// <param name="sample">From 0.</param>
    public static NoiseSample Draw(ModelManifest manifest, ulong seed, int sample) =>
        new(Draw(manifest.NoiseInputs, seed, sample).Tensors, sample % manifest.Members);

    /// <summary>What makes every source of randomness vanish, as the defaults in the file do: noise 0, every channel kept, the first member.</summary>
    /// <param name="manifest">Names the noise inputs.</param>
    public static NoiseSample Defaults(ModelManifest manifest) => new(
        [.. manifest.NoiseInputs.Select(input =>
        {
            var values = new float[input.Count];
            Array.Fill(values, input.Default);
            return values;
        })],
        member: 0);

    /// <summary>Draws sample number <paramref name="sample"/> of a seed for a single network.</summary>
    /// <param name="inputs">The noise inputs, in manifest order.</param>
    /// <param name="seed">Key of the generator.</param>
    /// <param name="sample">From 0.</param>
    public static NoiseSample Draw(IReadOnlyList<NoiseInput> inputs, ulong seed, int sample) =>
        new([.. inputs.Select((input, index) => Draw(input, index, seed, sample))], member: 0);

    /// <summary>Draws one tensor.</summary>
    internal static float[] Draw(NoiseInput input, int index, ulong seed, int sample)
    {
        var values = new float[input.Count];
        var (counter, key) = ((0u, 0u, (uint)index, (uint)sample), ((uint)seed, (uint)(seed >> 32)));
        if (input.Distribution == NoiseDistribution.Gaussian)
        {
            Philox4x32.Normal(counter, key, values);
            return values;
        }

        var dropBelow = input.DropProbability * TwoTo32;
        var kept = (float)(1 / (1 - input.DropProbability));
        for (var first = 0; first < values.Length; first += Philox4x32.BlockLength)
        {
            var (x0, x1, x2, x3) = Philox4x32.Block(counter with { Item1 = (uint)(first / Philox4x32.BlockLength) }, key);
            ReadOnlySpan<uint> bits = [x0, x1, x2, x3];
            for (var n = 0; n < bits.Length && first + n < values.Length; n++)
            {
                values[first + n] = bits[n] >= dropBelow ? kept : 0;
            }
        }

        return values;
    }
}
