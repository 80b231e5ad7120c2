using System.CommandLine;
using Credence;
using Credence.Models;
using Credence.Trainer;

TorchRuntime.Load(); // before any thread that will train has taken memory of its own

return await CommandLine.RunAsync(
    new RootCommand("Train Bayesian and plain lesion segmentation networks from folders of scans.")
    {
        PlanCommand.Create(),
        FitCommand.Create(),
        CrossValidateCommand.Create(),
        MergeCommand.Create(),
        EvaluateCommand.Create(),
        ReportCommand.Create(),
        CompareCommand.Create(),
        ElboCommand.Create(),
        TuneCommand.Create(),
        PhantomCommand.Create(),
    },
    args);
