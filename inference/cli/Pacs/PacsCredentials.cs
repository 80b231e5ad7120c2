using System.Net.Http.Headers;
using System.Text;

namespace Credence.InferenceCli.Pacs;

/// <summary>Credentials, from files or the environment: what stands on a command line can be read by everybody on the machine.</summary>
internal static class PacsCredentials
{
    public const string TokenVariable = "CREDENCE_PACS_TOKEN", BasicVariable = "CREDENCE_PACS_BASIC";

    /// <summary>The header that goes with every request; null where there are no credentials.</summary>
    /// <param name="tokenFile">File with a bearer token.</param>
    /// <param name="basicFile">File with user:password.</param>
    /// <param name="variable">Value of an environment variable, which counts where there is no file.</param>
    /// <param name="problem">Why they cannot be used; null where they can. No credential is part of the text.</param>
    public static AuthenticationHeaderValue? Read(string? tokenFile, string? basicFile, Func<string, string?> variable, out string? problem)
    {
        problem = null;
        try
        {
            var isFile = tokenFile is not null || basicFile is not null;
            var token = tokenFile is not null ? File.ReadAllText(tokenFile).TrimEnd('\r', '\n') : isFile ? null : variable(TokenVariable);
            var basic = basicFile is not null ? File.ReadAllText(basicFile).TrimEnd('\r', '\n') : isFile ? null : variable(BasicVariable);
            problem = token is not null && basic is not null ? "both a token and a user are given; give one of them."
                : token is not null && (token.Length == 0 || token.Any(c => c is <= ' ' or > '~')) ? "the token is empty, or has a character that none has; give it alone on one line."
                : basic is not null && (basic.IndexOf(':', StringComparison.Ordinal) < 1 || basic.Any(char.IsControl)) ? "the user is not user:password on one line."
                : null;
            return problem is not null ? null
                : token is not null ? new("Bearer", token)
                : basic is not null ? new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(basic)))
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problem = e.Message;
            return null;
        }
    }
}
