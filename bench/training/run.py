#!/usr/bin/python3
"""Time training steps of credence-train and of the same network in Debian's PyTorch 1.13 (peer.py), in turn.

    bench/training/run.py [--data <Task04_Hippocampus>] [--rounds 3] [--steps 30] [--long-steps 500]
    bench/training/run.py --device cuda:0 --python python3 --workers 8 --patch 128 128 128 --width 32 --batch-size 2   # on a GPU, with the PyTorch of that Python

Without --data it trains on phantoms that credence-train makes. Both sides: the plan and training cases of the same run folder, batch, loss (Dice + cross
entropy), AdamW, gradient clipping and number of threads. A round runs every row once; the ratio is the median over rounds of the paired ratios, so that
what else runs on the machine meets both. The first steps of every process are left out. Prints a table and writes bench/results/training.json, or
--output. On a GPU, the memory is what nvidia-smi reports for the whole device: nothing else may run there.
"""
import argparse, json, os, pathlib, statistics, subprocess, sys, tempfile, threading, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench/results/training.json"
TRAINER = ["dotnet", str(ROOT / "artifacts/bin/Trainer/release/credence-train.dll")]
WARM_UP = 5  # steps: just-in-time compilation, the first touch of memory
NO_AUGMENTATION = {"rotationProbability": 0, "scaleProbability": 0, "flipAxes": "", "noiseProbability": 0, "brightnessProbability": 0, "gammaProbability": 0}


def watched(command):
    """Runs a command; returns its output, peak MB (resident, by the kernel's own count; on a GPU, of the device), and resident MB twice a second."""
    resident, peak = [], [0]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def sample():
        while process.poll() is None:
            try:
                status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines())
                resident.append(int(status["VmRSS"].split()[0]) / 1024)
                peak[0] = int(status["VmHWM"].split()[0]) / 1024 if DEVICE == "cpu" else max(peak[0], device_memory())
            except (OSError, KeyError):
                return
            time.sleep(0.5)

    thread = threading.Thread(target=sample)
    thread.start()
    output, error = process.communicate()
    thread.join()
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {process.returncode}\n{error}")
    return output, peak[0], resident


def device_memory():
    """MB in use on the first device; containers hide which process it belongs to."""
    return float(subprocess.run(["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"], capture_output=True, text=True, check=True).stdout)


def steps_of(run):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "stepSeconds" in line]


def ours(data, run, steps, threads, *, augmented=True, more=()):
    """A fresh run of one epoch. Augmentation has no switch on the command line: its options are changed in the folder of a run that is then resumed."""
    subprocess.run(["rm", "-rf", run], check=True)
    run.mkdir(parents=True)
    base = ["--steps-per-epoch", steps, "--threads", threads, "--device", DEVICE, *SHAPE, *more]
    if PLAN:
        (run / "plan.json").write_text(json.dumps(PLAN))
    if augmented:
        command = [*TRAINER, "fit", "--data", data, "--out", run, "--epochs", 1, *base]
    else:
        options = json.loads((PREPARED / "options.json").read_text()) | {"data": str(data), "run": str(run), "stepsPerEpoch": steps, "threads": threads, "device": DEVICE}
        options["augmentation"] = options["augmentation"] | NO_AUGMENTATION
        (run / "options.json").write_text(json.dumps(options))
        command = [*TRAINER, "fit", "--out", run, "--resume", "--epochs", 1]
    _, peak, resident = watched(command)
    log = steps_of(run)
    epoch = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    times = [b["seconds"] - a["seconds"] for a, b in zip(log, log[1:])][WARM_UP:]
    measured = log[WARM_UP + 1:]
    return {
        "seconds": statistics.median(times), "peakMB": peak, "resident": resident, "validationSeconds": epoch["seconds"] - log[-1]["seconds"],
        "waitShare": sum(s["waitSeconds"] for s in measured) / sum(times),
        "outsideShare": 1 - sum(s["stepSeconds"] for s in measured) / sum(times)}


def theirs(data, run, steps, threads, workers, augmented=True, precision="float32"):
    output, peak, _ = watched([PYTHON, ROOT / "bench/training/peer.py", "--data", data, "--run", run, "--steps", steps, "--threads", threads,
                               "--workers", workers, "--device", DEVICE, "--precision", precision, *([] if augmented else ["--no-augmentation"])])
    result = json.loads(output)
    times = result["seconds"][WARM_UP + 1:]
    return {"seconds": statistics.median(times), "peakMB": result["peakMB"] if DEVICE == "cpu" else peak, "waitShare": sum(result["waits"][WARM_UP + 1:]) / sum(times),
            "parameters": result["parameters"], "version": result["version"], "deviceName": result["deviceName"]}


def main():
    global PREPARED, DEVICE, PYTHON, SHAPE, PLAN
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--steps", type=int, default=30)
    arguments.add_argument("--long-steps", type=int, default=500)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--python", default="/usr/bin/python3", help="the Python whose PyTorch is the peer")
    arguments.add_argument("--workers", type=int, default=1)
    arguments.add_argument("--patch", type=int, nargs=3, help="voxels along i, j, k instead of the plan's; the phantoms are as large")
    arguments.add_argument("--width", type=int)
    arguments.add_argument("--batch-size", type=int)
    arguments.add_argument("--output", type=pathlib.Path, default=RESULTS)
    arguments.add_argument("--no-build", action="store_true")
    options = arguments.parse_args()
    DEVICE, PYTHON, PLAN = options.device, options.python, None
    SHAPE = ["--workers", options.workers, *(["--width", options.width] if options.width else []), *(["--batch-size", options.batch_size] if options.batch_size else [])]
    if not options.no_build:
        subprocess.run(["dotnet", "build", "-c", "Release", "-v", "q", ROOT / "trainer"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        data = options.data
        if data is None:
            data = scratch / "phantoms"
            size = ["--size", *map(str, options.patch)] if options.patch else []
            subprocess.run([*TRAINER, "phantom", "--out", data, "--cases", "10", *size], check=True, stdout=subprocess.DEVNULL)
        PREPARED = scratch / "prepared"
        planned, _, _ = watched([*TRAINER, "plan", "--data", data, "--out", scratch / "plan"])
        if options.patch:
            PLAN = json.loads((scratch / "plan/plan.json").read_text()) | {"patchSize": dict(zip(("width", "height", "depth"), options.patch))}
            (scratch / "plan/plan.json").write_text(json.dumps(PLAN))
            planned, _, _ = watched([*TRAINER, "plan", "--data", data, "--out", scratch / "plan"])
        ours(data, PREPARED, WARM_UP + 3, options.threads)
        plan, threads, steps = json.loads((PREPARED / "plan.json").read_text()), options.threads, options.steps

        rows = {
            "ours": lambda: ours(data, scratch / "run", steps, threads),
            "PyTorch 1.13, augmentation in 1 worker": lambda: theirs(data, PREPARED, steps, threads, 1),
            "PyTorch 1.13, augmentation in the main process": lambda: theirs(data, PREPARED, steps, threads, 0),
            "ours, no augmentation": lambda: ours(data, scratch / "run", steps, threads, augmented=False),
            "PyTorch 1.13, no augmentation": lambda: theirs(data, PREPARED, steps, threads, 1, augmented=False),
            "ours, bfloat16 convolutions": lambda: ours(data, scratch / "run", steps, threads, more=("--precision", "bfloat16")),
            "ours, mean-field": lambda: ours(data, scratch / "run", steps, threads, more=("--posterior", "mean-field")),
        }
        if DEVICE != "cpu":
            rows = {f"{who}, {precision}": measure for precision in ("float32", "tf32", "bfloat16") for who, measure in {
                "ours": lambda precision=precision: ours(data, scratch / "run", steps, threads, more=("--precision", precision)),
                "PyTorch": lambda precision=precision: theirs(data, PREPARED, steps, threads, options.workers, precision=precision)}.items()} | {
                "ours, mean-field, bfloat16": lambda: ours(data, scratch / "run", steps, threads, more=("--posterior", "mean-field", "--precision", "bfloat16"))}
        measured = {name: [] for name in rows}
        for round in range(options.rounds):
            for name, measure in rows.items():
                measured[name].append(measure())
                print(f"round {round + 1}: {name}: {measured[name][-1]['seconds']:.3f} s a step", file=sys.stderr)
        program = ours(data, scratch / "run", WARM_UP + 3, threads, more=("--width", 1)) if not options.width else None
        long = ours(data, scratch / "run", options.long_steps, threads) if options.long_steps else None

    reference = {name: "ours, no augmentation" if "no augmentation" in name else "ours" if DEVICE == "cpu" else f"ours, {name.split(', ')[-1]}" for name in rows}
    table = {}
    for name, results in measured.items():
        table[name] = {
            "secondsPerStep": statistics.median(r["seconds"] for r in results),
            "secondsPer100Steps": 100 * statistics.median(r["seconds"] for r in results),
            "ratio": statistics.median(r["seconds"] / o["seconds"] for r, o in zip(results, measured[reference[name]])),
            "peakMB": max(r["peakMB"] for r in results),
            "waitShare": statistics.median(r["waitShare"] for r in results),
        } | ({"outsideShare": statistics.median(r["outsideShare"] for r in results)} if "outsideShare" in results[0] else {})
    peer = next(results[0] for name, results in measured.items() if "PyTorch" in name)
    estimate = next(line.strip() for line in planned.splitlines() if "memory about" in line)
    print(f"{data.name}: batch {plan['batchSize']}, patch {plan['patchSize']}, {peer['parameters']:,} parameters, {threads} threads, {peer['deviceName']}, PyTorch {peer['version']}")
    print(f"{'':48}{'s/step':>8}{'100 steps':>10}{'/ ours':>8}{'peak MB':>9}{'waits':>8}{'outside':>9}")
    for name, row in table.items():
        print(f"{name:48}{row['secondsPerStep']:8.3f}{row['secondsPer100Steps']:10.1f}{row['ratio']:8.2f}{row['peakMB']:9.0f}{row['waitShare']:8.1%}"
              + (f"{row['outsideShare']:9.1%}" if "outsideShare" in row else ""))
    validation = statistics.median(r["validationSeconds"] for r in next(iter(measured.values())))
    print(f"the end of our epoch (recency, validation, checkpoints): {validation:.1f} s" + (f"; peak of a run with width 1: {program['peakMB']:.0f} MB" if program else ""))
    print(f"the plan says: {estimate}")
    results = {"data": data.name, "threads": threads, "batch": plan["batchSize"], "patch": plan["patchSize"], "rounds": options.rounds, "steps": steps, "rows": table, "estimate": estimate,
               "validationSeconds": validation, "widthOnePeakMB": program and program["peakMB"], "width": plan["width"], "device": peer["deviceName"], "torch": peer["version"]}
    if long:
        quarter = max(1, len(long["resident"]) // 4)
        growth = {"steps": options.long_steps, "residentMBAtHalf": statistics.median(long["resident"][2 * quarter:3 * quarter]),
                  "residentMBAtEnd": statistics.median(long["resident"][-quarter:]), "peakMB": long["peakMB"]}
        results["long"] = growth
        print(f"over {growth['steps']} steps: {growth['residentMBAtHalf']:.0f} MB resident in the third quarter of the time, {growth['residentMBAtEnd']:.0f} MB in the last, peak {growth['peakMB']:.0f} MB")
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(json.dumps(results, indent=2) + "\n")


main()
