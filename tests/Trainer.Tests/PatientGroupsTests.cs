using System.Text.Json.Nodes;
using Credence.Trainer.Datasets;

namespace Credence.Trainer.Tests;

public sealed class PatientGroupsTests
{
    private static readonly string[] Cases = ["sub-1_a", "sub-1_b", "sub-2_a"];

    [Fact]
    public void The_patient_comes_from_a_map_a_file_a_pattern_or_is_the_case()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("patients.txt"), "# case patient\nsub-1_a A\nsub-1_b,A  # a second visit\n\nsub-2_a\tB\n");

        Assert.Equal(["A", "A", "B"], Patients("""{"patients": {"sub-1_a": "A", "sub-1_b": "A", "sub-2_a": "B"}}"""));
        Assert.Equal(["A", "A", "B"], Patients("""{"patients": "patients.txt"}""", folder));
        Assert.Equal(["sub-1", "sub-1", "sub-2"], Patients("""{"patientPattern": "^(sub-[0-9]+)_"}"""));
        Assert.Equal(Cases, Patients("{}"));
    }

    [Theory]
    [InlineData("""{"patients": {"sub-1_a": "A", "sub-1_b": "A"}}""", "dataset.json: no patient for case sub-2_a; expected a patient for every case.")]
    [InlineData("""{"patientPattern": "^(sub-1)_"}""", "dataset.json: case sub-2_a, in which patientPattern \"^(sub-1)_\" finds no patient; expected a match in the name of every case.")]
    [InlineData("""{"patientPattern": "^sub-1_"}""", "dataset.json: patientPattern \"^sub-1_\" with 0 groups; expected exactly one group, the patient.")]
    [InlineData("""{"patientPattern": "("}""", "dataset.json: patientPattern \"(\" (")]
    [InlineData("""{"patientPattern": "(.)", "patients": {}}""", "dataset.json: both \"patients\" and \"patientPattern\"; expected one rule.")]
    [InlineData("""{"patients": "absent.txt"}""", "absent.txt: no such file; expected a line with case and patient for every case.")]
    public void A_rule_that_leaves_a_patient_open_is_refused(string json, string message) =>
        Assert.StartsWith(message, Assert.Throws<DatasetException>(() => Patients(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_line_without_a_patient_is_refused_with_its_number()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("patients.txt"), "sub-1_a A\nsub-1_b\n");

        Assert.Contains("patients.txt: line 2: \"sub-1_b\"; expected a case and its patient, every case once.",
            Assert.Throws<DatasetException>(() => Patients("""{"patients": "patients.txt"}""", folder)).Message, StringComparison.Ordinal);
    }

    private static List<string> Patients(string json, TemporaryFolder? folder = null)
    {
        var groups = PatientGroups.Read(JsonNode.Parse(json)!.AsObject(), folder?.File("dataset.json") ?? "dataset.json", Cases);
        return [.. Cases.Select(c => groups[c])];
    }
}
