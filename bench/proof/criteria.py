#!/usr/bin/python3
"""Cross entropy against classification error, as what is trained and as what selects the epoch.

    bench/proof/criteria.py --data <folder with hippocampus/> --work <folder>

60 cases of the hippocampus set (drawn once, seed 1), 30 of them for training, so that networks come to overfit. Networks are trained by cross entropy, by the
expected classification error and by what lies between (`generalised-cross-entropy`, Zhang and Sabuncu 2018), three seeds each; the weights of every epoch are kept and judged on
the other 30 cases by `credence-train evaluate`. Half of these choose the epoch, by NLL, by the volume of wrong voxels or by Dice; the other half judge what was chosen, and
the other way round, so that no case judges an epoch that it has chosen. Standard deviations are over seeds and halves. What is done is not repeated.
Prints a table and writes bench/results/proof-criteria.json.
"""
import argparse, concurrent.futures, json, pathlib, shutil, statistics, threading
import studies
from programs import ROOT, Programs, write

CASES, EPOCHS, SEEDS = 60, 12, (1, 2, 3)
OPTIONS = ["--epochs", EPOCHS, "--steps-per-epoch", 100, "--width", 8, "--recency", 0, "--folds", 2, "--fold", 0, "--split-seed", 1, "--threads", 1]
LOSSES = {"cross-entropy": "cross-entropy", "between (q = 0.7)": "generalised-cross-entropy(q=0.7)", "classification error (q = 1)": "generalised-cross-entropy(q=1)"}
SMALLER_IS_BETTER = {"nll": True, "error": True, "dice": False}


def keep_epochs(run, folder, done):
    """Copies last.safetensors whenever training has replaced it, which it does at the end of an epoch."""
    seen = None
    while True:
        is_last = done.wait(0.2)
        last = run / "last.safetensors"
        stamp = (status.st_mtime_ns, status.st_ino) if last.exists() and (status := last.stat()) else None
        if stamp and stamp != seen:
            seen = stamp
            snapshot = folder / f"epoch-{1 + len(list(folder.glob('epoch-*')))}"
            snapshot.mkdir(parents=True)
            for file in run.iterdir():
                if file.suffix == ".json" or file == last:
                    shutil.copy(file, snapshot / file.name)
        if is_last:
            return


def judge(program, data, work, loss, seed):
    """[epoch][case] of the three criteria."""
    work.mkdir(parents=True, exist_ok=True)
    result = work / "criteria.json"
    if result.exists():
        return json.loads(result.read_text())
    shutil.rmtree(work / "run", ignore_errors=True)  # one that was interrupted lacks epochs
    shutil.rmtree(work / "epochs", ignore_errors=True)
    done = threading.Event()
    keeper = threading.Thread(target=keep_epochs, args=(work / "run", work / "epochs", done))
    keeper.start()
    try:
        program("credence-train", ["fit", "--data", data, "--out", work / "run", "--loss", loss, "--seed", seed, *OPTIONS], work / "fit.log")
    finally:
        done.set()
        keeper.join()
    if (kept := len(list(work.glob("epochs/epoch-*")))) != EPOCHS:
        raise RuntimeError(f"{work}: the weights of {kept} of {EPOCHS} epochs were kept; run it again with less beside it")
    epochs = []
    for n in range(1, EPOCHS + 1):
        folder = work / f"epochs/epoch-{n}"
        program("credence-train", ["evaluate", "--run", folder, "--data", data, "--out", folder, "--checkpoint", "last"], work / "evaluate.log")
        cases = json.loads((folder / "evaluation.json").read_text())["cases"]
        epochs.append({c["id"]: criteria(c["values"]) for c in cases})
    write(result, epochs)
    return epochs


def criteria(values):
    """NLL of all voxels; wrong voxels in mL, where one taken for another foreground class counts in both; mean Dice."""
    wrong = 0
    for name in ("anterior", "posterior"):
        reference, predicted = values[f"{name}/reference-volume-ml"], values[f"{name}/prediction-volume-ml"]
        wrong += reference + predicted - values[f"{name}/dice"] * (reference + predicted)  # FP + FN, from 2 TP = Dice (P + R)
    return {"nll": values["all/nll"], "error": wrong, "dice": statistics.mean(values[f"{name}/dice"] for name in ("anterior", "posterior"))}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    arguments.add_argument("--processes", type=int, default=2)
    options = arguments.parse_args()
    program = Programs(options.work / "programs")
    program.stop_on_signals()
    work = options.work / "criteria"
    studies.by_person(options.data / "hippocampus", work / "data", CASES)
    jobs = [(name, seed) for name in LOSSES for seed in SEEDS]
    with concurrent.futures.ThreadPoolExecutor(options.processes) as pool:
        judged = dict(zip(jobs, pool.map(lambda job: judge(program, work / "data", work / job[0].replace(" ", "-") / f"seed-{job[1]}", LOSSES[job[0]], job[1]), jobs)))

    rows = {}
    for name in LOSSES:
        runs = [judged[name, seed] for seed in SEEDS]
        curves = {key: [statistics.mean(case[key] for run in runs for case in run[epoch].values()) for epoch in range(EPOCHS)] for key in SMALLER_IS_BETTER}
        rows[name] = {"curves": curves, "selected by": {}}
        for by, is_smaller_better in SMALLER_IS_BETTER.items():
            chosen = []
            for run in runs:
                persons = sorted({studies.person(case) for case in run[0]})
                halves = [[case for case in run[0] if studies.person(case) in half] for half in (persons[::2], persons[1::2])]
                for choosing, judging in (halves, halves[::-1]):
                    means = [statistics.mean(epoch[case][by] for case in choosing) for epoch in run]
                    best = means.index(min(means) if is_smaller_better else max(means))
                    chosen.append({"epoch": best + 1, **{key: statistics.mean(run[best][case][key] for case in judging) for key in SMALLER_IS_BETTER}})
            rows[name]["selected by"][by] = {key: {"mean": statistics.mean(c[key] for c in chosen), "sd": statistics.stdev(c[key] for c in chosen)} for key in chosen[0]}
            print(f"trained by {name:28} selected by {by:6} " + ", ".join(f"{key} {value['mean']:.4f}" for key, value in rows[name]["selected by"][by].items()), flush=True)
    write(ROOT / "bench/results/proof-criteria.json", {"options": " ".join(map(str, OPTIONS)), "cases": CASES, "seeds": len(SEEDS), "commit": program.commit, "trained by": rows})


main()
