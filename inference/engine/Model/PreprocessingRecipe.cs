using Credence.MedicalIO;

namespace Credence.Inference.Model;

/// <summary>The part of plan and manifest that turns scans into input of the network.</summary>
/// <param name="Spacing">mm of the network's grid, along R, A, S.</param>
/// <param name="Interpolation">Linear or cubic B-spline.</param>
/// <param name="Crop">What the network sees: the smallest box that holds this region of any channel, with one voxel around it.</param>
/// <param name="Normalisation">Rule for the intensities.</param>
internal sealed record PreprocessingRecipe(Vector3D Spacing, Interpolation Interpolation, Region Crop, NormalisationDescription Normalisation)
{
    /// <summary>What is wrong with the recipe and what would be right; null for a sound one. People edit plans.</summary>
    public (string Found, string Expected)? Fault()
    {
        var n = Normalisation;
        if (!(Spacing.X > 0 && Spacing.Y > 0 && Spacing.Z > 0 && double.IsFinite(Spacing.Length)))
        {
            return ($"spacing {Spacing}", "numbers above 0");
        }

        if (Interpolation is not (Interpolation.Linear or Interpolation.CubicSpline))
        {
            return ($"interpolation \"{Interpolation}\"", "\"linear\" or \"cubic-b-spline\"");
        }

        if (!Enum.IsDefined(Crop) || !Enum.IsDefined(n.Kind) || !Enum.IsDefined(n.Region))
        {
            return ("an unknown crop or normalisation", "a documented one");
        }

        if (!(n.LowerPercentile >= 0 && n.LowerPercentile < n.UpperPercentile && n.UpperPercentile <= 100))
        {
            return (FormattableString.Invariant($"clipping from percentile {n.LowerPercentile} to {n.UpperPercentile}"), "percentiles from 0 to 100, the lower one first");
        }

        return n.Kind == NormalisationKind.Window && !(n.WindowLower < n.WindowUpper && double.IsFinite(n.WindowUpper - n.WindowLower))
            ? (FormattableString.Invariant($"a window from {n.WindowLower} to {n.WindowUpper}"), "two numbers, the smaller one first")
            : null;
    }
}
