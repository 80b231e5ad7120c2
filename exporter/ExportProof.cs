using System.Numerics.Tensors;
using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.Inference.Windows;
using Credence.MedicalIO;
using Credence.Models;

namespace Credence.Exporter;

/// <summary>The largest difference found between the trained network and the file.</summary>
/// <param name="MaximumError">
/// Largest difference of a probability, or of a logit as a share of its patch's largest (at least 1), whichever is larger. The logits show what the
/// softmax saturates; they are relative because the rounding of float32 grows with them.
/// </param>
/// <param name="Where">Patch, noise draw, class and voxel of it.</param>
/// <param name="Comparisons">Outputs compared.</param>
public sealed record ProofResult(double MaximumError, string Where, long Comparisons);

/// <summary>Runs the trained network (libtorch) and the file (ONNX Runtime) on the same patches with the same noise, and remembers the largest difference.</summary>
internal sealed class ExportProof : IPatchNetwork
{
    private const int NoiseDraws = 3;
    private const ulong Seed = 20261124;

    private readonly IReadOnlyList<Network> members;
    private readonly OnnxNetwork onnx;
    private readonly ModelManifest manifest;
    private string what = "";
    private ProofResult worst = new(-1, "", 0);

    private ExportProof(IReadOnlyList<Network> members, OnnxNetwork onnx, ModelManifest manifest) => (this.members, this.onnx, this.manifest) = (members, onnx, manifest);

    /// <summary>Largest difference that is accepted: docs/decisions/0033-float16-by-tolerance.md.</summary>
    public static double Tolerance(WeightPrecision precision) => precision == WeightPrecision.Float32 ? 1e-4 : 1e-2;

    /// <summary>Compares on random patches of two sizes and batches, and on every patch of a real case; of an ensemble, every member.</summary>
    /// <param name="members">The trained network, or those of an ensemble, on the CPU.</param>
    /// <param name="model">The file.</param>
    /// <param name="scan">Volumes of one case, one a channel; empty for random patches only.</param>
    /// <param name="cancellation">Ends the work between two patches, or in the run of the file.</param>
    public static ProofResult Run(IReadOnlyList<Network> members, ModelFile model, IReadOnlyList<Volume> scan, CancellationToken cancellation = default)
    {
        using var onnx = new OnnxNetwork(model);
        var manifest = model.Manifest;
        var proof = new ExportProof(members, onnx, manifest);
        var (stride, patch) = (manifest.Stride, manifest.PatchSize);
        var two = new Size3(2 * stride.Width, 2 * stride.Height, 2 * stride.Depth); // two voxels are left at the lowest level: instance norm needs more than one
        var draws = Math.Max(manifest.NoiseInputs.Count > 0 ? NoiseDraws : 0, members.Count > 1 ? members.Count : 0); // draw d is of member d mod M
        for (var draw = -1; draw < draws; draw++)
        {
            var noise = draw < 0 ? null : NoiseSample.Draw(manifest, Seed, draw);
            var with = (draw < 0 ? "default noise" : $"noise draw {draw}") + (members.Count > 1 ? $" of member {noise?.Member ?? 0}" : "");
            proof.what = $"random patch, {with}";
            proof.Run(Random(manifest, patch, 1, 1), 1, patch, noise, new float[manifest.Classes.Count * patch.Count], cancellation);
            proof.what = $"random batch of 2, {with}";
            proof.Run(Random(manifest, two, 2, 2), 2, two, noise, new float[2 * manifest.Classes.Count * two.Count], cancellation);
            if (scan.Count > 0)
            {
                proof.what = $"a patch of the scan, {with}";
                var prepared = Preprocessing.Prepare(scan, manifest.Preprocessing, beforeChannel: cancellation.ThrowIfCancellationRequested);
                var window = new SlidingWindow(prepared.Voxels, prepared.Geometry.Size, patch, manifest.Channels.Count, manifest.Overlap, batchSize: 1);
                for (var batch = 0; batch < window.BatchCount; batch++)
                {
                    proof.Run(window.Extract(batch), 1, patch, noise, new float[manifest.Classes.Count * patch.Count], cancellation);
                }
            }
        }

        return proof.worst;
    }

    /// <inheritdoc/>
    public void Run(ReadOnlySpan<float> patches, int batch, Size3 size, NoiseSample? noise, Span<float> logits, CancellationToken cancellation = default)
    {
        var found = new float[logits.Length];
        onnx.Run(patches, batch, size, noise, found, cancellation);
        RunTrained(patches, batch, size, noise, logits);
        var (classes, voxels) = (manifest.Classes.Count, (int)size.Count);
        var (p, q) = (new double[classes], new double[classes]);
        for (var example = 0; example < batch; example++)
        {
            var trained = logits.Slice(example * classes * voxels, classes * voxels);
            var exported = found.AsSpan(example * classes * voxels, classes * voxels);
            var scale = Math.Max(1, Math.Abs(TensorPrimitives.MaxMagnitude<float>(trained))); // which keeps the sign of the element
            for (var voxel = 0; voxel < voxels; voxel++)
            {
                Softmax(trained, voxel, p);
                Softmax(exported, voxel, q);
                for (var k = 0; k < classes; k++)
                {
                    var n = k * voxels + voxel;
                    Note(Math.Max(Math.Abs(p[k] - q[k]), Math.Abs((double)trained[n] - exported[n]) / scale), size, k, voxel);
                }
            }
        }

        worst = worst with { Comparisons = worst.Comparisons + found.Length };
    }

    private void Note(double error, Size3 size, int @class, int voxel)
    {
        if (error <= worst.MaximumError)
        {
            return;
        }

        var (i, j, k) = (voxel % size.Width, voxel / size.Width % size.Height, voxel / size.Width / size.Height);
        worst = worst with { MaximumError = double.IsNaN(error) ? double.PositiveInfinity : error, Where = $"{what} ({size}), class {@class}, voxel ({i}, {j}, {k})" };
    }

    private static void Softmax(ReadOnlySpan<float> logits, int voxel, Span<double> probability)
    {
        var voxels = logits.Length / probability.Length;
        for (var k = 0; k < probability.Length; k++)
        {
            probability[k] = logits[k * voxels + voxel];
        }

        TensorPrimitives.Subtract(probability, TensorPrimitives.Max<double>(probability), probability); // no logit is too large for the exponential
        TensorPrimitives.SoftMax<double>(probability, probability);
    }

    private void RunTrained(ReadOnlySpan<float> patches, int batch, Size3 size, NoiseSample? noise, Span<float> logits)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var network = members[noise?.Member ?? 0];
        INoiseSource source = noise is null
            ? new MeanNoise()
            : new GivenNoise(network.NoiseInputs.Zip(noise.Tensors).ToDictionary(p => p.First.Name, p => torch.tensor(p.Second, [.. p.First.Shape])));
        var input = torch.tensor(patches.ToArray(), [batch, network.Options.InputChannels, size.Depth, size.Height, size.Width]);
        network.Run(input, source).data<float>().CopyTo(logits);
    }

    /// <summary>White noise of unit scale, as normalised scans have.</summary>
    private static float[] Random(ModelManifest manifest, Size3 size, int batch, int sample) =>
        NoiseSample.Draw([new("patch", NoiseDistribution.Gaussian, [batch, manifest.Channels.Count, size.Depth, size.Height, size.Width])], Seed, sample).Tensors[0];
}
