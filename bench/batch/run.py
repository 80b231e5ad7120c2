#!/usr/bin/python3
"""Peak memory and time of the batch planner against the number of cases.

    bench/batch/run.py [--cases 1000 10000 100000] [--configuration release]

Each tree holds links to one small scan under names of their own, in a hundred folders, and every hundredth case is damaged. Every other case was done before (its
result is copied from one that was predicted), so that what is measured is what grows with the number of cases: search, rules, names, hashes, list, table, manifest
and page. Measured are `batch --list`, `batch`, and `merge` of two shards; the peak is the kernel's. Prints a table and writes bench/results/batch.json. Ends with an
error where a case costs more than 3 KiB of memory, or a page grows beyond 4 MiB.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_BYTES_A_CASE = 3 * 1024
LARGEST_PAGE = 4 * 1024 * 1024
DAMAGED = 100  # every so many cases


def program(project, name, configuration):
    return ["dotnet", str(ROOT / f"artifacts/bin/{project}/{configuration}/{name}.dll")]


def run(command, expected=(0,)):
    start = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in expected:
            errors.seek(0)
            sys.exit(f"{' '.join(map(str, command))}: exit status {process.returncode}\n{errors.read().decode()[-2000:]}")
    return usage.ru_maxrss * 1024, time.monotonic() - start


def model(folder, configuration):
    """A tiny trained network, and a scan."""
    train = program("Trainer", "credence-train", configuration)
    run([*train, "phantom", "--out", folder / "data", "--cases", 3, "--size", 16, 16, 16])
    run([*train, "fit", "--data", folder / "data", "--out", folder / "run", "--folds", 3, "--epochs", 1, "--steps-per-epoch", 1, "--width", 2, "--recency", 0, "--device", "cpu"])
    run([*program("Exporter", "credence-export", configuration), "export", folder / "run", "--output", folder / "model.onnx"])
    return folder / "model.onnx", folder / "data/imagesTr/phantom_000_0000.nii.gz"


def tree(folder, count, scan, damaged):
    names = []
    for n in range(count):
        place = folder / f"site{n % 100:02}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"patient{n:06}.nii.gz").symlink_to(damaged if n % DAMAGED == 0 else scan)
        if n % DAMAGED:
            names.append(f"site{n % 100:02}_patient{n:06}")
    return names


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, nargs="+", default=[1000, 10000, 100000])
    parser.add_argument("--configuration", default="release")
    options = parser.parse_args()
    infer = program("InferenceCli", "credence-infer", options.configuration)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        onnx, scan = model(work, options.configuration)
        damaged = work / "damaged.nii.gz"
        damaged.write_bytes(scan.read_bytes()[:200])
        settings = ["--model", onnx, "--samples", 1, "--any-scan", "--threads", 1]
        (work / "one").mkdir()
        (work / "one/a.nii.gz").symlink_to(scan)
        run([*infer, "batch", work / "one", "--output", work / "one-result", *settings])
        record = json.loads((work / "one-result/a/case.json").read_text())
        for count in options.cases:
            folder, output = work / f"{count}", work / f"{count}-results"
            for name in tree(folder, count, scan, damaged):
                (output / name).mkdir(parents=True)
                (output / name / "case.json").write_text(json.dumps(record | {"case": name}) + "\n")
            row = {"cases": count}
            command = [*infer, "batch", folder, "--output", output, *settings]
            for what, arguments, expected in (
                ("list", [*command, "--list"], (0,)),
                ("batch", command, (5,)),
                ("shard", [*command, "--shard", "1/2"], (0, 5)),
                ("other shard", [*command, "--shard", "2/2"], (0, 5)),
                ("merge", [*infer, "merge", output], (5,)),
            ):
                peak, seconds = run(arguments, expected)
                row[what] = {"peakMiB": round(peak / 2**20, 1), "seconds": round(seconds, 1)}
            manifest = json.loads((output / "batch.json").read_text())
            assert (manifest["total"], manifest["unchanged"], manifest["failed"]) == (count, count - -(-count // DAMAGED), -(-count // DAMAGED)), manifest
            assert sum(1 for _ in open(output / "cases.jsonl")) == count and sum(1 for _ in open(output / "cases.csv")) == count + 1
            row["files"] = {name: (output / name).stat().st_size for name in ("index.html", "cases.jsonl", "cases.csv", "batch.json")}
            rows.append(row)
            print(f"{count:>7} cases: " + ", ".join(f"{k} {v['peakMiB']:.0f} MiB {v['seconds']:.1f} s" for k, v in row.items() if isinstance(v, dict) and "peakMiB" in v)
                  + f"; page {row['files']['index.html'] / 2**20:.2f} MiB", flush=True)
            shutil.rmtree(output)
    bytes_a_case = {what: round((rows[-1][what]["peakMiB"] - rows[0][what]["peakMiB"]) * 2**20 / max(1, rows[-1]["cases"] - rows[0]["cases"])) for what in ("list", "batch", "merge")}
    print("bytes a case: " + ", ".join(f"{k} {v}" for k, v in bytes_a_case.items()))
    (ROOT / "bench/results/batch.json").write_text(json.dumps({"rows": rows, "bytesACase": bytes_a_case, "configuration": options.configuration, "cores": os.cpu_count()}, indent=1) + "\n")
    if max(bytes_a_case.values()) > MOST_BYTES_A_CASE or max(r["files"]["index.html"] for r in rows) > LARGEST_PAGE:
        sys.exit(f"a case costs more than {MOST_BYTES_A_CASE} bytes, or the page is larger than {LARGEST_PAGE}")


main()
