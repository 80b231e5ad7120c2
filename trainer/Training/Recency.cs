namespace Credence.Trainer.Training;

/// <summary>Loss on the first and on the last minibatches of an epoch, both measured when the epoch is over.</summary>
/// <param name="FirstSeen">Mean loss on the first ones, seen longest ago.</param>
/// <param name="LastSeen">Mean loss on the last ones.</param>
/// <remarks>
/// Cases are dealt out at random, so that over many epochs both means agree unless the network leans towards what it saw last:
/// a lasting <see cref="Gap"/> above 0 asks for a lower learning rate, a larger batch or averaged weights.
/// </remarks>
internal readonly record struct Recency(double FirstSeen, double LastSeen)
{
    /// <summary>First - last; above 0 where the network fits best what it saw last.</summary>
    public double Gap => FirstSeen - LastSeen;

    /// <summary>Measures the present weights.</summary>
    /// <param name="loss">Of the minibatch of a step.</param>
    /// <param name="firstStep">First step of the epoch.</param>
    /// <param name="steps">Steps of the epoch.</param>
    /// <param name="count">Minibatches at each end; fewer when the epoch is shorter.</param>
    internal static Recency Measure(Func<long, double> loss, long firstStep, int steps, int count)
    {
        var each = Math.Clamp(steps / 2, 1, count);
        double Mean(long from) => Enumerable.Range(0, each).Average(n => loss(from + n));
        return new(Mean(firstStep), Mean(firstStep + steps - each));
    }
}
