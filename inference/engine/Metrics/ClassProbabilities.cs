namespace Credence.Inference.Metrics;

/// <summary>The probabilities of all classes in a set of voxels, and the class that is true in each.</summary>
/// <param name="Planes">(K, V), background first.</param>
/// <param name="Truth">(V): index of the class that is true.</param>
internal sealed record ClassProbabilities(IReadOnlyList<float[]> Planes, byte[] Truth)
{
    /// <summary>Mean of -ln p(truth), nats; p is raised to <see cref="CalibrationScores.SmallestProbability"/>. NaN without voxels.</summary>
    public double NegativeLogLikelihood
    {
        get
        {
            var logs = 0.0;
            for (var v = 0; v < Truth.Length; v++)
            {
                logs -= Math.Log(Math.Max(Planes[Truth[v]][v], CalibrationScores.SmallestProbability));
            }

            return logs / Truth.Length;
        }
    }

    /// <summary>From the maps of the foreground: the background has what they leave.</summary>
    /// <param name="foreground">(K - 1, V).</param>
    /// <param name="labels">Label of each foreground class.</param>
    /// <param name="reference">(V): the true labels, 0 for the background.</param>
    /// <returns>Null where the reference holds another label.</returns>
    public static ClassProbabilities? Of(IReadOnlyList<float[]> foreground, IReadOnlyList<byte> labels, byte[] reference)
    {
        var background = new float[reference.Length];
        background.AsSpan().Fill(1);
        foreach (var map in foreground)
        {
            System.Numerics.Tensors.TensorPrimitives.Subtract(background, map, background);
        }

        System.Numerics.Tensors.TensorPrimitives.Max(background, 0f, background);
        var index = new int[256];
        index.AsSpan().Fill(-1);
        index[0] = 0;
        for (var k = 0; k < labels.Count; k++)
        {
            index[labels[k]] = k + 1;
        }

        var truth = new byte[reference.Length];
        for (var v = 0; v < truth.Length; v++)
        {
            if (index[reference[v]] < 0)
            {
                return null;
            }

            truth[v] = (byte)index[reference[v]];
        }

        return new([background, .. foreground], truth);
    }
}
