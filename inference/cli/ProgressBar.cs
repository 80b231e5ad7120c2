using Spectre.Console;

namespace Credence.InferenceCli;

/// <summary>Shows a progress bar with the time that is left on the error stream while something runs; nothing where there is no terminal.</summary>
internal static class ProgressBar
{
    public static T Run<T>(string what, Func<IProgress<double>?, T> work)
    {
        if (Console.IsErrorRedirected)
        {
            return work(null);
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress().AutoClear(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()).Start(context =>
        {
            var task = context.AddTask(what, maxValue: 1);
            return work(new TaskProgress(task));
        });
    }

    /// <summary>Unlike <see cref="Progress{T}"/> it reports on the calling thread, in order.</summary>
    private sealed class TaskProgress(ProgressTask task) : IProgress<double>
    {
        public void Report(double value) => task.Value = value;
    }
}
