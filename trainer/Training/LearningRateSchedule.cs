namespace Credence.Trainer.Training;

/// <summary>Linear warm-up, then polynomial decay to 0.</summary>
/// <remarks>Source: Chen et al. 2017 (DeepLab), arXiv:1606.00915, section 4.1.1 ("poly", power 0.9).</remarks>
/// <param name="Top">Learning rate at the end of the warm-up.</param>
/// <param name="WarmUp">Share of the run that the warm-up takes, in [0, 1).</param>
internal sealed record LearningRateSchedule(double Top, double WarmUp)
{
    private const double Power = 0.9;
    private const double FirstStepShare = 0.01; // the warm-up starts above 0, so that no step is wasted

    /// <summary>The learning rate at a point of the run.</summary>
    /// <param name="progress">Share of the run that is over, in [0, 1].</param>
    public double At(double progress)
    {
        progress = Math.Clamp(progress, 0, 1);
        return progress < WarmUp
            ? Top * Math.Max(FirstStepShare, progress / WarmUp)
            : Top * Math.Pow((1 - progress) / (1 - WarmUp), Power);
    }
}
