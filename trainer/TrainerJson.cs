using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Credence.Inference.Model;
using Credence.Trainer.Planning;
using Credence.Trainer.Training;

namespace Credence.Trainer;

/// <summary>JSON of the trainer's files.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, UseStringEnumConverter = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(TrainingPlan))]
[JsonSerializable(typeof(TrainingFingerprint))]
[JsonSerializable(typeof(TrainingOptions))]
[JsonSerializable(typeof(FoldSplit))]
[JsonSerializable(typeof(RunProgress))]
[JsonSerializable(typeof(StepReport))]
[JsonSerializable(typeof(EpochReport))]
[JsonSerializable(typeof(TrainingResult))]
internal sealed partial class TrainerJson : JsonSerializerContext
{
    /// <summary>One object a line.</summary>
    // Created when first asked for: the generated Default may be initialised after the fields of this file.
    public static TrainerJson Lines => field ??= new(new JsonSerializerOptions(Default.Options)
    {
        WriteIndented = false,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    });
}
