using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Credence.Inference.Model;

namespace Credence.Trainer.Datasets;

/// <summary>Which patient each case belongs to, so that no patient is on two sides of a split.</summary>
/// <remarks>
/// <c>dataset.json</c> says it in one of three ways: <c>"patients": {"case": "patient"}</c>, <c>"patients": "patients.txt"</c>
/// (a file beside it, one line a case: case and patient, separated by spaces, a tab or a comma; <c>#</c> begins a comment),
/// or <c>"patientPattern": "^(sub-[0-9]+)_"</c>, a regular expression whose one group is the patient. Without any, every case is a patient of its own.
/// </remarks>
internal sealed class PatientGroups
{
    /// <summary>Every case is a patient of its own.</summary>
    public static readonly PatientGroups EachCase = new("every case a patient", new Dictionary<string, string>());

    private readonly IReadOnlyDictionary<string, string> patients;

    private PatientGroups(string rule, IReadOnlyDictionary<string, string> patients) => (Rule, this.patients) = (rule, patients);

    /// <summary>How patients were found, in words.</summary>
    public string Rule { get; }

    /// <summary>The patient of a case; the case itself where nothing is known.</summary>
    public string this[string caseId] => patients.TryGetValue(caseId, out var patient) ? patient : caseId;

    /// <summary>Reads the rule of a data set and applies it to all of its cases.</summary>
    /// <param name="json">The content of <paramref name="path"/>.</param>
    /// <param name="path"><c>dataset.json</c>.</param>
    /// <param name="cases">Ids of all cases, those of the test set too.</param>
    /// <exception cref="DatasetException">The rule cannot be read, there are two, or a case has no patient.</exception>
    public static PatientGroups Read(JsonObject json, string path, IReadOnlyList<string> cases)
    {
        if (json["patients"] is not null && json["patientPattern"] is not null)
        {
            throw new DatasetException(path, "both \"patients\" and \"patientPattern\"", "one rule", "Remove one of them.");
        }

        return json["patientPattern"] is { } pattern ? ByPattern(DatasetJson.Text(pattern, path, "patientPattern"), path, cases)
            : json["patients"] is JsonObject map ? ByMap("patients of dataset.json", map.ToDictionary(p => p.Key, p => DatasetJson.Text(p.Value, path, $"patient of {p.Key}")), path, cases)
            : json["patients"] is { } file ? ByFile(Path.Combine(Path.GetDirectoryName(path) ?? "", DatasetJson.Text(file, path, "patients")), cases)
            : EachCase;
    }

    private static PatientGroups ByFile(string path, IReadOnlyList<string> cases)
    {
        if (!File.Exists(path))
        {
            throw new DatasetException(path, "no such file", "a line with case and patient for every case", "Correct \"patients\" in dataset.json.");
        }

        var map = new Dictionary<string, string>();
        foreach (var (line, number) in File.ReadLines(path).Select((l, n) => (l.Split('#')[0].Trim(), n + 1)).Where(l => l.Item1.Length > 0))
        {
            var words = line.Split([' ', '\t', ','], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length != 2 || !map.TryAdd(words[0], words[1]))
            {
                throw new DatasetException(path, $"line {number}: \"{line}\"", "a case and its patient, every case once", "Correct the line.");
            }
        }

        return ByMap($"patients of {Path.GetFileName(path)}", map, path, cases);
    }

    private static PatientGroups ByMap(string rule, Dictionary<string, string> map, string path, IReadOnlyList<string> cases) =>
        cases.FirstOrDefault(c => !map.ContainsKey(c)) is { } missing
            ? throw new DatasetException(path, $"no patient for case {missing}", "a patient for every case", "Add the case; one that is a patient of its own is given its own name.")
            : new(rule, cases.ToDictionary(c => c, c => map[c]));

    private static PatientGroups ByPattern(string pattern, string path, IReadOnlyList<string> cases)
    {
        Regex expression;
        try
        {
            expression = new(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (ArgumentException e)
        {
            throw new DatasetException(path, $"patientPattern \"{pattern}\" ({e.Message})", "a regular expression with one group", "Correct \"patientPattern\".", e);
        }

        if (expression.GetGroupNumbers().Length != 2)
        {
            throw new DatasetException(path, $"patientPattern \"{pattern}\" with {expression.GetGroupNumbers().Length - 1} groups", "exactly one group, the patient",
                "Write (?:...) for groups that are not the patient.");
        }

        string Patient(string id) => expression.Match(id) is { Success: true } match && match.Groups[1].Length > 0
            ? match.Groups[1].Value
            : throw new DatasetException(path, $"case {id}, in which patientPattern \"{pattern}\" finds no patient", "a match in the name of every case",
                "Correct \"patientPattern\", or list the cases under \"patients\".");
        return new($"patientPattern {pattern}", cases.ToDictionary(c => c, Patient));
    }
}
