namespace Credence.Models.Losses;

/// <summary>A loss of a sum, and what it is multiplied by.</summary>
/// <param name="Weight">Above 0.</param>
/// <param name="Loss">The loss.</param>
internal sealed record WeightedLoss(double Weight, ILoss Loss)
{
    public override string ToString() => Weight == 1 ? $"{Loss}" : $"{LossArguments.Text(Weight)} {Loss}";
}
