using System.Globalization;
using System.Text.Json;
using Credence.Models;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;
using Spectre.Console;

namespace Credence.Trainer;

/// <summary>Reports a run to a person: a progress bar on a terminal, plain lines elsewhere. Everything but the result goes to the error stream.</summary>
internal sealed class ConsoleObserver : ITrainingObserver, IDisposable
{
    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    private readonly IAnsiConsole console;
    private readonly bool isJson;
    private readonly ManualResetEventSlim finished = new();
    private Task? display;
    private ProgressTask? bar;
    private string lastDice = "";

    private ConsoleObserver(IAnsiConsole console, bool isJson) => (this.console, this.isJson) = (console, isJson);

    /// <summary>Creates the observer for this process.</summary>
    /// <param name="isJson">Whether the result is printed as JSON.</param>
    public static ConsoleObserver Create(bool isJson)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(Console.Error),
            Interactive = Console.IsErrorRedirected ? InteractionSupport.No : InteractionSupport.Detect,
        });
        return new(console, isJson);
    }

    /// <inheritdoc/>
    public void Preparing(string what)
    {
        if (Bar() is { } live)
        {
            live.Description = Markup.Escape(what);
        }
    }

    /// <inheritdoc/>
    public void Started(TrainingOptions options, TrainingPlan plan, Network network, string objective, ResourceCheck resources)
    {
        var parameters = network.parameters().Sum(p => p.numel());
        Line(string.Create(Invariant, $"{options.Posterior} U-Net, {parameters:N0} parameters, patch {plan.PatchSize}, batch {plan.BatchSize}, spacing {plan.Spacing.X:G4} x {plan.Spacing.Y:G4} x {plan.Spacing.Z:G4} mm"));
        Line($"objective: {objective}");
        foreach (var line in resources.Lines)
        {
            Line(line);
        }
    }

    /// <inheritdoc/>
    public void Warned(string warning) => Line($"warning: {warning}");

    /// <inheritdoc/>
    public void Stepped(StepReport report, double progress)
    {
        if (Bar() is { } live)
        {
            live.Value = progress;
            live.Description = Markup.Escape(string.Create(Invariant, $"step {report.Step + 1}  loss {report.Loss:F4}  lr {report.LearningRate:E1}{lastDice}"));
        }
    }

    /// <inheritdoc/>
    public void Validated(EpochReport report)
    {
        lastDice = string.Create(Invariant, $"  Dice {report.ValidationDice:F4}");
        Line(string.Create(Invariant,
            $"epoch {report.Epoch + 1}  step {report.Step}  loss {report.TrainingLoss:F4}  validation Dice {report.ValidationDice:F4}{(report.IsBest ? " (best)" : "")}  foreground {report.ForegroundFraction:P2} of voxels, in {report.PatchesWithForeground:P0} of patches  {report.Seconds:F0} s"));
    }

    /// <summary>Prints the result on the output stream.</summary>
    public void Finished(TrainingResult result)
    {
        Dispose();
        Console.WriteLine(isJson
            ? JsonSerializer.Serialize(result, TrainerJson.Lines)
            : string.Create(Invariant, $"validation Dice {result.BestDice:F4} in the best epoch, after {result.Epochs} epochs, {result.Steps} steps, {result.Seconds:F0} s -> {result.BestCheckpoint}"));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        finished.Set();
        display?.Wait();
        display = null;
        bar = null;
    }

    private void Line(string text)
    {
        if (display is null)
        {
            Console.Error.WriteLine(text);
        }
        else
        {
            console.WriteLine(text);
        }
    }

    /// <summary>The progress bar, drawn by a task of its own until the run ends; null where there is no terminal.</summary>
    private ProgressTask? Bar()
    {
        if (!console.Profile.Capabilities.Interactive || finished.IsSet)
        {
            return null;
        }

        if (display is null)
        {
            using var started = new ManualResetEventSlim();
            display = Task.Run(() => console.Progress()
                .Columns(new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
                .Start(context =>
                {
                    bar = context.AddTask("starting", maxValue: 1);
                    started.Set();
                    finished.Wait();
                }));
            started.Wait();
        }

        return bar;
    }
}
