#!/usr/bin/python3
"""Train on the Decathlon hippocampus set, export, predict the validation cases with credence-infer, and measure.

    bench/hippocampus/run.py --data <Task04_Hippocampus> --work <folder> [--minutes 25] [--posterior plain mean-field]

Prints one row a network and writes bench/results/hippocampus.json. Dice is computed here with nibabel and NumPy, from the files that
credence-infer wrote: none of our code takes part. A stage whose result lies in the work folder is not repeated, so an interrupted benchmark goes on
(an interrupted training is resumed). Let nothing else run beside it: both cores are used. Debian packages: python3-nibabel.
"""
import argparse, json, os, pathlib, subprocess, sys, time
import nibabel, numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench/results/hippocampus.json"


def program(project, name):
    return ["dotnet", str(ROOT / f"artifacts/bin/{project}/release/{name}.dll")]


def measured(command, log):
    """Runs a command; returns its wall-clock seconds and its peak resident memory in MB."""
    start = time.monotonic()
    with open(log, "w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}, see {log}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


def stage(path, work):
    """Calls work() unless its result is already there."""
    if not path.exists():
        path.write_text(json.dumps(work(), indent=2))
    return json.loads(path.read_text())


def dice(found, reference):
    total = found.sum() + reference.sum()
    return float(2 * (found & reference).sum() / total) if total else None


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    arguments.add_argument("--minutes", type=float, default=25)
    arguments.add_argument("--samples", type=int, default=16)
    arguments.add_argument("--posterior", nargs="+", default=["plain", "mean-field"])
    options = arguments.parse_args()
    for project in ["trainer", "exporter", "inference/cli"]:
        subprocess.run(["dotnet", "build", "-c", "Release", "-v", "q", ROOT / project], check=True, stdout=subprocess.DEVNULL)

    rows = {}
    for posterior in options.posterior:
        run = options.work / posterior
        run.mkdir(parents=True, exist_ok=True)
        train = program("Trainer", "credence-train") + ["fit", "--out", str(run)]
        start = ["--resume"] if (run / "last.safetensors").exists() else ["--data", str(options.data), "--posterior", posterior, "--minutes", str(options.minutes)]
        training = stage(run / "training.json", lambda: dict(zip(["seconds", "peakMB"], measured(train + start, run / "fit.log"))))
        model = run / "model.onnx"
        cases = json.loads((run / "split.json").read_text())["validation"]
        channels = lambda case: [options.data / "imagesTr" / f"{case}.nii.gz"]
        stage(run / "export.json", lambda: dict(zip(["seconds", "peakMB"], measured(
            program("Exporter", "credence-export") + ["export", str(run), "--output", str(model), "--scan", str(channels(cases[0])[0])], run / "export.log"))))

        def predict():
            results = {}
            for case in cases:
                folder = run / "predictions" / case
                seconds, peak = measured(program("InferenceCli", "credence-infer") + ["predict", *map(str, channels(case)), "--model", str(model),
                    "--output", str(folder), "--samples", str(options.samples)], run / "predict.log")
                found = numpy.asarray(nibabel.load(folder / "segmentation.nii.gz").dataobj)
                reference = numpy.asarray(nibabel.load(options.data / "labelsTr" / f"{case}.nii.gz").dataobj)
                results[case] = {"dice": [dice(found == label, reference == label) for label in (1, 2)], "seconds": seconds, "peakMB": peak}
            return results

        predictions = stage(run / "predictions.json", predict)
        by_class = [[c["dice"][n] for c in predictions.values() if c["dice"][n] is not None] for n in (0, 1)]
        means = [float(numpy.mean(values)) for values in by_class]
        rows[posterior] = {
            "cases": len(predictions), "samples": options.samples if posterior != "plain" else 1, "minutes": options.minutes,
            "diceAnterior": means[0], "dicePosterior": means[1], "diceMean": float(numpy.mean(means)),
            "predictSecondsMedian": float(numpy.median([c["seconds"] for c in predictions.values()])),
            "predictPeakMB": max(c["peakMB"] for c in predictions.values()), "trainingSeconds": training["seconds"], "trainingPeakMB": training["peakMB"],
        }

    if RESULTS.exists():
        rows = json.loads(RESULTS.read_text()) | rows
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    print("network       cases  Dice anterior  posterior   mean   s/case  peak MB (predict)  peak MB (train)")
    for posterior, row in rows.items():
        print(f"{posterior:12}{row['cases']:7}{row['diceAnterior']:15.4f}{row['dicePosterior']:11.4f}{row['diceMean']:7.4f}"
              f"{row['predictSecondsMedian']:9.2f}{row['predictPeakMB']:19.0f}{row['trainingPeakMB']:17.0f}")


main()
