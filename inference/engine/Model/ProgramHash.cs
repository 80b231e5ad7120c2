using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Credence.Inference.Model;

/// <summary>Says which code made a file: also code that was never committed, which the name of a commit would not tell.</summary>
internal static class ProgramHash
{
    /// <summary>SHA-256 over name, version and module version id of assemblies. The compiler derives the id from its input.</summary>
    /// <param name="assemblies">Those of Credence that the program consists of, in any order.</param>
    /// <returns>Lower-case hexadecimal; the same for every start of the same build.</returns>
    public static string Compute(params IEnumerable<Assembly> assemblies) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', assemblies
        .Select(a => $"{a.GetName().Name} {a.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion} {a.ManifestModule.ModuleVersionId}")
        .Order(StringComparer.Ordinal)))));
}
