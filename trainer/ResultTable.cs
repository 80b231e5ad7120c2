using Spectre.Console;

namespace Credence.Trainer;

/// <summary>Prints a table on the output stream: drawn on a terminal, aligned plain lines elsewhere.</summary>
internal static class ResultTable
{
    /// <summary>Prints.</summary>
    /// <param name="headers">One a column; the first column is text, the others are numbers.</param>
    /// <param name="rows">One cell a column.</param>
    public static void Write(IReadOnlyList<string> headers, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (!Console.IsOutputRedirected)
        {
            var table = new Table { Border = TableBorder.Simple };
            foreach (var (header, index) in headers.Select((h, n) => (h, n)))
            {
                table.AddColumn(new TableColumn(Markup.Escape(header)) { Alignment = index == 0 ? Justify.Left : Justify.Right, NoWrap = true });
            }

            foreach (var row in rows)
            {
                table.AddRow([.. row.Select(Markup.Escape)]);
            }

            AnsiConsole.Write(table);
            return;
        }

        var widths = headers.Select((h, n) => rows.Select(r => r[n].Length).Append(h.Length).Max()).ToList();
        foreach (var row in rows.Prepend(headers))
        {
            Console.WriteLine(string.Join("  ", row.Select((cell, n) => n == 0 ? cell.PadRight(widths[n]) : cell.PadLeft(widths[n]))).TrimEnd());
        }
    }
}
