using System.CommandLine;
using System.Globalization;
using Credence.Inference;

namespace Credence.InferenceCli;

internal static class SelfTestCommand
{
    public static Command Create()
    {
        var model = new Argument<FileInfo>("model") { Description = "Model file written by credence-export." }.WithoutUnknownOptions();
        var provider = new Option<ExecutionProvider>("--provider") { Description = "What to test: cpu, cuda, tensorrt, directml, openvino; cpu by default." };

        var command = new Command("self-test", "Compare what a model computes on this machine with the golden numbers in its file.") { model, provider };
        command.SetAction(parse =>
        {
            using var segmenter = LesionSegmenter.Load(parse.GetRequiredValue(model).FullName, provider: parse.GetValue(provider));
            if (segmenter.Warning is { } warning)
            {
                Console.Error.WriteLine($"warning: {warning}");
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{segmenter.ModelName} on {segmenter.Provider}: largest difference {segmenter.SelfTest():G3} of the largest golden number -> passed"));
            return segmenter.Provider == parse.GetValue(provider) ? CommandLine.Done : CommandLine.BadModel;
        });
        return command;
    }
}
