#!/usr/bin/python3
"""Compare the memory that credence-train expects with the peak that the kernel counts, over networks, posteriors and patches.

    bench/training/memory.py [--steps 6] [--threads 2] [--only NAME ...]   # the other rows of the results stay

Trains each network for a few steps on phantoms and validates it. Prints a table and writes bench/results/training-memory.json. Ends with an error where an
estimate is more than 20 % off, or 100 MiB of a small run.
"""
import argparse, json, os, pathlib, re, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRAINER = ["dotnet", str(ROOT / "artifacts/bin/Trainer/release/credence-train.dll")]
ROWS = {  # name: (patch along i, j, k; options of fit)
    "width 2": ((64, 64, 32), ["--width", 2]),
    "width 8": ((64, 64, 32), ["--width", 8]),
    "width 16": ((64, 64, 32), []),
    "width 32": ((64, 64, 32), ["--width", 32]),
    "64 x 64 x 64": ((64, 64, 64), ["--batch-size", 2]),
    "96 x 96 x 96": ((96, 96, 96), ["--batch-size", 1]),
    "batch 4": ((64, 64, 32), ["--batch-size", 4]),
    "residual, deep supervision": ((64, 64, 64), ["--encoder", "residual", "--deep-supervision"]),
    "batch norm": ((64, 64, 64), ["--norm", "batch"]),
    "group norm": ((64, 64, 64), ["--norm", "group"]),
    "dropout": ((64, 64, 64), ["--posterior", "channel-dropout"]),
    "mean-field": ((64, 64, 64), ["--posterior", "mean-field"]),
    "mean-field, Flipout": ((64, 64, 64), ["--posterior", "mean-field", "--estimator", "flipout"]),
    "mean-field, local reparameterisation": ((64, 64, 64), ["--posterior", "mean-field", "--estimator", "local-reparameterisation"]),
    "bfloat16": ((64, 64, 64), ["--precision", "bfloat16"]),
}


def run(data, folder, plan, patch, more, options):
    folder.mkdir()
    (folder / "plan.json").write_text(json.dumps(plan | {"patchSize": dict(zip(("width", "height", "depth"), patch))}))
    command = [*TRAINER, "fit", "--data", data, "--out", folder, "--epochs", 1, "--steps-per-epoch", options.steps, "--threads", options.threads, *more]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {os.waitstatus_to_exitcode(status)}\n{error}")
    line = re.search(r"memory about (\d+) MiB: (.*)", error)
    return {"estimateMiB": int(line[1]), "parts": line[2], "peakMiB": round(usage.ru_maxrss / 1024)}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--steps", type=int, default=6)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--only", nargs="*")
    arguments.add_argument("--output", type=pathlib.Path, default=ROOT / "bench/results/training-memory.json")
    options = arguments.parse_args()
    subprocess.run(["dotnet", "build", "-c", "Release", "-v", "q", ROOT / "trainer"], check=True, stdout=subprocess.DEVNULL)
    results, wrong = {}, []
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        subprocess.run([*TRAINER, "phantom", "--out", scratch / "data", "--cases", "6", "--size", "96", "96", "96"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*TRAINER, "plan", "--data", scratch / "data", "--out", scratch / "plan"], check=True, stdout=subprocess.DEVNULL)
        plan = json.loads((scratch / "plan/plan.json").read_text())
        print(f"{'network':38} {'estimate':>9} {'peak':>6}  ratio (MiB)")
        for number, (name, (patch, more)) in enumerate(ROWS.items()):
            if options.only and name not in options.only:
                continue
            row = results[name] = run(scratch / "data", scratch / str(number), plan, patch, more, options)
            ratio = row["estimateMiB"] / row["peakMiB"]
            print(f"{name:38} {row['estimateMiB']:9} {row['peakMiB']:6}  {ratio:.2f}   {row['parts']}", flush=True)
            if abs(row["estimateMiB"] - row["peakMiB"]) > max(100, 0.2 * row["peakMiB"]):
                wrong.append(name)
    earlier = json.loads(options.output.read_text())["rows"] if options.only and options.output.exists() else {}
    options.output.write_text(json.dumps({"steps": options.steps, "threads": options.threads, "rows": {n: (earlier | results)[n] for n in ROWS if n in earlier | results}}, indent=2) + "\n")
    if wrong:
        sys.exit(f"more than 20 % and 100 MiB off: {', '.join(wrong)}")


main()
