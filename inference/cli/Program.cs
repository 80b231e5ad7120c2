using System.CommandLine;
using Credence;
using Credence.InferenceCli;
using Credence.InferenceCli.Batch;
using Credence.InferenceCli.Pacs;

return await CommandLine.RunAsync(
    new RootCommand("Segment scans with a Credence model, and say how sure it is.") { PredictCommand.Create(), BatchCommand.Create(), MergeCommand.Create(), PacsCommand.Create(), SelfTestCommand.Create(), InspectCommand.Create(), ConvertCommand.Create(), EvaluateCommand.Create() },
    args);
