namespace Credence.MedicalIO.Dicom;

/// <summary>The slices of a stack by time: one slice at each position in each complete time point.</summary>
/// <param name="Points">Slices of each time point, along the normal; those of an incomplete one are fewer than the positions.</param>
/// <param name="Incomplete">What is missing from time points that are not complete; the others are sound.</param>
/// <param name="Problem">Why the slices at one position are no time points; null where they are.</param>
/// <param name="IsAmbiguous">Whether slices are missing and nothing tells from which time point, so that no volume can be made.</param>
internal sealed record DicomTimePoints(IReadOnlyList<IReadOnlyList<DicomSlice>> Points, IReadOnlyList<string> Incomplete, string? Problem, bool IsAmbiguous)
{
    /// <summary>Sorts slices.</summary>
    /// <param name="positions">Slices at each position, along the normal.</param>
    public static DicomTimePoints From(IReadOnlyList<IReadOnlyList<DicomSlice>> positions)
    {
        var repeats = positions.Max(p => p.Count);
        if (positions.All(p => p.Count == repeats))
        {
            var ordered = positions.Select(p => p.OrderBy(s => s.Order).ThenBy(s => s.Path, StringComparer.Ordinal).ToList()).ToList();
            return new([.. Enumerable.Range(0, repeats).Select(t => ordered.ConvertAll(p => p[t]))], [], null, false);
        }

        var counts = Counts(positions);
        if (Split(positions, repeats) is { } points)
        {
            return new(points, [$"{counts}: {string.Join(", ", points.Select((p, t) => (p, t)).Where(p => p.p.Count < positions.Count).Select(p => Missing(p.t, p.p.Count, positions.Count)))}"], null, false);
        }

        var mostHaveOne = 2 * positions.Count(p => p.Count == 1) >= positions.Count;
        var (a, b) = (positions.First(p => p.Count > 1)[0], positions.First(p => p.Count > 1)[1]);
        var problem = mostHaveOne
            ? FormattableString.Invariant($"{counts}: {a.Name} and {b.Name} at the same position ({Math.Abs((b.Plane.Position - a.Plane.Position).Dot(a.Plane.Normal)):F3} mm apart)")
            : $"{counts}, and nothing in the files tells which time point lacks a slice";
        return new([[.. positions.Select(p => p.MinBy(s => s.Order)!)]], [], problem, !mostHaveOne);
    }

    /// <summary>What an incomplete time point is, in words.</summary>
    /// <param name="timePoint">From 0.</param>
    /// <param name="found">Its slices.</param>
    /// <param name="expected">Positions.</param>
    public static string Missing(int timePoint, int found, int expected) => $"time point {timePoint + 1} has {found} of {expected} slices";

    /// <summary>Time points by what the files say of them: acquisition and time, else the instance numbers where they count volumes, or positions, without a break at their ends.</summary>
    private static List<IReadOnlyList<DicomSlice>>? Split(IReadOnlyList<IReadOnlyList<DicomSlice>> positions, int repeats)
    {
        var instances = positions.SelectMany(p => p).Select(s => s.Order.Instance).ToList();
        var start = instances.Min();
        var isCounted = start is 0 or 1 && instances.Max() - start + 1 == positions.Count * repeats;
        return By(s => (s.Order.Acquisition, s.Order.Time))
            ?? (isCounted ? By(s => ((s.Order.Instance - start) / positions.Count, 0)) ?? By(s => ((s.Order.Instance - start) % repeats, 0)) : null);

        List<IReadOnlyList<DicomSlice>>? By(Func<DicomSlice, (int, int)> time)
        {
            var isUnique = positions.All(p => p.Select(time).Distinct().Count() == p.Count);
            var points = positions.SelectMany(p => p).GroupBy(time).OrderBy(g => g.Key).Select(IReadOnlyList<DicomSlice> (g) => [.. g]).ToList();
            return isUnique && points.Count == repeats && points.Exists(p => p.Count == positions.Count) ? points : null;
        }
    }

    private static string Counts(IReadOnlyList<IReadOnlyList<DicomSlice>> positions) => string.Join(", ", positions.GroupBy(p => p.Count).OrderByDescending(g => g.Count()).ThenByDescending(g => g.Key)
        .Select((g, n) => $"{g.Count()}{(n > 0 ? "" : g.Count() == 1 ? " position" : " positions")} {(g.Count() == 1 ? "has" : "have")} {g.Key}{(n > 0 ? "" : g.Key == 1 ? " slice" : " slices")}"));
}
