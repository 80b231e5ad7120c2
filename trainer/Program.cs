using System.CommandLine;
using Credence;
using Credence.Trainer;

return await CommandLine.RunAsync(
    new RootCommand("Train Bayesian and plain lesion segmentation networks from folders of scans.")
    {
        PlanCommand.Create(),
        FitCommand.Create(),
        CrossValidateCommand.Create(),
        EvaluateCommand.Create(),
        CompareCommand.Create(),
        TuneCommand.Create(),
        PhantomCommand.Create(),
    },
    args);
