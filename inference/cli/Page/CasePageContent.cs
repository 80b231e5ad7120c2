using System.Text.Json.Serialization;
using Credence.Inference.Lesions;

namespace Credence.InferenceCli.Page;

/// <summary>What the script of the page is given.</summary>
/// <param name="Title">Name of the case.</param>
/// <param name="IntendedUse">What the model may be used for.</param>
/// <param name="Warnings">Shown first.</param>
/// <param name="Classes">Per foreground class.</param>
/// <param name="Lesions">Largest first.</param>
/// <param name="LesionsLeftOut">Those that are in the table of the folder alone.</param>
/// <param name="Run">Name and value, in this order.</param>
/// <param name="Layers">From the lowest to the topmost.</param>
internal sealed record CasePageContent(
    string Title, string IntendedUse, IReadOnlyList<string> Warnings, IReadOnlyList<PageClass> Classes, IReadOnlyList<Lesion> Lesions, int LesionsLeftOut,
    IReadOnlyList<IReadOnlyList<string>> Run, IReadOnlyList<PageLayer> Layers);

/// <summary>The load of a class.</summary>
/// <param name="Name">Such as lesion.</param>
/// <param name="Volume">mL of the segmentation.</param>
/// <param name="Interval">2.5th and 97.5th percentile over samples, mL; null for a single one.</param>
/// <param name="VolumeInterval">Holds the true volume in 95 % of cases, mL; null where there is none.</param>
/// <param name="SampleVolumes">mL in each sample.</param>
internal sealed record PageClass(string Name, double Volume, IReadOnlyList<double>? Interval, IReadOnlyList<double>? VolumeInterval, IReadOnlyList<double> SampleVolumes);

/// <summary>A volume in the viewer.</summary>
/// <param name="Id">Of the element that holds it.</param>
/// <param name="Name">Shown.</param>
/// <param name="Colormap">NiiVue's name; null for labels.</param>
/// <param name="Shown">At the start.</param>
/// <param name="Opacity">0 to 1.</param>
/// <param name="Low">Value of the first colour; what is below is clear, or black in the lowest layer.</param>
/// <param name="High">Value of the last colour.</param>
internal sealed record PageLayer(string Id, string Name, string? Colormap, bool Shown, double Opacity, double Low, double High)
{
    /// <summary>Of a label map.</summary>
    public IReadOnlyList<PageLabel>? Labels { get; init; }
}

/// <summary>A value of a label map.</summary>
/// <param name="Value">In the volume.</param>
/// <param name="Name">Of the class.</param>
internal sealed record PageLabel(int Value, string Name);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(CasePageContent))]
internal sealed partial class CasePageJson : JsonSerializerContext;
