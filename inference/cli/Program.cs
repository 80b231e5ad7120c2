using System.CommandLine;
using Credence;
using Credence.InferenceCli;

return await CommandLine.RunAsync(
    new RootCommand("Segment scans with a Credence model, and say how sure it is.") { PredictCommand.Create(), InspectCommand.Create(), ConvertCommand.Create(), EvaluateCommand.Create() },
    args);
