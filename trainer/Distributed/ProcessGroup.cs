using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Credence.Trainer.Distributed;

/// <summary>How a command runs on a group, and what a group can do beside adding and sending.</summary>
internal static class ProcessGroup
{
    /// <summary>Runs the part of a command that all processes share. A failure that one process alone knows of ends all of them.</summary>
    /// <param name="body">Gets the group; its result is the exit code.</param>
    /// <exception cref="ProcessGroupException">There are several processes, and they cannot be joined.</exception>
    public static int Run(Func<IProcessGroup, int> body)
    {
        using var group = Join();
        try
        {
            return body(group);
        }
        catch (AgreedFailureException e)
        {
            if (group.Rank == 0)
            {
                Console.Error.WriteLine(e.Message);
            }

            return e.ExitCode;
        }
        catch (Exception e) when (group.Size > 1)
        {
            var (code, text) = CommandLine.Describe(e);
            Console.Error.WriteLine($"{group.Name()}: {text}");
            MpiProcessGroup.Abort(code); // does not return: the others may wait for this process
            throw;
        }
    }

    /// <summary>This process in words.</summary>
    public static string Name(this IProcessGroup group) => $"process {group.Rank} of {group.Size} on {Environment.MachineName}";

    /// <summary>Does what every process does for itself and may fail at, such as reading files; where one fails, all do.</summary>
    /// <typeparam name="T">Of the result.</typeparam>
    /// <param name="group">The processes.</param>
    /// <param name="work">Makes no call of the group.</param>
    /// <exception cref="AgreedFailureException">It failed on a process, of several.</exception>
    public static T Together<T>(this IProcessGroup group, Func<T> work)
    {
        if (group.Size == 1)
        {
            return work();
        }

        var (code, text, isInterruption, result) = (0, "", false, default(T));
        try
        {
            result = work();
        }
        catch (Exception e)
        {
            ((code, text), isInterruption) = (CommandLine.Describe(e), e is OperationCanceledException);
        }

        var failures = group.Gather(code == 0 ? "" : $"{code}\n{isInterruption}\n{group.Name()}\n{text}").Where(f => f.Length > 0).Select(f => f.Split('\n', 4)).ToList();
        if (failures.Count == 0)
        {
            return result!;
        }

        var isOfAll = failures.Count == group.Size && failures.All(f => f[3] == failures[0][3]);
        throw new AgreedFailureException(
            int.Parse(failures[0][0], CultureInfo.InvariantCulture), isOfAll ? failures[0][3] : string.Join('\n', failures.Select(f => $"{f[2]}: {f[3]}")),
            failures.All(f => f[1] == true.ToString()));
    }

    /// <summary>What to throw where every process finds the same failure by itself.</summary>
    public static Exception Agreed(this IProcessGroup group, Exception failure)
    {
        if (group.Size == 1)
        {
            return failure;
        }

        var (code, text) = CommandLine.Describe(failure);
        return new AgreedFailureException(code, text, failure is OperationCanceledException);
    }

    /// <summary>Replaces a tensor by its sum over the processes; one on a device takes the way through the host.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="values">Contiguous, float32 or float64, without a gradient.</param>
    public static void Sum(this IProcessGroup group, Tensor values)
    {
        if (group.Size == 1)
        {
            return;
        }

        using var host = values.cpu(); // the tensor itself where it is there
        if (host.dtype == ScalarType.Float64)
        {
            group.Sum(MemoryMarshal.Cast<byte, double>(host.bytes));
        }
        else
        {
            group.Sum(MemoryMarshal.Cast<byte, float>(host.bytes));
        }

        if (values.device_type != DeviceType.CPU)
        {
            values.copy_(host);
        }
    }

    /// <summary>Gives every process a tensor of process 0; one on a device takes the way through the host.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="values">Contiguous; of the same shape on all.</param>
    public static void Broadcast(this IProcessGroup group, Tensor values)
    {
        if (group.Size == 1)
        {
            return;
        }

        using var host = values.detach().cpu(); // the tensor itself where it is there
        group.Broadcast(host.bytes, root: 0);
        if (values.device_type != DeviceType.CPU)
        {
            values.copy_(host);
        }
    }

    /// <summary>Refuses processes that differ in what must be the same for all.</summary>
    /// <param name="group">The processes.</param>
    /// <param name="fields">By name: what each process has.</param>
    /// <exception cref="ProcessGroupException">A process has another value than process 0; all processes get the error, which names the first field and both values.</exception>
    public static void RequireSame(this IProcessGroup group, IReadOnlyDictionary<string, string> fields)
    {
        if (group.Size == 1)
        {
            return;
        }

        var names = group.Gather(group.Name());
        var values = group.Gather(JsonSerializer.Serialize(fields)).Select(text => JsonSerializer.Deserialize<Dictionary<string, string>>(text)!).ToList();
        foreach (var (name, other) in names.Zip(values).Skip(1))
        {
            foreach (var field in values[0].Keys.Union(other.Keys).Where(k => values[0].GetValueOrDefault(k) != other.GetValueOrDefault(k)))
            {
                string Of(Dictionary<string, string> process) => process.TryGetValue(field, out var value) ? value : "none";
                throw group.Agreed(new ProcessGroupException($"{name} has {field} {Of(other)}", $"{Of(values[0])}, as {names[0]} has",
                    "Start every process from the same program, with the same options, on the same data."));
            }
        }
    }

    /// <summary>The group that the launcher has made, or one process.</summary>
    private static IProcessGroup Join()
    {
        var launched = Number("OMPI_COMM_WORLD_SIZE") ?? Number("PMI_SIZE") ?? (Number("PMIX_RANK") is null ? null : Number("SLURM_STEP_NUM_TASKS"));
        if (launched is null && Number("SLURM_STEP_NUM_TASKS") is > 1 and var tasks)
        {
            throw new ProcessGroupException($"{tasks} tasks that srun started without MPI", "tasks that know each other", "Give `srun --mpi=pmix`, or start one task.");
        }

        if (launched is not null)
        {
            // mpirun gives process 0 a terminal of its own; the sequences that set it up would stand before the result.
            Environment.SetEnvironmentVariable("TERM", "dumb");
        }

        return launched is > 1 ? new MpiProcessGroup(launched.Value, Number("OMPI_COMM_WORLD_LOCAL_RANK") ?? Number("SLURM_LOCALID") ?? 0) : SingleProcess.Instance;

        static int? Number(string variable) =>
            int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
    }
}
