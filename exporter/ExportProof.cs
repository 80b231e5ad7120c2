using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.MedicalIO;
using Credence.Models;

namespace Credence.Exporter;

/// <summary>The largest difference found between the trained network and the file.</summary>
/// <param name="MaximumError">Largest absolute difference of a logit.</param>
/// <param name="Where">Patch, noise draw, class and voxel of it.</param>
/// <param name="Comparisons">Logits compared.</param>
public sealed record ProofResult(double MaximumError, string Where, long Comparisons);

/// <summary>Runs the trained network (libtorch) and the file (ONNX Runtime) on the same patches with the same noise.</summary>
internal static class ExportProof
{
    /// <summary>Largest difference that is accepted.</summary>
    public const double Tolerance = 1e-4;

    private const int NoiseDraws = 3;
    private const ulong Seed = 20261124;

    /// <summary>Compares on random patches of two sizes and batches, and on real ones.</summary>
    /// <param name="network">The trained network, on the CPU.</param>
    /// <param name="model">The file.</param>
    /// <param name="real">Volumes (C, D, H, W) of the manifest's patch size, normalised; may be empty.</param>
    public static ProofResult Run(Network network, ModelFile model, IReadOnlyList<float[]> real)
    {
        var manifest = model.Manifest;
        using var onnx = new OnnxNetwork(model);
        var (stride, patch) = (manifest.Stride, manifest.PatchSize);
        var two = new Size3(2 * stride.Width, 2 * stride.Height, 2 * stride.Depth); // two voxels are left at the lowest level: instance norm needs more than one
        var patches = new List<(string Name, Size3 Size, int Batch, float[] Voxels)>
        {
            ("random patch", patch, 1, Random(manifest, patch, 1, 1)),
            ("random batch of 2", two, 2, Random(manifest, two, 2, 2)),
        };
        patches.AddRange(real.Select((voxels, n) => ($"real patch {n + 1}", patch, 1, voxels)));

        var worst = new ProofResult(-1, "", 0);
        var comparisons = 0L;
        foreach (var (name, size, batch, voxels) in patches)
        {
            for (var draw = -1; draw < (manifest.NoiseInputs.Count > 0 ? NoiseDraws : 0); draw++)
            {
                var noise = draw < 0 ? null : NoiseSample.Draw(manifest.NoiseInputs, Seed, draw);
                var expected = new float[batch * manifest.Classes.Count * size.Count];
                var found = new float[expected.Length];
                Torch(network, voxels, batch, size, noise, expected);
                onnx.Run(voxels, batch, size, noise, found);
                comparisons += expected.Length;
                for (var n = 0; n < expected.Length; n++)
                {
                    var error = Math.Abs((double)expected[n] - found[n]);
                    if (!(error <= worst.MaximumError))
                    {
                        var voxel = (int)(n % size.Count);
                        var (i, j, k) = (voxel % size.Width, voxel / size.Width % size.Height, voxel / size.Width / size.Height);
                        var @class = n / (int)size.Count % manifest.Classes.Count;
                        worst = new(double.IsNaN(error) ? double.PositiveInfinity : error,
                            $"{name} ({size}), {(draw < 0 ? "default noise" : $"noise draw {draw}")}, class {@class}, voxel ({i}, {j}, {k})", 0);
                    }
                }
            }
        }

        return worst with { Comparisons = comparisons };
    }

    private static void Torch(Network network, float[] voxels, int batch, Size3 size, NoiseSample? noise, Span<float> logits)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        INoiseSource source = noise is null
            ? new MeanNoise()
            : new GivenNoise(network.NoiseInputs.Zip(noise.Tensors).ToDictionary(p => p.First.Name, p => torch.tensor(p.Second, [.. p.First.Shape])));
        var input = torch.tensor(voxels, [batch, network.Options.InputChannels, size.Depth, size.Height, size.Width]);
        network.Run(input, source).data<float>().CopyTo(logits);
    }

    /// <summary>Smooth and rough parts together, of unit scale, as normalised scans are.</summary>
    private static float[] Random(ModelManifest manifest, Size3 size, int batch, int sample) =>
        NoiseSample.Draw([new("patch", NoiseDistribution.Gaussian, [batch, manifest.Channels.Count, size.Depth, size.Height, size.Width])], Seed, sample).Tensors[0];
}
