namespace Credence.Models.Losses;

/// <summary>What a loss must know where a minibatch is computed in parts, by several processes or passes: the losses of all parts add up to that of the minibatch, and so do their gradients.</summary>
/// <param name="Examples">Of the whole minibatch.</param>
/// <param name="Parts">How many parts call <paramref name="Sum"/>.</param>
/// <param name="Sum">Adds a tensor up over the parts; null where a part cannot know the others, and only losses with <see cref="MinibatchCoupling.None"/> are possible. All parts call it equally often, in the same order.</param>
public sealed record MinibatchPart(long Examples, int Parts = 1, Func<Tensor, Tensor>? Sum = null);
