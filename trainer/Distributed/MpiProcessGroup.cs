using System.Diagnostics;
using System.Text;

namespace Credence.Trainer.Distributed;

/// <summary>The processes that <c>mpirun</c> or <c>srun</c> started, joined by Open MPI. One a process. An error of MPI itself ends all of them.</summary>
internal sealed unsafe class MpiProcessGroup : IProcessGroup
{
    private const int Largest = 1 << 28; // elements a call: MPI counts in 32 bits

    private readonly Stopwatch communication = new();

    /// <summary>Joins the others.</summary>
    /// <param name="launched">How many the launcher says there are.</param>
    /// <param name="localRank">Number of this one among those of its machine, from 0.</param>
    /// <param name="library">Of Open MPI.</param>
    /// <exception cref="ProcessGroupException">Open MPI is missing, or finds another number of processes.</exception>
    public MpiProcessGroup(int launched, int localRank, string library = MpiLibrary.Name)
    {
        if (!MpiLibrary.TryOpen(library))
        {
            throw new ProcessGroupException($"{launched} processes, and no Open MPI to join them", $"a library {library} that can be opened",
                "Install Open MPI (Debian: openmpi-bin) on every machine, or start one process.");
        }

        _ = MpiLibrary.Initialise(0, 0, MpiLibrary.ThreadSerialized, out var provided);
        _ = MpiLibrary.GetRank(MpiLibrary.World, out var rank);
        _ = MpiLibrary.GetSize(MpiLibrary.World, out var size);
        (Rank, LocalRank, Size) = (rank, localRank, size);
        if (size != launched || provided < MpiLibrary.ThreadSerialized)
        {
            throw new ProcessGroupException($"{launched} processes, of which Open MPI sees {size} (thread level {provided})", $"all of them, at thread level {MpiLibrary.ThreadSerialized}",
                "Start them with the mpirun of the same Open MPI, or with `srun --mpi=pmix`.");
        }
    }

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int LocalRank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <inheritdoc/>
    public TimeSpan Communication => communication.Elapsed;

    /// <inheritdoc/>
    public void Sum(Span<float> values) => Each(values, (buffer, count) => MpiLibrary.AllReduce(MpiLibrary.InPlace, (void*)buffer, count, MpiLibrary.Float, MpiLibrary.Add, MpiLibrary.World));

    /// <inheritdoc/>
    public void Sum(Span<double> values) => Each(values, (buffer, count) => MpiLibrary.AllReduce(MpiLibrary.InPlace, (void*)buffer, count, MpiLibrary.Double, MpiLibrary.Add, MpiLibrary.World));

    /// <inheritdoc/>
    public void Broadcast(Span<byte> bytes, int root) => Each(bytes, (buffer, count) => MpiLibrary.Broadcast((void*)buffer, count, MpiLibrary.Byte, root, MpiLibrary.World));

    /// <inheritdoc/>
    public IReadOnlyList<string> Gather(string text)
    {
        var own = Encoding.UTF8.GetBytes(text);
        var lengths = new double[Size];
        lengths[Rank] = own.Length;
        Sum(lengths);
        return
        [
            .. Enumerable.Range(0, Size).Select(root =>
            {
                var bytes = root == Rank ? own : new byte[(int)lengths[root]];
                Broadcast(bytes, root);
                return Encoding.UTF8.GetString(bytes);
            }),
        ];
    }

    /// <summary>Ends all processes at once, this one too; the launcher ends with the code.</summary>
    /// <param name="exitCode">Of the program.</param>
    public static void Abort(int exitCode) => _ = MpiLibrary.Abort(MpiLibrary.World, exitCode);

    /// <summary>Leaves the group, once all processes are here.</summary>
    public void Dispose() => _ = MpiLibrary.Finish();

    private void Each<T>(Span<T> values, Func<nint, int, int> call)
        where T : unmanaged
    {
        communication.Start();
        fixed (T* first = values)
        {
            for (var done = 0; done < values.Length; done += Largest)
            {
                _ = call((nint)(first + done), Math.Min(Largest, values.Length - done));
            }
        }

        communication.Stop();
    }
}
