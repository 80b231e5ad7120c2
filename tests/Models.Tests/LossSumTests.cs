using System.Text.Json;
using Credence.Models.Losses;

namespace Credence.Models.Tests;

public sealed class LossSumTests
{
    private static readonly JsonElement Golden = JsonDocument.Parse(File.ReadAllText(RepositoryRoot.File("tests/Models.Tests/Golden/losses.json"))).RootElement;

    /// <summary>Every loss of the golden file: each name with its defaults, most with other arguments, and sums.</summary>
    public static TheoryData<string> Losses => [.. Golden.GetProperty("cases").EnumerateArray().Select(c => c.GetProperty("loss").GetString()!)];

    [Fact]
    public void Every_loss_is_tested() =>
        Assert.All(LossSum.Names, name => Assert.Contains(Losses, row => LossSum.Parse(row.Data).Terms is [{ Loss: var loss }] && loss.ToString()!.Split('(')[0] == name));

    /// <summary>Oracle: PyTorch's autograd on the formulas of the papers and of MONAI (Golden/make_losses.py).</summary>
    [Theory]
    [MemberData(nameof(Losses))]
    public void Value_and_gradient_agree_with_PyTorch(string text)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("loss").GetString() == text);
        var (logits, target) = Example();

        using var terms = Read(text).Compute(logits, target, Golden.GetProperty("progress").GetDouble());
        terms.Total.backward();

        Assert.Equal(expected.GetProperty("value").GetDouble(), terms.Total.item<double>(), tolerance: 1e-10);
        Assert.Equal(Value("cross-entropy"), terms.NegativeLogLikelihood.item<double>(), tolerance: 1e-10);
        var difference = (logits.grad!.flatten() - tensor(Numbers(expected, "gradient"))).abs().max().item<double>();
        Assert.True(difference < 1e-8, $"gradient differs by {difference}");
    }

    /// <summary>Oracle: central differences along random directions, in float64. The step crosses no rank, threshold or most probable class.</summary>
    [Theory]
    [MemberData(nameof(Losses))]
    public void Gradient_agrees_with_finite_differences(string text)
    {
        const double Step = 1e-6;
        using var scope = NewDisposeScope();
        using var generator = new Generator(8);
        var (logits, target) = Example();
        var loss = Read(text);
        double At(Tensor x)
        {
            using var terms = loss.Compute(x, target, 0.5);
            return terms.Total.item<double>();
        }

        using var whole = loss.Compute(logits, target, 0.5);
        whole.Total.backward();
        for (var n = 0; n < 3; n++)
        {
            var direction = randn(logits.shape, float64, generator: generator);
            var numeric = (At(logits.detach() + Step * direction) - At(logits.detach() - Step * direction)) / (2 * Step);
            Assert.Equal((logits.grad! * direction).sum().item<double>(), numeric, tolerance: 1e-6);
        }
    }

    /// <summary>Deep supervision calls the loss on a few voxels; validation of a run on many. Nothing may overflow or divide 0 by 0.</summary>
    [Theory]
    [MemberData(nameof(Losses))]
    public void Value_and_gradient_are_finite_whatever_the_target_and_the_logits(string text)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2);
        var loss = Read(text);
        foreach (var edge in new long[] { 1, 2, 12 })
        {
            foreach (var (name, target) in Targets(edge, generator))
            {
                foreach (var (kind, logits) in Logits(target, generator))
                {
                    foreach (var progress in new[] { 0.0, 0.1, 1 })
                    {
                        logits.grad?.zero_();
                        using var terms = loss.Compute(logits, target, progress);
                        terms.Total.backward();
                        var value = terms.Total.item<float>();

                        Assert.True(float.IsFinite(value) && value >= -1e-6, $"loss {value} for edge {edge}, target {name}, logits {kind}");
                        Assert.True(logits.grad!.isfinite().all().item<bool>(), $"gradient for edge {edge}, target {name}, logits {kind}");
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void A_pass_leaves_no_tensor_behind_but_its_result(string text)
    {
        var loss = Read(text);
        using var logits = randn([2, 3, 4, 4, 4], requires_grad: true);
        using var target = ones([2, 4, 4, 4], int64);
        void Pass()
        {
            using var terms = loss.Compute(logits, target, 0.5);
            terms.Total.backward();
        }

        Pass(); // makes the gradient, which stays
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        Pass();
        Pass();

        Assert.Equal(before, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    [Theory]
    [InlineData("dice")]
    [InlineData("dice(squared)")]
    [InlineData("generalised-dice")]
    [InlineData("generalised-cross-entropy(q=1)")]
    [InlineData("tversky")]
    [InlineData("dice + cross-entropy + focal + top-k + hard-negatives(warm-up=0)")]
    public void Perfect_prediction_costs_nothing_and_the_opposite_costs_all(string text)
    {
        using var scope = NewDisposeScope();
        var target = zeros([1, 4, 4, 4], int64);
        target[0, 1, 2, 3] = 1;
        var logits = 100 * stack([(target == 0).to(float32), target.to(float32)], dim: 1);
        using var right = Read(text).Compute(logits, target, 1);
        using var wrong = Read(text).Compute(-logits, target, 1);

        Assert.Equal(0, right.Total.item<float>(), tolerance: 1e-5);
        Assert.True(wrong.Total.item<float>() > 0.99, $"{wrong.Total.item<float>()}");
    }

    [Theory]
    [InlineData("cross-entropy", true)]
    [InlineData("0.5 cross-entropy", false)]
    [InlineData("weighted-cross-entropy(weights=1:1)", false)]
    [InlineData("cross-entropy + cross-entropy", false)]
    [InlineData("dice + cross-entropy", false)]
    [InlineData("dice", false)]
    public void Only_cross_entropy_alone_is_a_likelihood(string text, bool isLogLikelihood) => Assert.Equal(isLogLikelihood, LossSum.Parse(text).IsLogLikelihood);

    /// <summary>Oracle: libtorch's own cross entropy, and the other losses on volumes of one voxel.</summary>
    [Theory]
    [MemberData(nameof(Losses))]
    public void A_classifier_is_a_network_of_one_voxel(string text)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var (logits, target) = (randn([6, 3], generator: generator), arange(6) % 3);
        using var found = Read(text).Compute(logits, target, 1);
        using var voxels = Read(text).Compute(logits.view(6, 3, 1, 1, 1), target.view(6, 1, 1, 1), 1);

        Assert.Equal(functional.cross_entropy(logits, target).item<float>(), found.NegativeLogLikelihood.item<float>(), tolerance: 1e-6);
        Assert.Equal(voxels.Total.item<float>(), found.Total.item<float>());
    }

    [Fact]
    public void Half_precision_logits_are_widened_before_anything_is_summed()
    {
        using var scope = NewDisposeScope();
        var logits = 3 * randn([2L, 2, 8, 8, 8]).to(ScalarType.BFloat16);
        var target = randint(0, 2, [2, 8, 8, 8], dtype: int64);
        using var half = LossSum.Parse("dice-cross-entropy").Compute(logits, target, 0);
        using var wide = LossSum.Parse("dice-cross-entropy").Compute(logits.to(float32), target, 0);

        Assert.Equal((wide.Total.item<float>(), ScalarType.Float32), (half.Total.item<float>(), half.Total.dtype));
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_named()
    {
        using var scope = NewDisposeScope();
        var e = Assert.Throws<ArgumentException>(() => LossSum.Parse("dice").Compute(zeros([1L, 2, 4, 4, 4]), zeros([1L, 4, 4, 5], int64), 0));

        Assert.Equal("Target has shape (1, 4, 4, 5) but logits have (1, 2, 4, 4, 4); (N, D, H, W) must fit (N, K, D, H, W), or (N) fit (N, K). (Parameter 'target')", e.Message);
    }

    [Fact]
    public void Weights_must_fit_the_classes_of_the_data()
    {
        using var scope = NewDisposeScope();
        var e = Assert.Throws<ArgumentException>(() => LossSum.Parse("weighted-cross-entropy(weights=1:10)").For([0.9, 0.05, 0.05]));
        Assert.StartsWith("weighted-cross-entropy(weights=1:10) has 2 weights, but the data has 3 classes, background included.", e.Message, StringComparison.Ordinal);

        Assert.Equal("dice + weighted-cross-entropy(weights=1.25:5:5)", LossSum.Parse("dice + weighted-cross-entropy").For([0.8, 0.2, 0]).ToString());
        Assert.Throws<InvalidOperationException>(() => LossSum.Parse("weighted-cross-entropy").Compute(zeros([1L, 2, 4, 4, 4]), zeros([1L, 4, 4, 4], int64), 0));
    }

    internal static LossSum Read(string text) => LossSum.Parse(text).For(Numbers(Golden, "classFractions"));

    private static (Tensor Logits, Tensor Target) Example()
    {
        var shape = Golden.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64()).ToArray();
        var target = tensor(Golden.GetProperty("target").EnumerateArray().Select(e => e.GetInt64()).ToArray());
        return (tensor(Numbers(Golden, "logits")).view(shape).requires_grad_(), target.view([shape[0], .. shape[2..]]));
    }

    private static double Value(string text) =>
        Golden.GetProperty("cases").EnumerateArray().Single(c => c.GetProperty("loss").GetString() == text).GetProperty("value").GetDouble();

    private static double[] Numbers(JsonElement json, string name) => [.. json.GetProperty(name).EnumerateArray().Select(e => e.GetDouble())];

    private static IEnumerable<(string Name, Tensor Target)> Targets(long edge, Generator generator)
    {
        long[] shape = [2, edge, edge, edge];
        yield return ("empty", zeros(shape, int64));
        yield return ("full", ones(shape, int64));
        yield return ("last class only", full(shape, 2L, int64));
        var oneVoxel = zeros(shape, int64);
        oneVoxel[0, 0, 0, 0] = 1;
        yield return ("one voxel", oneVoxel);
        yield return ("random without class 1", 2 * randint(0, 2, shape, dtype: int64, generator: generator));
    }

    private static IEnumerable<(string Name, Tensor Logits)> Logits(Tensor target, Generator generator)
    {
        long[] shape = [target.shape[0], 3, .. target.shape[1..]];
        var right = nn.functional.one_hot(target, 3).permute(0, 4, 1, 2, 3).to(float32);
        yield return ("equal", zeros(shape).requires_grad_());
        yield return ("random", (3 * randn(shape, generator: generator)).requires_grad_());
        yield return ("right by 1e4", (2e4 * right - 1e4).requires_grad_());
        yield return ("wrong by 1e4", (1e4 - 2e4 * right).requires_grad_());
        yield return ("all -1e4", full(shape, -1e4f).requires_grad_());
        yield return ("random by 1e4", (1e4 * randn(shape, generator: generator).sign()).requires_grad_());
    }
}
