using System.CommandLine;
using Credence;
using Credence.Demo;
using Credence.Models;
using Credence.Trainer;

var output = new Option<DirectoryInfo>("--output", "-o") { Description = "Folder for everything that is made.", DefaultValueFactory = _ => new(Path.Combine("out", "demo")) };
var posterior = new Option<Posterior>("--posterior", "-p") { Description = "MeanField, ChannelDropout or Plain.", DefaultValueFactory = _ => Posterior.MeanField };
var model = new Option<string?>("--model") { Description = "zoo, for the trained model in models/zoo/phantom-lesions, or a model file for phantoms: predicts at once and trains nothing." };
var minutes = new Option<double?>("--minutes") { Description = "Minutes of training." };
var seed = new Option<ulong>("--seed") { Description = "Same seed, same phantoms.", DefaultValueFactory = _ => 1ul };
var root = new RootCommand("The whole pipeline on generated phantoms: scans, training, model file, prediction, figure.") { output, model, posterior, minutes, seed };
root.SetAction((parse, cancellation) => Task.Run(() =>
{
    if (parse.GetValue(model) is not null && (parse.GetResult(minutes) is { Implicit: false } || parse.GetResult(posterior) is { Implicit: false }))
    {
        Console.Error.WriteLine("error: --minutes and --posterior are for a model that is trained; --model gives one that was.");
        return CommandLine.Usage;
    }

    var options = new DemoOptions { Output = parse.GetRequiredValue(output).FullName, Model = ModelFileOf(parse.GetValue(model)), Posterior = parse.GetValue(posterior), Seed = parse.GetValue(seed) };
    using var observer = ConsoleObserver.Create(isJson: false);
    var dice = Demonstration.Run(options with { Minutes = parse.GetValue(minutes) ?? options.Minutes }, observer, Console.Out, cancellation);
    return dice >= Demonstration.Target ? CommandLine.Done : CommandLine.Unexpected;
}, cancellation));
return await CommandLine.RunAsync(root, args);

static string? ModelFileOf(string? name) => name == "zoo" ? Path.Combine(AppContext.BaseDirectory, "zoo", "phantom-lesions.onnx") : name;
