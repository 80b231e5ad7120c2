using System.CommandLine;
using Credence;
using Credence.Exporter;

return await CommandLine.RunAsync(
    new RootCommand("Write trained networks as ONNX files that carry the posterior and the whole recipe.") { ExportCommand.Create(), VerifyCommand.Create(), SignCommand.Create() },
    args);
