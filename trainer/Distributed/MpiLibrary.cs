using System.Runtime.InteropServices;

namespace Credence.Trainer.Distributed;

/// <summary>The functions of Open MPI that training needs.</summary>
/// <remarks>
/// In Open MPI a communicator, type or operation is the address of an exported symbol. The library opens plug-ins that look for its symbols in the whole process,
/// so it must be opened with RTLD_GLOBAL, which <see cref="NativeLibrary"/> cannot ask for.
/// </remarks>
internal static unsafe class MpiLibrary
{
    /// <summary>Several threads may call, one at a time.</summary>
    public const int ThreadSerialized = 2;

    /// <summary>Open MPI 2.0 and later.</summary>
    public const string Name = "libmpi.so.40";

    private const int ResolveNow = 2; // RTLD_NOW
    private const int Global = 0x100; // RTLD_GLOBAL

    /// <summary>As the send buffer: the result takes the place of the operand.</summary>
    public static readonly void* InPlace = (void*)1;

    /// <summary>MPI_COMM_WORLD; all symbols are 0 until <see cref="TryOpen"/>.</summary>
    public static nint World { get; private set; }

    /// <summary>MPI_BYTE.</summary>
    public static nint Byte { get; private set; }

    /// <summary>MPI_FLOAT.</summary>
    public static nint Float { get; private set; }

    /// <summary>MPI_DOUBLE.</summary>
    public static nint Double { get; private set; }

    /// <summary>MPI_SUM.</summary>
    public static nint Add { get; private set; }

    /// <summary>Opens the library, where it is installed.</summary>
    /// <param name="name">Of the library; every call goes to <see cref="Name"/>.</param>
    public static bool TryOpen(string name = Name)
    {
        var library = OpenLibrary(name, ResolveNow | Global);
        if (library == 0)
        {
            return false;
        }

        World = NativeLibrary.GetExport(library, "ompi_mpi_comm_world");
        Byte = NativeLibrary.GetExport(library, "ompi_mpi_byte");
        Float = NativeLibrary.GetExport(library, "ompi_mpi_float");
        Double = NativeLibrary.GetExport(library, "ompi_mpi_double");
        Add = NativeLibrary.GetExport(library, "ompi_mpi_op_sum");
        return true;
    }

    [DllImport(Name, EntryPoint = "MPI_Init_thread")]
    public static extern int Initialise(nint argumentCount, nint arguments, int required, out int provided);

    [DllImport(Name, EntryPoint = "MPI_Comm_rank")]
    public static extern int GetRank(nint communicator, out int rank);

    [DllImport(Name, EntryPoint = "MPI_Comm_size")]
    public static extern int GetSize(nint communicator, out int size);

    [DllImport(Name, EntryPoint = "MPI_Allreduce")]
    public static extern int AllReduce(void* send, void* receive, int count, nint type, nint operation, nint communicator);

    [DllImport(Name, EntryPoint = "MPI_Bcast")]
    public static extern int Broadcast(void* buffer, int count, nint type, int root, nint communicator);

    [DllImport(Name, EntryPoint = "MPI_Abort")]
    public static extern int Abort(nint communicator, int exitCode);

    [DllImport(Name, EntryPoint = "MPI_Finalize")]
    public static extern int Finish();

    [DllImport("libdl.so.2", EntryPoint = "dlopen")] // a name that old and new glibc have
    private static extern nint OpenLibrary([MarshalAs(UnmanagedType.LPUTF8Str)] string name, int flags);
}
