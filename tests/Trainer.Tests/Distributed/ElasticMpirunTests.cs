using System.Text.Json.Nodes;
using Credence.Models.Checkpoints;

namespace Credence.Trainer.Tests.Distributed;

/// <summary>Elastic averaging of two processes under a real mpirun, step by step, against runs without it and the equations of the paper in plain arithmetic.</summary>
public sealed class ElasticMpirunTests : IDisposable
{
    private const double Strength = 0.8, Alpha = Strength / 2; // β, and α = β / p
    private const int Period = 2;
    private const string Never = "1000"; // steps

    private readonly SmallDataset data = SmallDataset.Decathlon();
    private readonly TemporaryFolder folder = new();

    public void Dispose()
    {
        data.Dispose();
        folder.Dispose();
    }

    /// <summary>
    /// Oracle: one process that takes the first step with the patches of process 0, and one that takes it with the patches of both, whose gradient is the mean of the two.
    /// </summary>
    [Fact]
    public void Each_process_takes_the_step_that_its_own_patches_ask_for()
    {
        Assert.Equal(0, Mpirun.Run(Mpirun.Parallel(2, Fit("two", 4, "--elastic-period", Never))).ExitCode);
        Assert.Equal(0, Mpirun.Run(BuiltProgram.Command("Trainer", "credence-train", Fit("first", 2))).ExitCode);
        Assert.Equal(0, Mpirun.Run(BuiltProgram.Command("Trainer", "credence-train", Fit("both", 4))).ExitCode);

        var (two, first, both) = (State.Read(folder.File("two")), State.Read(folder.File("first")).Centre, State.Read(folder.File("both")).Centre);
        AssertNear(first, two.Weights[0]);
        AssertNear([.. both.Zip(first, (b, f) => 2 * b - f)], two.Weights[1]);
        Assert.True(Largest(two.Weights[0].Zip(two.Weights[1], (a, b) => a - b)) > 1e-6, "both processes have learnt the same");
    }

    /// <summary>
    /// Every step is taken twice from the same checkpoint: with its exchange, and without. What the optimiser adds is the same, since SGD without weight decay looks at
    /// gradients alone, so that the difference is what Zhang et al. 2015 say: x - α (x - x̃) in equation 5, x̃ + α Σ (x - x̃) in equation 6, of the values before the step.
    /// </summary>
    [Fact]
    public void Weights_and_centre_move_as_in_the_paper_at_every_exchange()
    {
        Assert.Equal(0, Mpirun.Run(Mpirun.Parallel(2, Fit("run", 4, "--elastic-period", $"{Period}", "--elastic-strength", $"{Strength}"))).ExitCode);
        var before = State.Read(folder.File("run"));
        for (var step = 1; step < 3 * Period; step++)
        {
            CopyWithoutExchange($"apart{step}");
            GoOn("run", step + 1);
            var after = State.Read(folder.File("run"));
            if ((step + 1) % Period != 0)
            {
                Assert.Equal(before.Centre, after.Centre);
            }
            else
            {
                GoOn($"apart{step}", step + 1);
                var apart = State.Read(folder.File($"apart{step}"));
                Assert.Equal(before.Centre, apart.Centre);
                var (x, centre) = (before.Weights, before.Centre);
                for (var rank = 0; rank < 2; rank++)
                {
                    AssertNear([.. apart.Weights[rank].Select((w, n) => w - Alpha * (x[rank][n] - centre[n]))], after.Weights[rank]);
                }

                AssertNear([.. centre.Select((c, n) => c + Alpha * (x[0][n] - c + (x[1][n] - c)))], after.Centre);
                Assert.True(Largest(after.Centre.Zip(centre, (a, b) => a - b)) > 1e-6, "the centre did not move");
            }

            before = after;
        }
    }

    private string[] Fit(string run, int batch, params string[] options) =>
    [
        "fit", "--data", data.Path, "--out", folder.File(run), "--epochs", "1", "--steps-per-epoch", "1", "--batch-size", $"{batch}", "--width", "4", "--recency", "0", "--device", "cpu", "--threads", "1",
        "--precision", "float64", "--loss", "cross-entropy", "--optimiser", "sgd", "--weight-decay", "0", "--learning-rate", "0.01", "--learning-rate-warm-up", "0", .. options,
    ];

    private void GoOn(string run, int epochs) => Assert.Equal(0, Mpirun.Run(Mpirun.Parallel(2, "fit", "--out", folder.File(run), "--resume", "--epochs", $"{epochs}")).ExitCode);

    private void CopyWithoutExchange(string copy)
    {
        Directory.CreateDirectory(folder.File(copy));
        foreach (var file in Directory.GetFiles(folder.File("run")))
        {
            File.Copy(file, Path.Combine(folder.File(copy), Path.GetFileName(file)));
        }

        var options = folder.File($"{copy}/options.json");
        var json = JsonNode.Parse(File.ReadAllText(options))!;
        Assert.Equal(Period, (int?)json["elasticPeriod"]);
        json["elasticPeriod"] = int.Parse(Never, System.Globalization.CultureInfo.InvariantCulture);
        File.WriteAllText(options, json.ToJsonString());
    }

    private static void AssertNear(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.InRange(Largest(expected.Zip(actual, (a, b) => a - b)), 0, 1e-12);
    }

    private static double Largest(IEnumerable<double> values) => values.Max(Math.Abs);

    /// <summary>What the last checkpoint of a run holds, every parameter after the other.</summary>
    /// <param name="Centre">The network that is kept.</param>
    /// <param name="Weights">Of each process; none without elastic averaging.</param>
    private sealed record State(double[] Centre, double[][] Weights)
    {
        public static State Read(string run)
        {
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            using var checkpoint = Checkpoint.Load(Path.Combine(run, "last.safetensors"));
            using var network = checkpoint.BuildNetwork(ScalarType.Float64);
            return new(
                [.. network.parameters().SelectMany(p => p.detach().contiguous().data<double>().ToArray())],
                [.. Enumerable.Range(0, 2).Where(r => checkpoint.Tensors.ContainsKey($"elastic/{r}/weights")).Select(r => checkpoint.Tensors[$"elastic/{r}/weights"].data<double>().ToArray())]);
        }
    }
}
