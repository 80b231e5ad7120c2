using System.Globalization;
using Credence.Inference.Model;
using Credence.Models;

namespace Credence.Trainer.Planning;

/// <summary>What a plan asks of the machine and of the data, and what a user should know about it.</summary>
/// <param name="Lines">The figures, in words.</param>
/// <param name="Warnings">Where they do not fit.</param>
internal sealed record ResourceCheck(IReadOnlyList<string> Lines, IReadOnlyList<string> Warnings)
{
    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    /// <summary>.NET, libtorch and the code of its kernels: the peak resident memory of <c>credence-train plan</c>, about 200 MB, rounded up for the kernels that only training runs.</summary>
    private const long ProgramBytes = 250L << 20;

    /// <summary>
    /// Share that the host's allocator adds to parameters, optimiser and activations: it keeps what is freed, and blocks of many sizes leave gaps.
    /// From 0.55 to 1.0 over the networks of bench/training/memory.py; see docs/decisions/0017-freed-memory-is-kept.md.
    /// </summary>
    private const double Gaps = 0.85;

    /// <summary>Compares a plan with a machine and with the data.</summary>
    /// <param name="plan">Patch, batch, channels, classes.</param>
    /// <param name="fingerprint">Of the training cases.</param>
    /// <param name="network">The network of the plan.</param>
    /// <param name="optimiserStates">Numbers an optimiser keeps for each parameter.</param>
    /// <param name="memory">Where the network will be trained.</param>
    /// <remarks>
    /// A network with at least as many parameters as there are training voxels can store the label of each: Zhang et al. 2017, arXiv:1611.03530, theorem 1,
    /// shows it of a network of two layers with 2 n + d parameters for n samples of d dimensions. Below that it may still overfit; above it, nothing but
    /// regularisation and early stopping keeps it from doing so.
    /// </remarks>
    public static ResourceCheck Of(TrainingPlan plan, TrainingFingerprint fingerprint, Network network, int optimiserStates, DeviceMemory memory)
    {
        var footprint = NetworkFootprint.Count(network, plan.BatchSize, plan.PatchSize, optimiserStates);
        var voxels = fingerprint.Cases * (long)fingerprint.SizeMedian.Count;
        var foreground = voxels * (1 - fingerprint.ClassFractions[0]);
        var cases = memory.IsHost ? voxels * (plan.Channels.Count * sizeof(float) + 1L) : 0;
        var program = memory.IsHost ? ProgramBytes : 0;
        var gaps = memory.IsHost ? (long)(Gaps * footprint.Total) : 0;
        var total = footprint.Total + gaps + cases + program;
        var lines = new List<string>
        {
            string.Create(Invariant, $"{footprint.Parameters:N0} parameters for about {voxels:N0} training voxels, {foreground:N0} of them foreground: {footprint.Parameters / (double)voxels:G2} and {footprint.Parameters / Math.Max(1, foreground):G2} a voxel"),
            string.Create(Invariant, $"memory about {Mebibytes(total)} MiB: parameters and gradients {Mebibytes(footprint.ParameterBytes)}, optimiser {Mebibytes(footprint.OptimiserBytes)}, activations {Mebibytes(footprint.ActivationBytes)}")
                + (memory.IsHost ? string.Create(Invariant, $", gaps between blocks {Mebibytes(gaps)}, cases {Mebibytes(cases)}, program {Mebibytes(program)}") : ""),
        };
        var warnings = new List<string>();
        if (footprint.Parameters >= voxels)
        {
            warnings.Add(string.Create(Invariant, $"{footprint.Parameters:N0} parameters are at least as many as the {voxels:N0} training voxels: the network can store every label. Lower --width, or add cases."));
        }

        if (memory.Bytes is { } available && total > available)
        {
            warnings.Add(string.Create(Invariant, $"training needs about {Mebibytes(total)} MiB and {memory.Name} has {Mebibytes(available)}. Lower --batch-size or --width, or the patch size in the plan."));
        }

        return new(lines, warnings);
    }

    private static long Mebibytes(long bytes) => bytes >> 20;
}
