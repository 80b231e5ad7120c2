using System.Text.Json.Nodes;

namespace Credence.Tests;

/// <summary>An indexed Job of Kubernetes among the ready job files.</summary>
internal sealed class JobFile
{
    private readonly JsonNode job;

    /// <summary>Reads one of docs/how-to/cluster, with PyYAML.</summary>
    public JobFile(string name) => job = JsonNode.Parse(Shared.Run("python3-yaml", Shared.Python, "-c", "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))", RepositoryRoot.File($"docs/how-to/cluster/{name}")))!;

    public JsonNode Specification => job["spec"]!;

    public JsonNode Pod => Specification["template"]!["spec"]!;

    public int Completions => (int)Specification["completions"]!;

    private JsonNode Container => Pod["containers"]!.AsArray().Single()!;

    public string Program => (string)Container["command"]!.AsArray().Single()!;

    /// <summary>The command line, with a folder in the place of the volume.</summary>
    public IReadOnlyList<string> Arguments(string data)
    {
        var mount = (string)Container["volumeMounts"]![0]!["mountPath"]! + "/";
        return [.. Container["args"]!.AsArray().Select(a => (string)a!).Select(a => a.StartsWith(mount, StringComparison.Ordinal) ? Path.Combine(data, a[mount.Length..]) : a)];
    }

    /// <summary>What Kubernetes sets in a pod: the index, and the variables of the container.</summary>
    public string Environment(int index) =>
        string.Join(' ', Container["env"]!.AsArray().Select(v => $"{v!["name"]}={v["value"]}").Prepend($"JOB_COMPLETION_INDEX={index}"));

    /// <summary>What Kubernetes checks when it is given the Job, and what sharing work asks for beside.</summary>
    public void AssertSound()
    {
        Assert.Equal(("batch/v1", "Job"), ((string?)job["apiVersion"], (string?)job["kind"]));
        Assert.Equal(("Indexed", "Never", "Failed"), ((string?)Specification["completionMode"], (string?)Pod["restartPolicy"], (string?)Specification["podReplacementPolicy"])); // backoffLimitPerIndex needs Never
        Assert.InRange((int)Specification["parallelism"]!, 1, Completions);
        Assert.InRange((int)Specification["maxFailedIndexes"]!, 0, Completions);
        Assert.True((int)Specification["backoffLimitPerIndex"]! > 0);
        Assert.InRange((int)Pod["terminationGracePeriodSeconds"]!, 30, 600);
        Assert.Equal(Completions, int.Parse((string)Container["env"]!.AsArray().Single(v => (string?)v!["name"] == "CREDENCE_SHARDS")!["value"]!, System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal((string?)Container["volumeMounts"]![0]!["name"], (string?)Pod["volumes"]![0]!["name"]);
        Assert.Equal([2, 4, 5], Specification["podFailurePolicy"]!["rules"]![0]!["onExitCodes"]!["values"]!.AsArray().Select(c => (int)c!));
        Assert.Matches("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", (string)job["metadata"]!["name"]!); // RFC 1123
    }
}
