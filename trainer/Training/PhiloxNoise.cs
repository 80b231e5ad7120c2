using System.Runtime.InteropServices;
using Credence.Inference.Sampling;
using Credence.Models;
using Credence.Trainer.Sampling;

namespace Credence.Trainer.Training;

/// <summary>The noise of one training pass, by place instead of by turn: whatever process computes an example, and in whatever pass, its noise is the same.</summary>
/// <remarks>
/// A draw is the stream of <see cref="PhiloxStream"/> with the seed as key and the counter (block, number of the draw in the pass, example or stream of
/// weights, step). A pass visits its layers in a fixed order, so that the number of a draw stands for its layer.
/// </remarks>
/// <param name="seed">Of the run.</param>
/// <param name="step">From 0.</param>
/// <param name="firstExample">Place in the minibatch of the first example of the pass.</param>
/// <param name="weights">Which stream weights are drawn from.</param>
/// <param name="device">Of the network.</param>
/// <param name="type">Of the network.</param>
/// <param name="firstDraw">Number of the first draw.</param>
internal sealed class PhiloxNoise(ulong seed, long step, int firstExample, int weights, Device device, ScalarType type, uint firstDraw = 0) : ITrainingNoise
{
    private const ulong Domain = 0x7472_6169_0000_0000; // keeps clear of the noise of inference, whose key is the seed itself

    private const int Chunk = 1 << 16; // numbers a task, in whole blocks

    private uint draws = firstDraw;

    /// <inheritdoc/>
    public Tensor Gaussian(string name, long[] shape) => Normal(1, shape, Next(), _ => weights);

    /// <inheritdoc/>
    public Tensor Activation(string name, long[] shape) => Normal(shape[0], shape, Next(), Example);

    /// <inheritdoc/>
    public Tensor Signs(string name, long[] shape) => PerChannel(shape[0], shape[1], shape, bits => bits >= 1u << 31 ? 1 : -1);

    /// <inheritdoc/>
    public Tensor ChannelMask(string name, long batch, long channels, double dropProbability)
    {
        var (dropBelow, kept) = (dropProbability * (1L << 32), 1 / (1 - dropProbability));
        return PerChannel(batch, channels, [batch, channels, 1, 1, 1], bits => bits >= dropBelow ? kept : 0);
    }

    Tensor? INoiseSource.Gaussian(string name, long[] shape) => Gaussian(name, shape);

    Tensor? INoiseSource.ChannelMask(string name, long batch, long channels, double dropProbability) => ChannelMask(name, batch, channels, dropProbability);

    private uint Next() => draws++;

    private int Example(int place) => firstExample + place;

    private PhiloxStream Stream(uint draw, int place) => new(seed ^ Domain, draw, (uint)place, (uint)step);

    /// <summary>Standard normal numbers, a stream for each of the first axis, or one for all.</summary>
    private Tensor Normal(long streams, long[] shape, uint draw, Func<int, int> place)
    {
        using var scope = NewDisposeScope();
        var each = (int)(shape.Aggregate((a, b) => a * b) / streams);
        if (device.type != DeviceType.CPU)
        {
            return cat([.. Enumerable.Range(0, (int)streams).Select(n => Stream(draw, place(n)).Normal(each, device))]).view(shape).to(type).MoveToOuterDisposeScope();
        }

        var values = empty([streams, each], float32);
        var chunks = (each + Chunk - 1) / Chunk;
        Parallel.For(0, (int)streams * chunks, task =>
        {
            var (n, first) = (task / chunks, task % chunks * Chunk);
            var row = MemoryMarshal.Cast<byte, float>(values.bytes).Slice(n * each, each);
            Stream(draw, place(n)).Normal((uint)(first / Philox4x32.BlockLength), row.Slice(first, Math.Min(Chunk, each - first)));
        });

        return values.view(shape).to(type).MoveToOuterDisposeScope();
    }

    /// <summary>A number an example and channel, from 32 random bits.</summary>
    private Tensor PerChannel(long batch, long channels, long[] shape, Func<uint, double> number)
    {
        var (draw, values) = (Next(), new double[batch * channels]);
        for (var n = 0; n < batch; n++)
        {
            var stream = Stream(draw, Example(n));
            for (var c = 0; c < channels; c++)
            {
                var (x0, x1, x2, x3) = stream.Bits((uint)(c / 4));
                values[n * channels + c] = number((c % 4) switch { 0 => x0, 1 => x1, 2 => x2, _ => x3 });
            }
        }

        return tensor(values, shape, type, device);
    }
}
