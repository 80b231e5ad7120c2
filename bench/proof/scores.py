"""How a model file does on cases: `credence-infer batch` and `evaluate`, and what NumPy and nibabel make of the files that they wrote. How its training went: its log."""
import collections, csv, json, os
import nibabel, numpy, scipy.stats

METRICS = ["nll", "brier", "ece-near", "lesion-f1", "ndsc-r-auc", "lesion-f1-retention-area"]


def score(program, model, cases, folder, results, samples, log, more=()):
    """Segments cases, each a triple of name, scan and reference, into a folder of results; returns what was measured, by case."""
    scans, references = folder / "scans", folder / "references"
    for links, position in ((scans, 1), (references, 2)):
        links.mkdir(parents=True, exist_ok=True)
        for case in cases:
            link = links / f"{case[0]}.nii.gz"
            if not link.exists():
                link.symlink_to(case[position].resolve())
    program("credence-infer", ["batch", scans, "--model", model, "--output", results, "--samples", samples, "--threads", 1, "--no-page", *more], log)
    program("credence-infer", ["evaluate", "--reference", references, "--prediction", results, "--output", results / "evaluation", "--threads", 1], log)
    evaluated = {c["case"]: c for c in json.loads((results / "evaluation/evaluation.json").read_text())["cases"]}
    return {name: measure(results / name, references / f"{name}.nii.gz", evaluated[name]) for name, _, _ in cases}


def measure(result, reference, evaluated):
    """One case: Dice, volume and interval of the volume by class; the values of `credence-infer evaluate`, and of each lesion that was found its mean uncertainty and whether it is one."""
    truth = nibabel.load(reference)
    truth, millilitres = numpy.asarray(truth.dataobj), float(numpy.prod(truth.header.get_zooms()[:3])) / 1000
    found = numpy.asarray(nibabel.load(result / "segmentation.nii.gz").dataobj)
    report = json.loads((result / "report.json").read_text())
    classes = {}
    for entry in report["classes"]:
        of_class, predicted = truth == entry["label"], found == entry["label"]
        both = of_class.sum() + predicted.sum()
        classes[entry["name"]] = {"dice": float(2 * (of_class & predicted).sum() / both) if both else None, "volume": float(of_class.sum() * millilitres), "interval": entry.get("sampleVolumeInterval"), "calibrated": entry.get("volumeInterval")}
    lesions = [[lesion["meanUncertainty"], lesion["isTruePositive"]] for c in evaluated["classes"] for lesion in c["predictedLesions"]]
    return {"classes": classes, "values": evaluated["values"], "lesions": lesions}


def interval(of_case, patient=None):
    """Mean and median over cases, with the 95 % interval of the mean over patients (BCa bootstrap)."""
    values = numpy.array(list(of_case.values()), dtype=float)
    row = {"mean": round(float(values.mean()), 5), "median": round(float(numpy.median(values)), 5), "cases": len(values)}
    of_patient = collections.defaultdict(list)
    for case, value in of_case.items():
        name = case.partition(" ")[0]  # a case has a value a class, where it is one of coverage
        of_patient[patient(name) if patient else name].append(value)
    if len(of_patient) != len(values):
        row["patients"] = len(of_patient)
    sums, counts = numpy.array([sum(v) for v in of_patient.values()]), numpy.array([len(v) for v in of_patient.values()])
    if len(of_patient) > 1 and numpy.ptp(sums - values.mean() * counts) > 1e-12:
        bounds = scipy.stats.bootstrap((sums, counts), lambda s, n, axis=-1: s.sum(axis=axis) / n.sum(axis=axis), paired=True, vectorized=True, n_resamples=5000, random_state=1).confidence_interval
    else:
        bounds = None
    if bounds and numpy.isfinite([bounds.low, bounds.high]).all():
        row |= {"low": round(float(bounds.low), 5), "high": round(float(bounds.high), 5)}
    return row


COVERS = {"volume interval covers": "interval", "calibrated volume interval covers": "calibrated"}


def record(measured):
    """What was measured on a case as one row of a table; `dice` is the mean over the classes that have one, `lesions` holds each one found, with + where it is one."""
    row = {f"dice {name}": found["dice"] for name, found in measured["classes"].items() if found["dice"] is not None}
    if row:
        row["dice"] = sum(row.values()) / len(row)
    for name, found in measured["classes"].items():
        row |= {f"{title} {name}": float(found[key][0] <= found["volume"] <= found[key][1]) for title, key in COVERS.items() if found.get(key)}
    row |= {key: value for key, value in measured["values"].items() if value is not None and (key.startswith("all/") or key.split("/")[1] in METRICS)}
    return {key: float(f"{value:.6g}") for key, value in row.items()} | {"lesions": " ".join(f"{uncertainty:.4g}{'+' if is_true else '-'}" for uncertainty, is_true in measured["lesions"])}


def by_metric(records):
    """All metrics, each with its values by case; coverage by case and class."""
    values = collections.defaultdict(dict)
    for case, row in records.items():
        for key, value in row.items():
            if title := next((title for title in COVERS if key.startswith(title)), None):
                values[title][f"{case} {key[len(title) + 1:]}"] = value
            elif key not in ("lesions", "fold"):
                values[key][case] = value
    return values


def summary(records, others=None, patient=None):
    """All metrics over cases; with those of another network also the difference to it, case by case, where both have the case. `patient` gives that of a case, where cases are not patients."""
    values, others = by_metric(records), by_metric(others or {})
    row = {key: interval(of_case, patient) for key, of_case in sorted(values.items())}
    for key, of_case in values.items():
        if differences := {case: value - others[key][case] for case, value in of_case.items() if case in others[key]}:
            row[key]["difference"] = interval(differences, patient)
    lesions = [lesion for record in records.values() for lesion in record.get("lesions", "").split()]
    false, true = ([float(lesion[:-1]) for lesion in lesions if lesion[-1] == sign] for sign in "-+")
    if false and true:  # pooled over the cases: few have both
        row["lesion error AUROC"] = {"mean": round(float(scipy.stats.mannwhitneyu(false, true).statistic / (len(false) * len(true))), 5), "false": len(false), "true": len(true)}
    return row


def load(path):
    """The table of a study: records by network and row of its results, by case."""
    table = collections.defaultdict(dict)
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                network, samples, case = (row.pop(key) for key in ("network", "samples", "case"))
                table[network, samples][case] = {key: value if key == "lesions" else int(value) if key == "fold" else float(value) for key, value in row.items() if value or key == "lesions"}
    return table


def save(path, table):
    columns = dict.fromkeys(key for records in table.values() for row in records.values() for key in row)
    part = path.with_suffix(".part")
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["network", "samples", "case", "fold", *sorted(columns.keys() - {"fold"})], lineterminator="\n")
        writer.writeheader()
        for (network, samples), records in table.items():
            writer.writerows({"network": network, "samples": samples, "case": case} | row for case, row in sorted(records.items()))
    os.replace(part, path)


def training(run):
    """Of one run, from log.jsonl: minutes, and of Gaussian weights the KL (nats), signal-to-noise ratio, collapsed share, and the share of the KL in both gradient norms over the second half."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    steps, epochs = [line for line in lines if "loss" in line], [line for line in lines if "validationDice" in line]
    row = {"minutes": epochs[-1]["seconds"] / 60, "steps": len(steps), "secondsPerStep": float(numpy.median([s["stepSeconds"] for s in steps])),
           "validationDice": [round(e["validationDice"], 4) for e in epochs], "validationNll": [round(e["validationNegativeLogLikelihood"], 5) for e in epochs]}
    layers = [layer["posterior"] for layer in epochs[-1]["layers"] if layer.get("posterior")]
    if layers:
        weights = numpy.array([layer["weights"] for layer in layers])
        late = steps[len(steps) // 2:]
        row |= {"gaussianWeights": int(weights.sum()), "kl": sum(layer["kl"] for layer in layers), "klFactor": late[-1]["klFactor"], "weightedKl": late[-1]["weightedKl"],
                "signalToNoise": float(numpy.average([layer["signalToNoise"] for layer in layers], weights=weights)),
                "collapsedShare": float(numpy.average([layer["collapsedShare"] for layer in layers], weights=weights)),
                "klGradientShare": float(numpy.mean([s["klGradientNorm"] / (s["klGradientNorm"] + s["dataGradientNorm"]) for s in late])),
                "gradientCosine": float(numpy.mean([s["gradientCosine"] or 0 for s in late]))}
    return row
