#!/usr/bin/python3
"""What data-parallel training over Open MPI costs and gives on this machine, and a cost model for machines that are not here.

    bench/distribution/run.py [--widths 8 16 32] [--batch 4] [--steps 12] [--rounds 1] [--no-build]

Trains on phantoms that credence-train makes, with one batch for all rows: one process with one and with two threads, two processes with one thread each. Each
time is the median over the rounds, and with two rounds or more it has its standard deviation over them behind it. Efficiency is the ratio of the time of one
process to that of two; of the first, 2 is the most, and the second has the same two cores. The share of Allreduce is the time in MPI calls, waiting for the
other process included. The model: a step of p processes takes as long as one process takes for 1/p of the batch, and a ring all-reduce of n numbers of 4
bytes 2 (p - 1) (alpha + 4 n / (p beta)); alpha and beta are fitted to allreduce.py at p = 2, and the sum is compared with the steps that were measured. The
last tables put other figures into the same formula: the step of one GPU in results/gpu.json, seconds a scan in results/engine.json and hippocampus.json, and
the network that ASSUMED says. Prints tables, puts them into docs/explanation/data-parallel.md and writes bench/results/distribution.json.
"""
import argparse, builtins, json, os, pathlib, re, statistics, subprocess, sys, tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench/results"
PAGE = ROOT / "docs/explanation/data-parallel.md"
TRAINER = ["dotnet", str(ROOT / "artifacts/bin/Trainer/release/credence-train.dll")]
LAUNCHER = ["mpirun", "--allow-run-as-root", "--oversubscribe"]
WARM_UP = 3  # steps
COUNTS = [1, 1 << 10, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24]
ASSUMED = {"alphaSeconds": 5e-6, "bytesPerSecond": 12.5e9, "stagingBytesPerSecond": 20e9,
           "words": "5 microseconds a message, 100 Gbit/s between nodes, 20 GB/s between a GPU and its host, which the buffer crosses twice"}
GPU_STEP = ("ours, tf32", 128, 32, 2)  # the row of gpu.json: patch edge, width, patches a step


PRINTED = []


def print(text):
    PRINTED.append(text)
    builtins.print(text, flush=True)


def write_page():
    """The tables are separated by empty lines; the page shows the load with the training steps, then the all-reduce, the GPUs, and the studies."""
    load, allreduce, training, gpus, studies = "\n".join(PRINTED).split("\n\n")
    blocks = iter([f"{load}\n{training}", allreduce, gpus, studies])
    PAGE.write_text(re.sub(r"```text\n.*?```", lambda _: f"```text\n{next(blocks)}\n```", PAGE.read_text(), flags=re.DOTALL))


def command(arguments, environment=None):
    done = subprocess.run(list(map(str, arguments)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | (environment or {}))
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout + done.stderr


def parameters(text):
    return int(re.search(r"([\d,]+) parameters", text).group(1).replace(",", ""))


def train(data, run, processes, threads, batch, width, steps):
    subprocess.run(["rm", "-rf", run], check=True)
    said = command([*(LAUNCHER + ["-np", processes] if processes > 1 else []), *TRAINER, "fit", "--data", data, "--out", run, "--epochs", 1, "--steps-per-epoch", steps,
                    "--batch-size", batch, "--width", width, "--threads", threads, "--device", "cpu", "--recency", 0], {"OMP_NUM_THREADS": str(threads)})
    log = [line for line in map(json.loads, (run / "log.jsonl").read_text().splitlines()) if "stepSeconds" in line]
    times = [b["seconds"] - a["seconds"] for a, b in zip(log, log[1:])][WARM_UP:]
    return {"seconds": statistics.median(times), "communicationSeconds": statistics.median(s["communicationSeconds"] for s in log[WARM_UP + 1:]), "parameters": parameters(said)}


def spread(seconds, deviation):
    return f"{seconds:.3f}" + ("" if deviation is None else f" ± {deviation:.3f}")


def ring(processes, count, alpha, beta):
    return 2 * (processes - 1) * (alpha + 4 * count / (processes * beta))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--widths", type=int, nargs="+", default=[8, 16, 32])
    arguments.add_argument("--batch", type=int, default=4)
    arguments.add_argument("--steps", type=int, default=12)
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--no-build", action="store_true")
    options = arguments.parse_args()
    if not options.no_build:
        subprocess.run(["dotnet", "build", "-c", "Release", "-v", "q", ROOT / "trainer"], check=True, stdout=subprocess.DEVNULL)

    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load average {load:.1f} before the first run{': not idle, so that times say little' if load > 0.5 else ''}\n")

    # Alpha from the smallest message, beta from those of a mebibyte and more.
    lines = command([*LAUNCHER, "-np", 2, "/usr/bin/python3", ROOT / "bench/distribution/allreduce.py", 40, *COUNTS]).splitlines()
    points = [(int(c), float(s)) for c, s in (line.split() for line in lines if re.fullmatch(r"\d+ [\d.e-]+", line))]
    alpha = min(seconds for _, seconds in points) / 2
    beta = statistics.median(4 * count / (seconds - 2 * alpha) for count, seconds in points if 4 * count >= 1 << 20)
    print(f"MPI_Allreduce of 2 processes: alpha {alpha * 1e6:.1f} microseconds, beta {beta / 1e9:.2f} GB/s")
    print(f"{'numbers':>10}{'measured ms':>13}{'model ms':>10}")
    for count, seconds in points:
        print(f"{count:10,}{seconds * 1e3:13.3f}{ring(2, count, alpha, beta) * 1e3:10.3f}")

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        command([*TRAINER, "phantom", "--out", scratch / "data", "--cases", 6, "--size", 32, 32, 32])
        configurations = {"oneThread": (1, 1, options.batch), "twoThreads": (1, 2, options.batch), "half": (1, 1, options.batch // 2), "twoProcesses": (2, 1, options.batch)}
        rows = {}
        for width in options.widths:
            measured = {name: [] for name in configurations}
            for _ in range(options.rounds):
                for name, (processes, threads, batch) in configurations.items():
                    measured[name].append(train(scratch / "data", scratch / "run", processes, threads, batch, width, options.steps))
            seconds = {name: statistics.median(r["seconds"] for r in results) for name, results in measured.items()}
            deviation = {name: statistics.stdev(r["seconds"] for r in results) if len(results) > 1 else None for name, results in measured.items()}
            count = measured["half"][0]["parameters"]
            reduced = ring(2, count, alpha, beta)
            rows[width] = {"parameters": count, "seconds": seconds, "deviation": deviation, "toOneThread": seconds["oneThread"] / seconds["twoProcesses"],
                           "toTwoThreads": seconds["twoThreads"] / seconds["twoProcesses"],
                           "allreduceShare": statistics.median(r["communicationSeconds"] / r["seconds"] for r in measured["twoProcesses"]),
                           "modelAllreduceSeconds": reduced, "modelSeconds": seconds["half"] + reduced}
        command([*TRAINER, "phantom", "--out", scratch / "large", "--cases", 5, "--size", *[GPU_STEP[1]] * 3])
        command([*TRAINER, "plan", "--data", scratch / "large", "--out", scratch / "plan"])
        plan = json.loads((scratch / "plan/plan.json").read_text()) | {"patchSize": dict.fromkeys(("width", "height", "depth"), GPU_STEP[1]), "batchSize": GPU_STEP[3], "width": GPU_STEP[2]}
        (scratch / "plan/plan.json").write_text(json.dumps(plan))
        gpu_parameters = parameters(command([*TRAINER, "plan", "--data", scratch / "large", "--out", scratch / "plan", "--width", GPU_STEP[2]]))

    print(f"\nbatch {options.batch} of 32 x 32 x 32, seconds a step, {options.rounds} round(s) of {options.steps} steps")
    print(f"{'width':>5}{'parameters':>12}{'1 x 1 thread':>16}{'1 x 2 threads':>16}{'2 x 1 thread':>16}{'/ 1 thread':>12}{'/ 2 threads':>13}{'in MPI':>8}{'model s':>9}{'of it Allreduce':>17}")
    for width, row in rows.items():
        times = "".join(f"{spread(row['seconds'][name], row['deviation'][name]):>16}" for name in ("oneThread", "twoThreads", "twoProcesses"))
        print(f"{width:5}{row['parameters']:12,}{times}{row['toOneThread']:12.2f}{row['toTwoThreads']:13.2f}"
              f"{row['allreduceShare']:8.1%}{row['modelSeconds']:9.3f}{row['modelAllreduceSeconds'] / row['modelSeconds']:17.2%}")

    step = json.loads((RESULTS / "gpu.json").read_text())["runs"][0]["secondsPerStep"][GPU_STEP[0]]
    print(f"\nmodel: a GPU takes {step} s for {GPU_STEP[3]} patches of {GPU_STEP[1]}^3, width {GPU_STEP[2]}, {gpu_parameters:,} parameters; assumed {ASSUMED['words']}")
    print(f"{'GPUs':>5}{'batch':>7}{'s a step':>10}{'in Allreduce':>14}{'efficiency':>12}{'patches / s':>13}")
    scaling = {}
    for gpus in (8, 16, 32, 64, 128, 256, 512, 1024):
        reduced = ring(gpus, gpu_parameters, ASSUMED["alphaSeconds"], ASSUMED["bytesPerSecond"]) + 2 * 4 * gpu_parameters / ASSUMED["stagingBytesPerSecond"]
        total = step + reduced
        scaling[gpus] = {"batch": GPU_STEP[3] * gpus, "secondsPerStep": total, "allreduceShare": reduced / total, "efficiency": step / total, "patchesPerSecond": GPU_STEP[3] * gpus / total}
        print(f"{gpus:5}{GPU_STEP[3] * gpus:7}{total:10.3f}{reduced / total:14.1%}{step / total:12.1%}{GPU_STEP[3] * gpus / total:13.0f}")

    engine, hippocampus = (json.loads((RESULTS / f"{name}.json").read_text()) for name in ("engine", "hippocampus"))
    scans = {"hippocampus, 16 samples": (hippocampus["mean-field"]["predictSecondsMedian"], 36 * 50 * 35)} | {
        f"{edge}^3, 16 samples": (engine["scaling"][edge]["seconds"], int(edge) ** 3) for edge in ("128", "192", "256")}
    print("\nmodel: a million studies a day, from seconds a scan on two cores; 70 % of the cores busy, 2 bytes a voxel read")
    print(f"{'scan':>26}{'s a scan':>10}{'at once':>9}{'cores':>9}{'read MB/s':>11}")
    day = {}
    for name, (seconds, voxels) in scans.items():
        at_once = 1e6 * seconds / 86400
        day[name] = {"secondsPerScan": seconds, "atOnce": at_once, "cores": 2 * at_once / 0.7, "readMBPerSecond": 1e6 * 2 * voxels / 86400 / 1e6}
        print(f"{name:>26}{seconds:10.2f}{at_once:9.0f}{day[name]['cores']:9.0f}{day[name]['readMBPerSecond']:11.0f}")

    (RESULTS / "distribution.json").write_text(json.dumps({
        "cores": os.cpu_count(), "loadAverage": load, "batch": options.batch, "steps": options.steps, "rounds": options.rounds, "alphaSeconds": alpha, "betaBytesPerSecond": beta,
        "allreduce": [{"count": c, "seconds": s} for c, s in points], "rows": rows, "assumed": ASSUMED, "gpuStepSeconds": step, "gpuParameters": gpu_parameters, "gpus": scaling, "studiesADay": day}, indent=2) + "\n")
    write_page()


main()
