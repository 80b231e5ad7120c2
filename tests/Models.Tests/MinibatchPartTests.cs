using Credence.Models.Losses;

namespace Credence.Models.Tests;

/// <summary>A minibatch computed in parts gives the loss and the gradient of the whole.</summary>
public sealed class MinibatchPartTests
{
    private static readonly int[] Parts = [1, 3, 1]; // examples of each, of 5

    public static TheoryData<string> Exact => [.. LossSumTests.Losses.Select(r => r.Data).Where(l => LossSum.Parse(l).Coupled(MinibatchCoupling.Order).Count == 0)];

    public static TheoryData<string> Uncoupled => [.. LossSumTests.Losses.Select(r => r.Data).Where(l => LossSum.Parse(l).Coupled(MinibatchCoupling.Sums).Count == 0)];

    /// <summary>Oracle: the loss of the whole minibatch, differentiated as one.</summary>
    [Theory]
    [MemberData(nameof(Exact))]
    public void Losses_and_gradients_of_parts_add_up_to_those_of_the_minibatch(string text) => Compare(text, meeting => (rank, value) =>
        meeting.Exchange(rank, value.data<double>().ToArray()).Select(v => tensor(v).view(value.shape)).Aggregate((a, b) => a + b));

    /// <summary>A pass of a step cannot know the passes that follow.</summary>
    [Theory]
    [MemberData(nameof(Uncoupled))]
    public void Losses_that_couple_no_examples_need_no_sums(string text) => Compare(text, _ => null);

    /// <summary>A loss that lies about its coupling would train on something else: it must change where parts do not know each other.</summary>
    [Theory]
    [MemberData(nameof(LossSumTests.Losses), MemberType = typeof(LossSumTests))]
    public void Only_losses_that_say_so_couple_the_examples(string text)
    {
        using var scope = NewDisposeScope();
        var loss = LossSumTests.Read(text);
        var (logits, target) = Example();
        using var whole = loss.Compute(logits, target, 0.5);
        var apart = Ranges().Sum(r => loss.Compute(logits.narrow(0, r.First, r.Count), target.narrow(0, r.First, r.Count), 0.5, new(5)).Total.item<double>());

        Assert.Equal(loss.Coupled(MinibatchCoupling.Sums).Count > 0, Math.Abs(apart - whole.Total.item<double>()) > 1e-9);
    }

    private static void Compare(string text, Func<Rendezvous, Func<int, Tensor, Tensor>?> sum)
    {
        using var scope = NewDisposeScope();
        var loss = LossSumTests.Read(text);
        var (logits, target) = Example();
        using var whole = loss.Compute(logits, target, 0.5);
        whole.Total.backward();
        var ranges = Ranges();

        var parts = Rendezvous.Run(Parts.Length, (meeting, rank) =>
        {
            var (first, count) = ranges[rank];
            var own = logits.detach().narrow(0, first, count).clone().requires_grad_();
            var add = sum(meeting);
            var terms = loss.Compute(own, target.narrow(0, first, count), 0.5, new(5, Parts.Length, add is null ? null : value => add(rank, value)));
            terms.Total.backward();
            return (Total: terms.Total.item<double>(), Likelihood: terms.NegativeLogLikelihood.item<double>(), Gradient: own.grad!.clone());
        });

        Assert.Equal(whole.Total.item<double>(), parts.Sum(p => p.Total), tolerance: 1e-12);
        Assert.Equal(whole.NegativeLogLikelihood.item<double>(), parts.Sum(p => p.Likelihood), tolerance: 1e-12);
        Assert.True((cat([.. parts.Select(p => p.Gradient)]) - logits.grad!).abs().max().item<double>() < 1e-12, "gradients differ");
    }

    private static IReadOnlyList<(int First, int Count)> Ranges() => [.. Parts.Select((count, n) => (Parts[..n].Sum(), count))];

    /// <summary>Five examples, the second without a lesion.</summary>
    private static (Tensor Logits, Tensor Target) Example()
    {
        using var generator = new Generator(12);
        var logits = (2 * randn([5, 3, 3, 4, 5], float64, generator: generator)).requires_grad_();
        var target = (rand([5, 3, 4, 5], generator: generator) * 3.8 - 1).clamp(min: 0).to(int64);
        target[1] = zeros([3, 4, 5], int64);
        return (logits, target);
    }
}
