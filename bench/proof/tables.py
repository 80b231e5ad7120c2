#!/usr/bin/python3
"""Prints the tables of docs/explanation from bench/results/proof-<study>.json, as Markdown: as trained, differences, tuned.

    bench/proof/tables.py <study> [<study> ...]
"""
import json, pathlib, sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
AS_TRAINED = {  # title, metric, decimals
    "Dice": ("dice", 3), "lesion F1": ("lesion/lesion-f1", 3), "NLL, nats a voxel": ("nll", 4), "Brier": ("brier", 5), "ECE near": ("ece-near", 3), "nDSC R-AUC, low is good": ("ndsc-r-auc", 4),
    "lesion F1 retention": ("lesion/lesion-f1-retention-area", 3), "AUROC, voxel is wrong": ("all/error-auroc", 4), "AUROC, lesion is wrong": ("lesion error AUROC", 3), "percentiles of samples hold the volume": ("volume interval covers", 2)}
DIFFERENCES = {"Dice": ("dice", 3), "lesion F1": ("lesion/lesion-f1", 3), "NLL": ("nll", 4), "Brier": ("brier", 5), "nDSC R-AUC": ("ndsc-r-auc", 4)}


def found(summary, metric):
    """Over all classes, or of the lesions where they are the only class."""
    return next((summary[key] for key in (metric, f"all/{metric}", f"lesion/{metric}") if key in summary), None)


def number(value, decimals):
    return "" if value is None else f"{round(value, decimals) + 0:.{decimals}f}"  # no -0


def span(entry, decimals):
    if not entry:
        return ""
    bounds = f" ({number(entry['low'], decimals)} to {number(entry['high'], decimals)})" if "low" in entry else ""
    return number(entry["mean"], decimals) + bounds


def percent(value):
    return f"{100 * value:.0f} %"


def table(columns, rows):
    if not rows:
        return
    used = [k for k in range(len(columns)) if any(row[k] for row in rows)]
    for row in [[columns[k] for k in used], ["---"] * len(used), *([row[k] for k in used] for row in rows)]:
        print(f"| {' | '.join(row)} |")
    print()


def main():
    for study in sys.argv[1:]:
        networks = json.loads((ROOT / f"bench/results/proof-{study}.json").read_text())["networks"]
        rows = {(name, samples): summary for name, network in networks.items() for samples, summary in network["samples"].items()}
        print(f"{study}, as trained\n")
        table(["network", "samples", *AS_TRAINED], [[name, samples, *(
            percent(entry["mean"]) if entry and decimals == 2 else span(entry, decimals) if metric == "dice" else number(entry and entry["mean"], decimals)
            for metric, decimals in AS_TRAINED.values() for entry in [found(summary, metric)])] for (name, samples), summary in rows.items()])
        print("differences, case by case\n")
        table(["network", "samples", "to", *DIFFERENCES], [[name, samples, summary["differenceTo"], *(
            span((found(summary, metric) or {}).get("difference"), decimals) for metric, decimals in DIFFERENCES.values())] for (name, samples), summary in rows.items() if "differenceTo" in summary])
        tuned = {name: network["tuning"] for name, network in networks.items() if "tuning" in network}
        if tuned:
            print("tuned on all folds; Dice and coverage with the choices of the other folds\n")
            table(["network", "temperature", "NLL before and with it", "threshold", "smallest lesion, voxels", "Dice before", "Dice tuned", "widened volume intervals hold", "upper end over lower, geometric mean"], [
                [name, number(t["calibration"]["temperature"], 2), t["temperatureRule"].rpartition(": ")[2].replace(" nats a voxel became", " to"), str(t["calibration"]["threshold"]), str(t["calibration"]["minimumLesionVoxels"]),
                 number(t["untuned"], 3), number(t["nested"], 3), *(([percent(v["widened"][0]), number(v["ratio"][0], 1)]) if (v := t.get("volumeIntervals")) else ["", ""])] for name, t in tuned.items()])


main()
