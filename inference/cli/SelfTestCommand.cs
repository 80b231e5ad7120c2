using System.CommandLine;
using System.Globalization;
using Credence.Inference;

namespace Credence.InferenceCli;

internal static class SelfTestCommand
{
    public static Command Create()
    {
        var model = new Argument<FileInfo>("model") { Description = "Model file written by credence-export." }.WithoutUnknownOptions();
        var device = PredictionArguments.Device("What to test");
        var trust = PredictionArguments.TrustOption();
        var command = new Command("self-test", "Compare what a model computes on this machine with the golden numbers in its file.") { model, device, trust };
        command.SetAction((parse, cancellation) => Task.Run(() =>
        {
            using var segmenter = LesionSegmenter.Load(parse.GetRequiredValue(model).FullName, device: parse.GetRequiredValue(device), trust: PredictionArguments.ReadKeys(parse.GetValue(trust)));
            if (segmenter.Warning is { } warning)
            {
                Console.Error.WriteLine($"warning: {warning}");
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{segmenter.ModelName} on {segmenter.Device}: largest difference {segmenter.SelfTest(cancellation):G3} of the largest golden number -> passed"));
            return segmenter.Device.Provider == parse.GetRequiredValue(device).Provider ? CommandLine.Done : CommandLine.BadModel;
        }, cancellation));
        return command;
    }
}
