using System.CommandLine;
using Credence;
using Credence.Demo;
using Credence.Models;
using Credence.Trainer;

var output = new Option<DirectoryInfo>("--output", "-o") { Description = "Folder for everything that is made.", DefaultValueFactory = _ => new(Path.Combine("out", "demo")) };
var posterior = new Option<Posterior>("--posterior", "-p") { Description = "MeanField, ChannelDropout or Plain.", DefaultValueFactory = _ => Posterior.MeanField };
var minutes = new Option<double?>("--minutes") { Description = "Minutes of training." };
var seed = new Option<ulong>("--seed") { Description = "Same seed, same phantoms.", DefaultValueFactory = _ => 1ul };
var root = new RootCommand("The whole pipeline on generated phantoms: scans, training, model file, prediction, figure.") { output, posterior, minutes, seed };
root.SetAction((parse, cancellation) => Task.Run(() =>
{
    var options = new DemoOptions { Output = parse.GetRequiredValue(output).FullName, Posterior = parse.GetValue(posterior), Seed = parse.GetValue(seed) };
    using var observer = ConsoleObserver.Create(isJson: false);
    var dice = Demonstration.Run(options with { Minutes = parse.GetValue(minutes) ?? options.Minutes }, observer, Console.Out, cancellation);
    return dice >= Demonstration.Target ? CommandLine.Done : CommandLine.Unexpected;
}, cancellation));
return await CommandLine.RunAsync(root, args);
