using System.Globalization;
using Credence.Inference.Model;
using Credence.MedicalIO;

namespace Credence.Inference.Metrics;

/// <summary>What was measured for one class of one case.</summary>
internal sealed record ClassEvaluation
{
    private const double Rounding = 1e-9; // mL, far below a voxel: products of counts and voxel volumes, taken in another order

    /// <summary>The class.</summary>
    public required ClassDescription Class { get; init; }

    /// <summary>Voxel counts over the whole grid.</summary>
    public required OverlapCounts Overlap { get; init; }

    /// <summary>Calibrated interval of the volume, mL; null where none was given.</summary>
    public required (double Low, double High)? VolumeInterval { get; init; }

    /// <summary>Interval of the volume over the samples, mL; null where none was given.</summary>
    public required (double Low, double High)? SampleVolumeInterval { get; init; }

    /// <summary>Voxel counts inside the region; null where none was given.</summary>
    public required OverlapCounts? RegionOverlap { get; init; }

    /// <summary>Distances between the boundaries.</summary>
    public required SurfaceDistances Surface { get; init; }

    /// <summary>Lesion by lesion.</summary>
    public required LesionMatching Lesions { get; init; }

    /// <summary>Of the probability over the region or the whole grid; null where no probability was given.</summary>
    public required CalibrationScores? Calibration { get; init; }

    /// <summary>Of the probability in the lesion neighbourhood; null where no probability was given.</summary>
    public required CalibrationScores? NeighbourhoodCalibration { get; init; }

    /// <summary>Normalised Dice against the share of voxels kept; null where no uncertainty was given.</summary>
    public required RetentionCurve? VoxelRetention { get; init; }

    /// <summary><see cref="VoxelRetention"/> of the best uncertainty that there could be; null where no uncertainty was given.</summary>
    public required RetentionCurve? IdealRetention { get; init; }

    /// <summary><see cref="VoxelRetention"/> of an uncertainty that knows nothing; null where no uncertainty was given.</summary>
    public required RetentionCurve? RandomRetention { get; init; }

    /// <summary>Lesion F1 against the share of lesions kept; null where no uncertainty was given, or there is no lesion.</summary>
    public required RetentionCurve? LesionRetention { get; init; }

    internal static ClassEvaluation Create(ClassDescription @class, EvaluationCase @case, EvaluationOptions options, EvaluatedVoxels voxels, ScoreOrder? byUncertainty)
    {
        var masks = ClassMasks.Create(@case.Reference, @case.Prediction, @class.Label, @case.Region);
        var uncertainty = @case.Uncertainty is null ? [] : Cut(@case.Uncertainty, masks.Box);
        var lesions = LesionMatching.Match(masks.Reference, masks.Prediction, masks.Box.Size, masks.Geometry.VoxelVolume, options.Lesions, uncertainty);
        var probability = @case.Probabilities.GetValueOrDefault(@class.Label)?.Voxels;
        var retained = masks.RegionCounts ?? masks.Counts; // ideal and random curves start from the counts of the region that the curve itself looks at
        return new()
        {
            Class = @class,
            Overlap = masks.Counts,
            VolumeInterval = Interval(@case.VolumeIntervals),
            SampleVolumeInterval = Interval(@case.SampleVolumeIntervals),
            RegionOverlap = masks.RegionCounts,
            Surface = SurfaceDistances.Compute(masks.Reference, masks.Prediction, masks.Box.Size, masks.Geometry.Spacing),
            Lesions = lesions,
            Calibration = probability is null ? null : voxels.Calibration(probability, @class.Label, options.CalibrationBins),
            NeighbourhoodCalibration = probability is null
                ? null
                : voxels.Within(Neighbourhood.Offsets(masks, options.NeighbourhoodRadius)).Calibration(probability, @class.Label, options.CalibrationBins),
            VoxelRetention = byUncertainty is null ? null : RetentionCurve.NormalisedDice(byUncertainty, @class.Label),
            IdealRetention = byUncertainty is null ? null : RetentionCurve.Ideal(retained),
            RandomRetention = byUncertainty is null ? null : RetentionCurve.Random(retained),
            LesionRetention = RetentionCurve.LesionF1(lesions),
        };

        (double Low, double High)? Interval(IReadOnlyDictionary<byte, (double Low, double High)> intervals) => intervals.TryGetValue(@class.Label, out var interval) ? interval : null;
    }

    internal void AddTo(MetricValues values, EvaluationOptions options, double voxelVolume)
    {
        AddOverlap(Class.Name, values, voxelVolume / 1000);
        AddSurface(Class.Name, values, options.SurfaceTolerance);
        AddLesions(Class.Name, values, options.LesionSizes);
        AddCalibration($"{Class.Name}/", "", Calibration, values);
        AddCalibration($"{Class.Name}/", "-near", NeighbourhoodCalibration, values);
        AddRetention(Class.Name, values);
    }

    internal static void AddCalibration(string prefix, string suffix, CalibrationScores? scores, MetricValues values)
    {
        if (scores is not null)
        {
            values.Add($"{prefix}nll{suffix}", scores.NegativeLogLikelihood);
            values.Add($"{prefix}brier{suffix}", scores.Brier);
            values.Add($"{prefix}ece{suffix}", scores.EqualWidth.WeightedGap);
            values.Add($"{prefix}ece-equal-mass{suffix}", scores.EqualMass.WeightedGap);
            values.Add($"{prefix}ace{suffix}", scores.EqualMass.MeanGap);
            values.Add($"{prefix}ace-equal-width{suffix}", scores.EqualWidth.MeanGap);
            values.Add($"{prefix}mce{suffix}", scores.EqualWidth.LargestGap);
        }
    }

    private void AddOverlap(string name, MetricValues values, double millilitres)
    {
        values.AddScore($"{name}/dice", Overlap.Dice);
        values.AddScore($"{name}/iou", Overlap.IntersectionOverUnion);
        values.AddScore($"{name}/ndsc", Overlap.NormalisedDice());
        if (RegionOverlap is { } region)
        {
            values.AddScore($"{name}/ndsc-region", region.NormalisedDice());
        }

        values.AddScore($"{name}/precision", Overlap.Precision, Overlap.IsEmpty);
        values.AddScore($"{name}/recall", Overlap.Recall, Overlap.IsEmpty);
        values.Add($"{name}/reference-volume-ml", Overlap.Reference * millilitres);
        values.Add($"{name}/prediction-volume-ml", Overlap.Predicted * millilitres);
        values.Add($"{name}/volume-difference-ml", (Overlap.Predicted - Overlap.Reference) * millilitres);
        values.Add($"{name}/absolute-volume-difference-ml", Math.Abs(Overlap.Predicted - Overlap.Reference) * millilitres);
        values.AddError($"{name}/relative-volume-difference", (double)Math.Abs(Overlap.Predicted - Overlap.Reference) / Overlap.Reference, Overlap.IsEmpty);
        AddInterval("volume-in-interval", VolumeInterval);
        AddInterval("volume-in-sample-interval", SampleVolumeInterval);

        void AddInterval(string metric, (double Low, double High)? interval)
        {
            if (interval is var (low, high))
            {
                var truth = Overlap.Reference * millilitres;
                values.Add($"{name}/{metric}", low - Rounding <= truth && truth <= high + Rounding ? 1 : 0);
            }
        }
    }

    private void AddSurface(string name, MetricValues values, double tolerance)
    {
        values.AddError($"{name}/hd-mm", Surface.Hausdorff, Overlap.IsEmpty);
        values.AddError($"{name}/hd95-mm", Surface.Hausdorff95, Overlap.IsEmpty);
        values.AddError($"{name}/assd-mm", Surface.AverageSymmetric, Overlap.IsEmpty);
        values.AddScore($"{name}/nsd", Surface.NormalisedSurfaceDice(tolerance));
    }

    private void AddLesions(string name, MetricValues values, IReadOnlyList<double> sizes)
    {
        var isEmpty = Lesions.Reference.Count + Lesions.Predicted.Count == 0;
        values.Add($"{name}/reference-lesions", Lesions.Reference.Count);
        values.Add($"{name}/prediction-lesions", Lesions.Predicted.Count);
        AddCounts($"{name}/lesion-", "", Lesions.Counts);
        values.AddScore($"{name}/rq", Lesions.Counts.F1);
        values.AddScore($"{name}/sq", Lesions.SegmentationQuality, isEmpty);
        values.AddScore($"{name}/pq", Lesions.PanopticQuality);
        values.AddScore($"{name}/lesion-iou-adjusted", Lesions.Predicted.Select(p => p.AdjustedIntersectionOverUnion).DefaultIfEmpty(double.NaN).Average(), isEmpty);
        foreach (var (from, to) in sizes.Prepend(0).Zip(sizes.Append(double.PositiveInfinity)))
        {
            var end = double.IsInfinity(to) ? "inf" : to.ToString(CultureInfo.InvariantCulture);
            AddCounts($"{name}/lesion-", string.Create(CultureInfo.InvariantCulture, $"@{from}-{end}mm3"), Lesions.CountBetween(from, to));
        }

        void AddCounts(string prefix, string suffix, LesionCounts counts)
        {
            values.Add($"{prefix}tp{suffix}", counts.TruePositives);
            values.Add($"{prefix}fp{suffix}", counts.FalsePositives);
            values.Add($"{prefix}fn{suffix}", counts.FalseNegatives);
            var hasNone = counts.TruePositives + counts.FalsePositives + counts.FalseNegatives == 0;
            values.AddScore($"{prefix}precision{suffix}", counts.Precision, hasNone);
            values.AddScore($"{prefix}recall{suffix}", counts.Recall, hasNone);
            values.AddScore($"{prefix}f1{suffix}", counts.F1);
        }
    }

    private void AddRetention(string name, MetricValues values)
    {
        if (VoxelRetention is null || IdealRetention is null || RandomRetention is null)
        {
            return;
        }

        var counts = RegionOverlap ?? Overlap;
        values.AddScore($"{name}/ndsc-retention-area", counts.IsEmpty ? double.NaN : VoxelRetention.Area);
        values.AddError($"{name}/ndsc-r-auc", VoxelRetention.AreaAbove, counts.IsEmpty);
        values.AddScore($"{name}/ndsc-retention-area-ideal", counts.IsEmpty ? double.NaN : IdealRetention.Area);
        values.AddScore($"{name}/ndsc-retention-area-random", counts.IsEmpty ? double.NaN : RandomRetention.Area);
        values.AddScore($"{name}/lesion-f1-retention-area", LesionRetention?.Area ?? double.NaN);
    }

    private static float[] Cut(Volume volume, VoxelBox box)
    {
        var cut = new float[box.Size.Count];
        for (var row = 0; row < box.Size.Height * box.Size.Depth; row++)
        {
            var source = box.RowOffset(row % box.Size.Height, row / box.Size.Height, volume.Geometry.Size);
            volume.Voxels.AsSpan(source, box.Size.Width).CopyTo(cut.AsSpan(row * box.Size.Width));
        }

        return cut;
    }
}
