namespace Credence.Trainer.Training;

/// <summary>Linear warm-up, then polynomial decay to 0.</summary>
/// <remarks>Source: Chen et al. 2017 (DeepLab), arXiv:1606.00915, section 4.1.1 ("poly", power 0.9).</remarks>
/// <param name="Top">Learning rate at the end of the warm-up.</param>
/// <param name="WarmUp">Share of the run that the warm-up takes, in [0, 1).</param>
/// <param name="Start">Learning rate at the begin of the warm-up.</param>
internal sealed record LearningRateSchedule(double Top, double WarmUp, double Start = 0)
{
    private const double Power = 0.9;
    private const double FirstStepShare = 0.01; // a warm-up from 0 starts above it, so that no step is wasted
    private const double UsualWarmUp = 0.02;
    private const double LinearScalingWarmUp = 5.0 / 90; // 5 of 90 epochs

    /// <summary>The schedule of a run. With a reference, the rate is that of minibatches of that size: k times as many examples take k times the rate, which is reached from the rate itself.</summary>
    /// <remarks>Source: Goyal et al. 2017, "Accurate, large minibatch SGD", arXiv:1706.02677, sections 2.1 (linear scaling rule) and 2.2 (gradual warm-up).</remarks>
    /// <param name="rate">Learning rate that was asked for.</param>
    /// <param name="warmUp">Share of the run; null for 2 %, and with a reference for 5 of 90 epochs as in the paper.</param>
    /// <param name="batch">Examples that a step learns from.</param>
    /// <param name="reference">Examples of a minibatch that the rate is meant for; null for those of this run.</param>
    public static LearningRateSchedule For(double rate, double? warmUp, double batch, int? reference) => reference is { } examples
        ? new(rate * batch / examples, warmUp ?? LinearScalingWarmUp, rate)
        : new(rate, warmUp ?? UsualWarmUp);

    /// <summary>The learning rate at a point of the run.</summary>
    /// <param name="progress">Share of the run that is over, in [0, 1].</param>
    public double At(double progress)
    {
        progress = Math.Clamp(progress, 0, 1);
        return progress < WarmUp
            ? Start + (Top - Start) * (Start > 0 ? progress / WarmUp : Math.Max(FirstStepShare, progress / WarmUp))
            : Top * Math.Pow((1 - progress) / (1 - WarmUp), Power);
    }
}
