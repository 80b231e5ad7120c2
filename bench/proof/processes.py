#!/usr/bin/python3
"""One process against two at the same number of examples, with the same learning rate and with one scaled by the batch.

    bench/proof/processes.py --data <folder with hippocampus/> --work <folder>

`mpirun -np 2` with batch 2 a process takes half as many steps as one process with batch 2. Three seeds each; Dice and NLL of the last weights on fold 0 by
`credence-train evaluate`. What is done is not repeated. Prints a table and writes bench/results/proof-processes.json. Debian package: openmpi-bin.
"""
import argparse, json, pathlib, statistics
import studies
from programs import ROOT, Programs, write

COMMON = ["--width", 8, "--recency", 0, "--epochs", 4, "--threads", 1, "--split-seed", 1]
RUNS = {
    "1 process, batch 2": (1, ["--batch-size", 2, "--steps-per-epoch", 100]),
    "2 processes, batch 4, same rate": (2, ["--batch-size", 4, "--steps-per-epoch", 50]),
    "2 processes, batch 4, rate x 2 after a warm-up": (2, ["--batch-size", 4, "--steps-per-epoch", 50, "--learning-rate-batch-size", 2]),
}
OPTIMISERS = {"adam-w": [], "sgd": ["--optimiser", "sgd"]}
SEEDS = (1, 2, 3)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    options = arguments.parse_args()
    programs, data = Programs(options.work / "programs"), studies.by_person(options.data / "hippocampus", options.work / "data/hippocampus")
    programs.stop_on_signals()
    rows = {}
    for optimiser, of_optimiser in OPTIMISERS.items():
        for name, (processes, more) in RUNS.items():
            scores = []
            for seed in SEEDS:
                run = options.work / "processes" / optimiser / name.replace(" ", "-").replace(",", "") / f"seed-{seed}"
                run.mkdir(parents=True, exist_ok=True)
                if not (run / "judged/evaluation.json").exists():
                    launcher = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", str(processes)] if processes > 1 else []
                    start = ["--resume"] if (run / "last.safetensors").exists() else ["--data", data, "--seed", seed, *COMMON, *more, *of_optimiser]
                    programs("credence-train", ["fit", "--out", run, *start], run / "fit.log", launcher=launcher)
                    programs("credence-train", ["evaluate", "--run", run, "--data", data, "--out", run / "judged", "--checkpoint", "last"], run / "evaluate.log")
                summary = {m["metric"]: m for m in json.loads((run / "judged/evaluation.json").read_text())["summary"]}
                scores.append({"dice": statistics.mean(summary[f"{c}/dice"]["mean"] for c in ("anterior", "posterior")), "nll": summary["all/nll"]["mean"]})
            row = rows.setdefault(optimiser, {})[name] = {key: {"mean": statistics.mean(s[key] for s in scores), "sd": statistics.stdev(s[key] for s in scores)} for key in scores[0]}
            print(f"{optimiser:8} {name:48} Dice {row['dice']['mean']:.4f} (sd {row['dice']['sd']:.4f})  NLL {row['nll']['mean']:.4f} (sd {row['nll']['sd']:.4f}), {len(SEEDS)} seeds", flush=True)
    write(ROOT / "bench/results/proof-processes.json", {"common": " ".join(map(str, COMMON)), "commit": programs.commit, "rows": rows})


main()
