#!/usr/bin/python3
"""How the variance of Dice splits into seed, fold and case on 20, 50 and 160 cases of the hippocampus set.

    bench/proof/variance.py --data <folder with hippocampus/> --work <folder>

A cross-validation of 5 folds x 3 seeds on each subset (drawn once, seed 1), two shards side by side, a short training. The split is that of
`credence-train cross-validate` (docs/explanation/variance.md). What is done is not repeated. Prints a table and writes bench/results/proof-variance.json.
"""
import argparse, concurrent.futures, json, pathlib
import studies
from programs import ROOT, Programs, write

SIZES = (20, 50, 160)
OPTIONS = ("--epochs", 4, "--steps-per-epoch", 75, "--width", 8, "--recency", 0)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    options = arguments.parse_args()
    program = Programs(options.work / "programs")
    program.stop_on_signals()
    rows = {}
    for size in SIZES:
        folder = options.work / "variance" / str(size)
        studies.by_person(options.data / "hippocampus", folder / "data", size)
        if not (folder / "cross-validation/cross-validation.json").exists():
            def shard(n):
                program("credence-train", ["cross-validate", "--data", folder / "data", "--out", folder / "cross-validation", "--seeds", "1,2,3", "--threads", 1, "--shard", f"{n}/2", *OPTIONS], folder / f"shard-{n}.log")
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                list(pool.map(shard, (1, 2)))
            program("credence-train", ["merge", folder / "cross-validation"], folder / "merge.log")
        metrics = {m["summary"]["metric"]: m for m in json.loads((folder / "cross-validation/cross-validation.json").read_text())["metrics"]}
        rows[str(size)] = {name: metrics[name] for name in ("anterior/dice", "posterior/dice", "all/nll") if name in metrics}
        for name, metric in rows[str(size)].items():
            parts = ", ".join(f"{part['name']} {part['standardDeviation']:.4f}" for part in metric["variance"]["components"])
            print(f"{size:4} cases  {name:16} mean {metric['summary']['mean']:.4f} ({metric['summary']['interval']['low']:.4f} to {metric['summary']['interval']['high']:.4f}), standard deviations: {parts}", flush=True)
    write(ROOT / "bench/results/proof-variance.json", {"options": " ".join(map(str, OPTIONS)), "commit": program.commit, "cases": rows})


main()
