using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Credence.Models;

/// <summary>Loads libtorch and TorchSharp's native library, also on systems with an older libstdc++ than TorchSharp was built with.</summary>
/// <remarks>
/// The <c>libLibTorchSharp.so</c> of TorchSharp 0.107.0 requires the symbol version GLIBCXX_3.4.32, for one marker that is never
/// called (<c>_ZSt21ios_base_library_initv</c>). Debian 12 and Ubuntu 22.04 end at 3.4.30 and refuse the file. Where that is so, a copy of
/// the library is made in which that one version requirement is marked weak, and the copy is loaded. The package itself is never touched.
/// See docs/decisions/0002-torchsharp-on-debian-12.md.
/// <para>
/// The libraries are those of the NuGet packages, unless the environment variable <see cref="LibtorchVariable"/> names another libtorch, such as
/// <c>torch/lib</c> of a Python installation with CUDA; see docs/how-to/train-on-a-gpu.md.
/// </para>
/// </remarks>
public static class TorchRuntime
{
    /// <summary>Environment variable: folders of a libtorch to use instead of the package's, separated as in PATH.</summary>
    public const string LibtorchVariable = "CREDENCE_LIBTORCH";

    private const string CpuFile = "libtorch_cpu.so";
    private const string BridgeFile = "libLibTorchSharp.so";
    private const string MissingVersion = "GLIBCXX_3.4.32";

    private static readonly Lock Gate = new();
    private static bool isLoaded;

    /// <summary>Handle of libtorch_cpu; 0 where the system finds the libraries by itself.</summary>
    internal static nint CpuLibrary { get; private set; }

    /// <summary>Loads the native libraries, and makes float32 mean float32 on CUDA devices too (<see cref="ComputePrecision"/>). Runs by itself before the first use of this assembly; calling it again does nothing.</summary>
    /// <exception cref="DllNotFoundException">The native libraries are not beside the program nor in the package folder.</exception>
    public static void Load()
    {
        lock (Gate)
        {
            if (isLoaded || !OperatingSystem.IsLinux())
            {
                return;
            }

            HostMemory.KeepFreed();

            var own = Folders(Environment.GetEnvironmentVariable(LibtorchVariable));
            if (own.Length > 0 && !own.Any(d => File.Exists(Path.Combine(d, CpuFile))))
            {
                throw new DllNotFoundException($"{LibtorchVariable}: no {CpuFile} in {string.Join(", ", own)}; expected the lib folder of libtorch or of a Python installation's torch. Correct the variable, or remove it to use the package's.");
            }

            // A library that is already in the process is found by its soname, so TorchSharp's own loader finds these.
            CpuLibrary = NativeLibrary.Load(Require(CpuFile));
            NativeLibrary.Load(Require("libtorch.so"));
            if (Find("libtorch_cuda.so") is { } cuda)
            {
                NativeLibrary.Load(cuda);
            }

            var bridge = Require(BridgeFile);
            if (!NativeLibrary.TryLoad(bridge, out _))
            {
                NativeLibrary.Load(CopyWithWeakVersion(bridge));
            }

            // libtorch lets the convolutions of a GPU round to TF32 unless it is told otherwise. PrecisionScope alone switches it on, for a while.
            backends.cudnn.allow_tf32 = false;
            isLoaded = true;
        }
    }

    /// <summary>Marks one required symbol version of an ELF file as weak, so that the dynamic loader accepts a system without it.</summary>
    /// <param name="elf">A 64-bit little-endian ELF shared object; changed in place.</param>
    /// <param name="version">Name of the version, such as <c>GLIBCXX_3.4.32</c>.</param>
    /// <returns>The number of entries changed: 0 where the file does not require that version.</returns>
    /// <remarks>Source: Linux Standard Base Core 5.0, section 10.7.3 (Elfxx_Verneed, Elfxx_Vernaux; VER_FLG_WEAK = 2).</remarks>
    /// <exception cref="BadImageFormatException">The bytes are not such a file.</exception>
    public static int WeakenVersion(Span<byte> elf, string version)
    {
        const int VersionNeededSection = 0x6ffffffe; // SHT_GNU_verneed
        const ushort Weak = 0x2;

        if (elf.Length < 64 || !elf[..6].SequenceEqual("\u007fELF\u0002\u0001"u8))
        {
            throw new BadImageFormatException("Not a 64-bit little-endian ELF file.");
        }

        try
        {
            var sections = checked((int)BinaryPrimitives.ReadInt64LittleEndian(elf[40..]));
            int entrySize = BinaryPrimitives.ReadUInt16LittleEndian(elf[58..]);
            int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[60..]);
            var changed = 0;
            for (var index = 0; index < count; index++)
            {
                var section = elf.Slice(sections + index * entrySize, entrySize);
                if (BinaryPrimitives.ReadInt32LittleEndian(section[4..]) != VersionNeededSection)
                {
                    continue;
                }

                var stringSection = elf.Slice(sections + BinaryPrimitives.ReadInt32LittleEndian(section[40..]) * entrySize, entrySize);
                var strings = checked((int)BinaryPrimitives.ReadInt64LittleEndian(stringSection[24..]));
                var file = checked((int)BinaryPrimitives.ReadInt64LittleEndian(section[24..]));
                for (var files = BinaryPrimitives.ReadInt32LittleEndian(section[44..]); files > 0; files--)
                {
                    var auxiliary = file + BinaryPrimitives.ReadInt32LittleEndian(elf[(file + 8)..]);
                    for (int entries = BinaryPrimitives.ReadUInt16LittleEndian(elf[(file + 2)..]); entries > 0; entries--)
                    {
                        var name = elf[(strings + BinaryPrimitives.ReadInt32LittleEndian(elf[(auxiliary + 8)..]))..];
                        if (System.Text.Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]) == version)
                        {
                            var flags = BinaryPrimitives.ReadUInt16LittleEndian(elf[(auxiliary + 4)..]);
                            BinaryPrimitives.WriteUInt16LittleEndian(elf[(auxiliary + 4)..], (ushort)(flags | Weak));
                            changed++;
                        }

                        auxiliary += BinaryPrimitives.ReadInt32LittleEndian(elf[(auxiliary + 12)..]);
                    }

                    file += BinaryPrimitives.ReadInt32LittleEndian(elf[(file + 12)..]);
                }
            }

            return changed;
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or OverflowException)
        {
            throw new BadImageFormatException("The ELF file is damaged: a table points outside it.", e);
        }
    }

#pragma warning disable CA2255 // A library's module initialiser: the one hook that runs before any TorchSharp call made through this assembly.
    [ModuleInitializer]
    internal static void LoadBeforeFirstUse() => Load();
#pragma warning restore CA2255

    private static string Require(string file) => Find(file) ?? throw new DllNotFoundException(
        $"{file}: not found in {string.Join(", ", SearchDirectories())}; expected beside the program or in the NuGet package folder. "
        + "Run `dotnet restore Pipeline.sln`, or publish the program with `dotnet publish -r linux-x64`.");

    private static string? Find(string file) => SearchDirectories().Select(d => Path.Combine(d, file)).FirstOrDefault(File.Exists);

    private static IEnumerable<string> SearchDirectories() =>
        Folders(Environment.GetEnvironmentVariable(LibtorchVariable))
            .Concat(Folders(AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string))
            .Append(AppContext.BaseDirectory)
            .Append(Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native"))
            .Distinct();

    private static string[] Folders(string? list) => (list ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The patched copy lives in the user's own data folder, named by the hash of its content, so that all processes share one.</summary>
    private static string CopyWithWeakVersion(string original)
    {
        var bytes = File.ReadAllBytes(original);
        if (WeakenVersion(bytes, MissingVersion) == 0)
        {
            // The version is not the reason: let the loader say what is.
            NativeLibrary.Load(original);
        }

        var hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        var data = Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create);
        var copy = Path.Combine(data.Length > 0 ? data : AppContext.BaseDirectory, "credence", hash[..16], BridgeFile);
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        if (!File.Exists(copy) || Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(copy))) != hash)
        {
            var unfinished = $"{copy}.{Environment.ProcessId}";
            File.WriteAllBytes(unfinished, bytes);
            File.Move(unfinished, copy, overwrite: true);
        }

        return copy;
    }
}
