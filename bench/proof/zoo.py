#!/usr/bin/python3
"""Make the models of models/zoo: train where nothing is trained yet, export, measure on cases that the network has not seen, write the model card.

    bench/proof/zoo.py phantom-lesions --work <folder>
    bench/proof/zoo.py hippocampus hippocampus-bayesian --work <folder> --data <folder with hippocampus/>

The hippocampus networks are those that run.py has trained, and the phantom network is one of a cross-validation that is run here: fold 0, by rule and not by result, with the
temperature, the threshold and the factor of volume intervals that `credence-train tune` finds on cases that the card does not count. The card says how it does on those. What is done is not repeated. Weights are float16, which the export proves. Prints a line a model.
"""
import argparse, concurrent.futures, fnmatch, hashlib, json, pathlib
import scores, studies
from programs import ROOT, Programs

PHANTOM_TRAINING = ["--folds", 4, "--seeds", 1, "--posterior", "mean-field", "--width", 8, "--epochs", 4, "--steps-per-epoch", 300, "--learning-rate", 1e-2, "--average", 0.99, "--recency", 0]


def phantom(program, work, data):
    """A lesion network for the phantoms of `credence-train phantom`."""
    folder = work / "zoo/phantom-lesions"
    folder.mkdir(parents=True, exist_ok=True)
    training, log = folder / "training", folder / "training.log"
    for name, cases, seed in (("data", 48, 1), ("unseen", 24, 2)):
        if not (folder / name / "dataset.json").exists():
            program("credence-train", ["phantom", "--out", folder / name, "--cases", cases, "--seed", seed], log)
    shards = [(n, ["cross-validate", "--data", folder / "data", "--out", training, "--threads", 1, "--shard", f"{n}/2", *PHANTOM_TRAINING]) for n in (1, 2)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda shard: program("credence-train", shard[1], folder / f"shard-{shard[0]}.log"), shards))
    program("credence-train", ["merge", training], log)
    calibration = training / "calibration.json"
    if not calibration.exists():
        program("credence-train", ["tune", training, "--out", calibration], log)
    cases = [(scan.name[:-12], scan, folder / "unseen/labelsTr" / scan.name.replace("_0000", "")) for scan in sorted((folder / "unseen/imagesTr").glob("*_0000.nii.gz"))]
    return training / "seed-1-fold-0", calibration, folder, cases, {
        "name": "Phantom lesions", "licence": "Apache-2.0", "samples": 16,
        "use": "Trying Credence on made-up phantoms. Of no use on a patient. Not a medical device.",
        "data": "48 phantoms of `credence-train phantom --seed 1`: made-up heads with two to eight bright lesions, 72 x 88 x 32 voxels of 1.5 x 1.5 x 3 mm. No patient data.",
        "unseen": "24 phantoms of another seed (2)",
        "limits": "It knows nothing but these phantoms. Scans of patients are refused by the comparison with the training data, or get meaningless results.",
        "training": "credence-train cross-validate " + " ".join(map(str, PHANTOM_TRAINING)), "calibrated": "all four folds, in the mean over their networks"}


def hippocampus(network, samples, program, work, data):
    """A network of the cross-validation."""
    training = work / "hippocampus" / network / "training"
    run = training / "seed-1-fold-0"
    split = json.loads((run / "split.json").read_text())
    names = split["validation"]
    source = studies.by_person(data / "hippocampus", work / "data/hippocampus")
    cases = [(name, source / f"imagesTr/{name}.nii.gz", source / f"labelsTr/{name}.nii.gz") for name in names]
    options = json.loads((ROOT / "bench/results/proof-hippocampus.json").read_text())["networks"][network]["options"]
    folds = json.loads((ROOT / "bench/results/proof-hippocampus.json").read_text())["networks"][network]["samples"][f"{samples}-tuned"]
    folder = work / "zoo" / f"hippocampus-{network}"
    calibration = folder / "calibration.json"
    if not calibration.exists():
        folder.mkdir(parents=True, exist_ok=True)
        program("credence-train", ["tune", training, "--out", calibration, "--leave-out", 0], folder / "tune.log")
    return run, calibration, folder, cases, {
        "name": "Hippocampus" + (f", {network}" if network != "plain" else ""), "licence": "CC-BY-SA-4.0", "samples": samples,
        "use": "Research on the segmentation of the hippocampus in T1-weighted MRI. Not a medical device.",
        "data": f"{len(split['training'])} of the 260 training cases of Task04_Hippocampus of the Medical Segmentation Decathlon (Antonelli et al. 2022, doi:10.1038/s41467-022-30695-9; Vanderbilt University Medical Center), "
                "T1-weighted MRI of 90 healthy adults and 105 with a non-affective psychotic disorder, cropped to one hippocampus, 1 mm. The data are CC-BY-SA 4.0, and so is this model.",
        "unseen": f"the {len(names)} cases of fold 0, of persons whom it has not been trained on", "patient": studies.person,
        "limits": "One scanner, one protocol, adults. It was trained without mirror images: no `--flips`. It expects a scan that is cropped to the neighbourhood of one hippocampus (about 35 x 50 x 35 mm), as the training scans are; on a whole head it finds hippocampi "
                  "where there are none. Borders between anterior and posterior part follow that data set's convention.",
        "training": f"credence-train cross-validate --folds 5 --seeds 1 {options}", "calibrated": "the other four folds",
        "folds": f" All {folds['folds']} folds of the cross-validation that it comes from: Dice {folds['dice']['mean']:.3f} ({folds['dice'].get('low', 0):.3f} to {folds['dice'].get('high', 0):.3f}, {folds['dice']['cases']} cases)."}


MODELS = {
    "phantom-lesions": phantom,
    "hippocampus": lambda program, work, data: hippocampus("plain", 1, program, work, data),
    "hippocampus-bayesian": lambda program, work, data: hippocampus("bayesian", 16, program, work, data),
}


FIGURES = ["dice", "dice *", "calibrated volume interval covers", "volume interval covers", "all/nll", "*/ece-near", "all/error-auroc", "*/ndsc-r-auc", "lesion/lesion-f1", "lesion/lesion-f1-retention-area", "lesion error AUROC"]


def card(name, about, model, measured):
    several = len([key for key in measured if key.startswith("dice ")]) > 1
    figures = {key: measured[key] for pattern in FIGURES for key in measured if fnmatch.fnmatch(key, pattern) and (several or key != "dice")}
    names = {"dice": "Dice, mean of the classes", "volume interval covers": "share of cases whose percentiles of samples (2.5 to 97.5 %) hold the true volume", "calibrated volume interval covers": "share of the 95 % volume intervals that hold the true volume"}
    rows = "\n".join(f"| {names.get(key, key)} | {value['mean']:.3g} | {value['low']:.3g} to {value['high']:.3g} |" if "low" in value else f"| {names.get(key, key)} | {value['mean']:.3g} | |" for key, value in figures.items())
    return f"""# {about['name']}

{about['use']}

| | |
|---|---|
| file | `model.onnx`, {model.stat().st_size / 1e6:.1f} MB, weights as float16, sha256 `{hashlib.sha256(model.read_bytes()).hexdigest()}` |
| licence | {about['licence']} |
| data | {about['data']} |
| trained by | `{about['training']}` |
| calibrated on | {about['calibrated']}, by `credence-train tune` |
| made by | `bench/proof/zoo.py {name}` |

## How it does

On {about['unseen']}; {about['samples']} {'sample' if about['samples'] == 1 else 'samples'}; 95 % intervals over patients.{about.get('folds', '')}

| metric | mean | interval |
|---|---|---|
{rows}

Dice and coverage were computed outside our code, the others by `credence-infer evaluate` ([what they mean](../../../docs/reference/metrics.md)).

## Limits

{about['limits']}

## Use it

```sh
credence-infer predict <scan> --model models/zoo/{name}/model.onnx --output result
credence-infer self-test --model models/zoo/{name}/model.onnx
```
"""


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("models", nargs="+", choices=sorted(MODELS))
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    arguments.add_argument("--data", type=pathlib.Path)
    options = arguments.parse_args()
    program = Programs(options.work / "programs")
    program.stop_on_signals()
    for name in options.models:
        run, calibration, folder, cases, about = MODELS[name](program, options.work, options.data)
        folder.mkdir(parents=True, exist_ok=True)
        model = ROOT / "models/zoo" / name / "model.onnx"
        model.parent.mkdir(parents=True, exist_ok=True)
        program("credence-export", ["export", run / "last.safetensors", "--output", model, "--scan", cases[0][1], "--precision", "float16-weights", "--calibration", calibration,
                                    "--name", about["name"], "--licence", about["licence"], "--intended-use", about["use"]], folder / "export.log")
        measured = scores.score(program, model, cases, folder, folder / f"samples-{about['samples']}", about["samples"], folder / "scoring.log")
        measured = scores.summary({case: scores.record(values) for case, values in measured.items()}, patient=about.get("patient"))
        (model.parent / "model-card.md").write_text(card(name, about, model, measured))
        print(f"{name}: {model.stat().st_size / 1e6:.1f} MB, Dice {measured['dice']['mean']:.3f} over {measured['dice']['cases']} unseen cases", flush=True)


main()
