namespace Credence.Trainer.Evaluation;

/// <summary>What threshold and minimum lesion size are to make large.</summary>
internal enum TuningObjective
{
    /// <summary>Dice of all foreground classes together; 1 where neither reference nor prediction has any, so that a false lesion in an empty case costs.</summary>
    Dice,

    /// <summary>
    /// F1 of lesions, 2 TP / (2 TP + FP + FN): a reference lesion that any predicted lesion overlaps is found (TP), else missed (FN); a predicted lesion that overlaps
    /// none is false (FP). 1 where there is neither.
    /// </summary>
    LesionF1,
}
