using Credence.Inference;
using Credence.Inference.Model;
using Credence.Inference.Sampling;
using Credence.Inference.Windows;
using Credence.MedicalIO;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Credence.Exporter.Tests;

/// <summary>
/// The plainest implementation of what the engine computes: every sample runs the whole, uncut model over every patch that holds tissue, one patch at a time;
/// all samples are kept; weights of the window and statistics are computed in float64.
/// </summary>
/// <param name="Probability">Calibrated mean, [class][voxel].</param>
/// <param name="Entropy">Nats.</param>
/// <param name="Information">Nats.</param>
/// <param name="Volumes">mL, [class][sample].</param>
/// <param name="EmptyPatches">Patches that were left out, of the case itself.</param>
internal sealed record ReferencePrediction(double[][] Probability, double[] Entropy, double[] Information, double[][] Volumes, int EmptyPatches)
{
    public static ReferencePrediction Of(ModelFile model, PreparedVolume prepared, int samples, ulong seed, double? overlap = null, FlipAxes flips = FlipAxes.None)
    {
        var (manifest, size) = (model.Manifest, prepared.Geometry.Size);
        var (classes, count) = (manifest.Classes.Count, (int)size.Count);
        using var session = new InferenceSession(model.Bytes);
        var (probability, empty) = (new double[samples][][], 0);
        var copies = Enumerable.Range(0, 8).Select(n => (FlipAxes)n).Where(f => (f & ~flips) == 0).ToList();
        for (var s = 0; s < samples; s++)
        {
            probability[s] = [.. Enumerable.Range(0, classes).Select(_ => new double[count])];
            foreach (var axes in copies)
            {
                var (logits, left) = Logits(session, manifest, Mirrored(prepared.Voxels, size, axes), size, overlap ?? manifest.Overlap, seed, s);
                empty = axes == FlipAxes.None ? left : empty;
                for (var v = 0; v < count; v++)
                {
                    var exponentials = logits.Select(l => Math.Exp(l[v])).ToArray();
                    var at = Mirror(v, size, axes);
                    for (var c = 0; c < classes; c++)
                    {
                        probability[s][c][at] += exponentials[c] / exponentials.Sum() / copies.Count;
                    }
                }
            }
        }

        double[] Over(Func<int, double> voxel) => [.. Enumerable.Range(0, count).Select(voxel)];
        static double H(IEnumerable<double> p) => -p.Sum(x => x > 0 ? x * Math.Log(x) : 0);
        double[][] Temper(double[][] p) => [.. p.Select(c => Over(v => Math.Pow(c[v], 1 / manifest.Calibration.Temperature) / p.Sum(k => Math.Pow(k[v], 1 / manifest.Calibration.Temperature))))];
        var raw = Enumerable.Range(0, classes).Select(c => Over(v => probability.Average(s => s[c][v]))).ToArray();
        var mean = Temper(raw);
        var entropy = Over(v => H(mean.Select(m => m[v])));
        var information = Over(v => samples == 1 ? 0 : Math.Max(0, H(raw.Select(m => m[v])) - probability.Average(s => H(s.Select(p => p[v])))));
        var volumes = Enumerable.Range(0, classes).Select(c => probability.Select(Temper).Select(s => Enumerable.Range(0, count).Count(v =>
            s.Skip(1).Sum(p => p[v]) > manifest.Calibration.Threshold && s.Skip(1).All(p => p[v] <= s[c][v])) / 1000.0).ToArray()).ToArray();
        return new(mean, entropy, information, volumes, empty);
    }

    /// <summary>A volume (P, D, H, W) mirrored plane by plane.</summary>
    public static float[] Mirrored(float[] voxels, Size3 size, FlipAxes axes)
    {
        var count = (int)size.Count;
        return [.. Enumerable.Range(0, voxels.Length).Select(v => voxels[v / count * count + Mirror(v % count, size, axes)])];
    }

    private static int Mirror(int voxel, Size3 size, FlipAxes axes)
    {
        var (i, j, k) = (voxel % size.Width, voxel / size.Width % size.Height, voxel / size.Width / size.Height);
        i = axes.HasFlag(FlipAxes.LeftRight) ? size.Width - 1 - i : i;
        j = axes.HasFlag(FlipAxes.PosteriorAnterior) ? size.Height - 1 - j : j;
        k = axes.HasFlag(FlipAxes.InferiorSuperior) ? size.Depth - 1 - k : k;
        return i + size.Width * (j + size.Height * k);
    }

    /// <summary>Blended logits of one sample; (500, 0, ...), certain background, where no patch is.</summary>
    private static (double[][] Logits, int Empty) Logits(InferenceSession session, ModelManifest manifest, float[] voxels, Size3 size, double overlap, ulong seed, int sample)
    {
        var (patch, channels, classes, count) = (manifest.PatchSize, manifest.Channels.Count, manifest.Classes.Count, (int)size.Count);
        double[][] sum = [.. Enumerable.Range(0, classes).Select(_ => new double[count])];
        var (weight, empty) = (new double[count], 0);
        List<NamedOnnxValue> varied =
        [
            .. manifest.NoiseInputs.Zip(NoiseSample.Draw(manifest.NoiseInputs, seed, sample).Tensors,
                (n, t) => NamedOnnxValue.CreateFromTensor(n.Name, new DenseTensor<float>(t, [.. n.Shape.Select(e => (int)e)]))),
        ];
        if (manifest.Members > 1)
        {
            varied.Add(NamedOnnxValue.CreateFromTensor("member", new DenseTensor<long>(new long[] { sample % manifest.Members }, [])));
        }

        foreach (var (i0, j0, k0) in PatchGrid.Positions(size, patch, overlap))
        {
            var image = new float[channels * patch.Count];
            var values = new List<HashSet<float>>();
            for (var c = 0; c < channels; c++)
            {
                values.Add([]);
                for (var p = 0; p < patch.Count; p++)
                {
                    var (i, j, k) = (i0 + p % patch.Width, j0 + p / patch.Width % patch.Height, k0 + p / patch.Width / patch.Height);
                    if (i < size.Width && j < size.Height && k < size.Depth)
                    {
                        values[c].Add(image[c * patch.Count + p] = voxels[c * count + i + size.Width * (j + size.Height * k)]);
                    }
                }
            }

            if (values.Select((v, c) => v.SetEquals([voxels[c * count]])).All(isBackground => isBackground))
            {
                empty++;
                continue;
            }

            using var results = session.Run([NamedOnnxValue.CreateFromTensor("image", new DenseTensor<float>(image, [1, channels, patch.Depth, patch.Height, patch.Width])), .. varied]);
            var logits = results[0].AsEnumerable<float>().ToArray();
            for (var p = 0; p < patch.Count; p++)
            {
                var (a, b, d) = (p % patch.Width, p / patch.Width % patch.Height, p / patch.Width / patch.Height);
                var (i, j, k) = (i0 + a, j0 + b, k0 + d);
                if (i >= size.Width || j >= size.Height || k >= size.Depth)
                {
                    continue;
                }

                double Axis(int at, int edge) => Math.Exp(-0.5 * Math.Pow((at - (edge - 1) / 2.0) / (edge / 8.0), 2));
                var (w, v) = (Axis(a, patch.Width) * Axis(b, patch.Height) * Axis(d, patch.Depth), i + size.Width * (j + size.Height * k));
                weight[v] += w;
                for (var c = 0; c < classes; c++)
                {
                    sum[c][v] += w * logits[c * patch.Count + p];
                }
            }
        }

        for (var v = 0; v < count; v++)
        {
            for (var c = 0; c < classes; c++)
            {
                sum[c][v] = weight[v] == 0 ? c == 0 ? 500 : 0 : sum[c][v] / weight[v];
            }
        }

        return (sum, empty);
    }
}
