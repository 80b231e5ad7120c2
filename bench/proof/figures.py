#!/usr/bin/python3
"""Draws the figures of docs/explanation from bench/results/proof-*.json.

    bench/proof/figures.py [NAME ...]

All whose results are there without names. Debian packages: python3-matplotlib, python3-nibabel, python3-scipy.
"""
import json, pathlib, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plot
import scores

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # Okabe and Ito
plot.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.prop_cycle": plot.cycler(color=COLOURS), "legend.frameon": False, "figure.dpi": 130,
                      "axes.grid": True, "grid.color": "#e6e6e6", "axes.axisbelow": True})


def results(study):
    return json.loads((ROOT / f"bench/results/proof-{study}.json").read_text())


def has(name):
    """Whether there are results of a study, or of <study>/<network>."""
    study, _, network = name.partition("/")
    return (ROOT / f"bench/results/proof-{study}.json").exists() and (not network or network in results(study)["networks"])


def span(row):
    """Mean, and how far the interval reaches down and up."""
    return row["mean"], row["mean"] - row.get("low", row["mean"]), row.get("high", row["mean"]) - row["mean"]


def only(networks, metric, samples=None):
    """Of each network its one row, or that of a number of samples."""
    return {name: span(network["samples"][samples or next(iter(network["samples"]))][metric]) for name, network in networks.items()}


def errors(axes, x, values, **style):
    means, low, high = zip(*values)
    return axes.errorbar(x, means, yerr=[low, high], capsize=2, marker="o", markersize=4, **style)


def training(network, key):
    return next(iter(network["training"].values()))[key]


def kl():
    """KL coefficient in 3-D and 2-D: held-out NLL and Dice over lambda, and who drives the gradient."""
    studies = [(study, title) for study, title in (("kl-3d", "3-D"), ("kl-2d", "2-D, slices")) if has(study)]
    figure, panels = plot.subplots(4, len(studies), figsize=(1 + 4.5 * len(studies), 8), sharex="col", sharey="row", squeeze=False)
    for column, (study, title) in enumerate(studies):
        networks = results(study)["networks"]
        grid = {name: network for name, network in networks.items() if name.startswith(("lambda", "as-"))}
        order = sorted(grid, key=lambda name: training(grid[name], "klFactor"))
        one = training(grid["lambda-1"], "klFactor")
        positive = [name for name in order if training(grid[name], "klFactor") > 0]
        smallest = training(grid[positive[0]], "klFactor") / one
        x = {name: training(grid[name], "klFactor") / one or smallest / 10 for name in order}
        for row, metric in enumerate(("all/nll", "dice", "volume interval covers")):
            values = only(grid, metric)
            errors(panels[row][column], [x[name] for name in order], [values[name] for name in order], color=COLOURS[row])
            sums = only({name: network for name, network in networks.items() if name not in grid}, metric)
            for n, (name, (mean, _, _)) in enumerate(sums.items()):
                panels[row][column].axhline(mean, color=COLOURS[3 + n], linestyle=":", label={"1-over-M-of-sums": "1/M of sums", "pi-of-sums": "π of sums"}[name])
        panels[2][column].axhline(0.95, color="#999999", linewidth=0.8)
        panels[3][column].plot([x[name] for name in order], [100 * training(grid[name], "klGradientShare") for name in order], marker="o", markersize=4, color=COLOURS[5])
        for axes in panels[:, column]:
            axes.set_xscale("log")
            for name, label in (("lambda-1", "1/(NV)"), ("as-1-over-N", "1/N"), ("as-1", "1")):
                axes.axvline(x[name], color="#999999", linewidth=0.8, linestyle="--")
                if axes is panels[0][column]:
                    axes.annotate(label, (x[name], 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=8)
        panels[0][column].set_title(title, pad=16)
        panels[3][column].set_xlabel("λ = coefficient / (1/(NV)); leftmost: no KL")
    for axes, label in zip(panels[:, 0], ("held-out NLL,\nnats a voxel", "Dice", "95 % intervals of\nvolume that hold", "KL in the gradient, %")):
        axes.set_ylabel(label)
    panels[0][0].set_yscale("log")
    panels[1][-1].legend(loc="lower left")
    return figure


def kl_parameters():
    """KL against the number of weights."""
    networks = results("parameters")["networks"]
    weights = [training(network, "gaussianWeights") for network in networks.values()]
    figure, panels = plot.subplots(1, 4, figsize=(12, 2.8), layout="constrained")
    panels[0].loglog(weights, [training(network, "kl") for network in networks.values()], marker="o")
    panels[0].set_ylabel("KL, nats")
    panels[1].semilogx(weights, [training(network, "kl") / training(network, "gaussianWeights") for network in networks.values()], marker="o")
    panels[1].set_ylabel("KL a weight, nats")
    panels[1].set_ylim(0, 5)
    panels[2].semilogx(weights, [100 * training(network, "klGradientShare") for network in networks.values()], marker="o", color=COLOURS[2])
    panels[2].set_ylabel("KL in the gradient, %")
    errors(panels[3], weights, list(only(networks, "all/nll").values()), color=COLOURS[1])
    panels[3].set_ylabel("held-out NLL, nats a voxel")
    panels[3].set_xscale("log")
    for axes in panels:
        axes.set_xlabel("Gaussian weights")
    return figure


def norms():
    """Batch, instance and group norm, with point and Gaussian weights, at two batch sizes."""
    networks = results("norms")["networks"]
    figure, panels = plot.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for axes, metric, label in zip(panels, ("dice", "all/nll"), ("Dice", "held-out NLL, nats a voxel")):
        values = only(networks, metric)
        for n, (posterior, batch) in enumerate((p, b) for p in ("plain", "bayesian") for b in (2, 4)):
            kinds = [kind for kind in ("batch", "instance", "group") if f"{kind}-{posterior}-batch-{batch}" in values]
            errors(axes, [("batch", "instance", "group").index(kind) + 0.15 * (n - 1.5) for kind in kinds], [values[f"{kind}-{posterior}-batch-{batch}"] for kind in kinds],
                   linestyle="none", label=f"{'point' if posterior == 'plain' else 'Gaussian'} weights, batch of {batch}")
        axes.set_xticks(range(3), ["batch norm", "instance norm", "group norm"])
        axes.set_ylabel(label)
    panels[0].legend(fontsize=8)
    return figure


def imbalance():
    """Focal loss against online hard negative mining."""
    networks = results("imbalance")["networks"]
    figure, panels = plot.subplots(1, 3, figsize=(11, 3), layout="constrained")
    for axes, metric, label in zip(panels, ("dice", "lesion/lesion-f1", "lesion/ece-near"), ("Dice", "lesion F1", "ECE near lesions")):
        values = only(networks, metric)
        names = list(values)
        errors(axes, range(len(names)), [values[name] for name in names], linestyle="none")
        axes.set_xticks(range(len(names)), [name.replace("focal-", "γ = ").replace("mining-", "k = ") for name in names], rotation=45)
        axes.set_ylabel(label)
    return figure


def criteria():
    """Cross entropy against classification error."""
    found = results("criteria")
    figure, panels = plot.subplots(1, 3, figsize=(11, 3), layout="constrained")
    for axes, key, label in zip(panels, ("nll", "error", "dice"), ("held-out NLL, nats a voxel", "wrong voxels, mL a case", "Dice")):
        for name, row in found["trained by"].items():
            axes.plot(range(1, len(row["curves"][key]) + 1), row["curves"][key], marker="o", markersize=3, label=name)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
    panels[0].set_yscale("log")
    panels[0].legend(fontsize=8, title="trained by")
    return figure


def processes():
    """One process against two."""
    rows = results("processes")["rows"]
    figure, panels = plot.subplots(1, len(rows), figsize=(9, 3), layout="constrained", sharey=True, squeeze=False)
    for axes, (optimiser, runs) in zip(panels[0], rows.items()):
        axes.errorbar(range(len(runs)), [run["dice"]["mean"] for run in runs.values()], yerr=[run["dice"]["sd"] for run in runs.values()], linestyle="none", marker="o", capsize=3)
        axes.set_xticks(range(len(runs)), [name.replace(", ", "\n") for name in runs], fontsize=8)
        axes.set_title({"adam-w": "AdamW", "sgd": "SGD"}[optimiser])
    panels[0][0].set_ylabel("Dice, mean and sd over seeds")
    return figure


def variance():
    """What Dice varies by, over the number of cases."""
    cases = results("variance")["cases"]
    figure, panels = plot.subplots(1, 2, figsize=(9, 3), layout="constrained", sharey=True)
    for axes, metric in zip(panels, ("anterior/dice", "posterior/dice")):
        parts = [part["name"] for part in next(iter(cases.values()))[metric]["variance"]["components"]]
        for n, part in enumerate(parts):
            values = [next(p for p in rows[metric]["variance"]["components"] if p["name"] == part)["standardDeviation"] for rows in cases.values()]
            axes.bar([k + 0.16 * (n - 2) for k in range(len(values))], values, width=0.16, label=part, color=COLOURS[n])
        axes.set_xticks(range(len(cases)), [f"{size} cases" for size in cases])
        axes.set_title(metric.replace("/dice", ", Dice"))
    panels[0].set_ylabel("standard deviation")
    panels[0].legend(fontsize=8)
    return figure


def in_rows(study, metrics, figsize=(11, 3.2)):
    """A panel a metric: the networks of a study below each other, as they came and tuned."""
    networks = results(study)["networks"]
    figure, panels = plot.subplots(1, len(metrics), figsize=figsize, layout="constrained", sharey=True)
    names = list(networks)
    for axes, (metric, title) in zip(panels, metrics.items()):
        for n, (tuned, legend) in enumerate(((False, "as trained"), (True, "tuned on the other folds"))):
            rows = {name: found for name in names if (found := row(networks[name], tuned)) and metric in found}
            values = [span(found[metric]) for found in rows.values()]
            if values:
                means, low, high = zip(*values)
                axes.errorbar(means, [names.index(name) + 0.25 * n for name in rows], xerr=[low, high], linestyle="none", marker="o", markersize=4, capsize=2, label=legend)
        axes.set_title(title, fontsize=9)
        axes.set_yticks([k + 0.125 for k in range(len(names))], names)
    panels[0].invert_yaxis()
    panels[0].legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.12))
    return figure, panels


def row(network, tuned):
    """The first row, or that of the tuned network."""
    return next((found for key, found in network["samples"].items() if key.endswith("-tuned") == tuned), None)


def lesions():
    """Losses on the glioma patients."""
    return in_rows("lesions", {"dice": "Dice a patient", "lesion/lesion-f1": "lesion F1", "lesion/nll": "NLL, nats a voxel", "lesion/ece-near": "ECE near lesions"})[0]


def uncertainty():
    """Posteriors on the glioma patients."""
    figure, panels = in_rows("uncertainty", {"dice": "Dice", "lesion/nll": "NLL, nats a voxel", "lesion/ece-near": "ECE near lesions", "lesion/ndsc-r-auc": "nDSC R-AUC",
                             "all/error-auroc": "AUROC, voxel is wrong", "volume interval covers": "intervals of volume that hold"},
                             figsize=(14, 3.8))
    widened = {n: intervals["widened"][0] for n, network in enumerate(results("uncertainty")["networks"].values()) if (intervals := network.get("tuning", {}).get("volumeIntervals")) and intervals["widened"]}
    panels[-1].plot(widened.values(), [n + 0.25 for n in widened], marker="D", color=COLOURS[2], linestyle="none", label="widened by the factor of the other folds")
    panels[-1].axvline(0.95, color="#999999", linewidth=0.8)
    panels[-1].legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 1.12))
    return figure


def samples():
    """Quality against the number of samples: differences to one sample, case by case."""
    table = {int(count): scores.by_metric(records) for (_, count), records in scores.load(ROOT / "bench/results/proof-samples.csv").items()}
    figure, panels = plot.subplots(1, 4, figsize=(12, 2.8), layout="constrained")
    for n, (axes, (metric, label)) in enumerate(zip(panels, {"dice": "Dice, difference to 1 sample", "lesion/nll": "NLL, difference to 1 sample", "all/error-auroc": "AUROC of wrong voxels, difference", "volume interval covers": "percentiles hold the volume"}.items())):
        values = {count: {case: value - table[1][metric].get(case, 0) for case, value in by_case[metric].items()} for count, by_case in sorted(table.items()) if count > 1}
        errors(axes, list(values), [span(scores.interval(of_case)) for of_case in values.values()], color=COLOURS[n])
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(values), list(values))
        axes.set_xlabel("samples")
        axes.set_ylabel(label)
    return figure


def shift():
    """Corruptions at five strengths."""
    networks = results("shift")
    kinds = list(dict.fromkeys(key.rsplit(" ", 1)[0] for key in next(iter(networks.values()))["rows"] if key != "as it was"))
    metrics = {"dice": "Dice", "ece-near": "ECE near", "calibrated volume interval covers": "volume intervals\nthat hold", "unsure": "warned of as less\nsure than usual", "warned": "warned by the\nfingerprint", "refused": "refused by the\nfingerprint"}
    figure, panels = plot.subplots(len(metrics), len(kinds), figsize=(2 * len(kinds), 1.7 * len(metrics)), sharex=True, sharey="row", layout="constrained")
    for column, kind in enumerate(kinds):
        panels[0][column].set_title({"ghosts": "ghosts of motion", "intensity": "receive field", "spacing": "thicker slices", "missing": "missing slices"}.get(kind, kind))
        for line, metric in enumerate(metrics):
            for name, network in networks.items():
                found = [network["rows"].get(key, {}).get(metric) for key in ("as it was", *(f"{kind} {strength}" for strength in range(1, 6)))]
                panels[line][column].plot(range(6), [f["mean"] if isinstance(f, dict) else f for f in found], marker="o", markersize=3, label=name)
            panels[line][0].set_ylabel(metrics[metric])
        panels[-1][column].set_xlabel("strength")
    panels[0][0].legend(fontsize=7)
    return figure


def ablation(study, metrics, titles):
    """What each change does to the base, case by case."""
    networks = {name: next(iter(network["samples"].values())) for name, network in results(study)["networks"].items()}
    changed = [name for name, row in networks.items() if "difference" in row["dice"]]
    figure, panels = plot.subplots(1, len(metrics), figsize=(4.5 * len(metrics), 0.8 + 0.25 * len(changed)), layout="constrained", sharey=True)
    for n, (axes, metric, title) in enumerate(zip(panels, metrics, titles)):
        means, low, high = zip(*(span(networks[name][metric]["difference"]) for name in changed))
        axes.errorbar(means, range(len(changed)), xerr=[low, high], linestyle="none", marker="o", markersize=4, capsize=2, color=COLOURS[n])
        axes.axvline(0, color="#999999", linewidth=0.8)
        axes.set_xlabel(title)
        axes.set_yticks(range(len(changed)), changed)
    panels[0].invert_yaxis()
    return figure


def hippocampus():
    """The folds of the hippocampus."""
    networks = results("hippocampus")["networks"]
    figure, panels = plot.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for name, network in networks.items():
        colour = COLOURS[list(networks).index(name)]
        for n, run in enumerate(network["training"].values()):
            panels[0].plot([run["steps"] / len(run["validationDice"]) * (k + 1) for k in range(len(run["validationDice"]))], run["validationDice"], color=colour, linewidth=0.9, label=None if n else name)
        panels[1].hist([record["dice"] for record in scores.load(ROOT / "bench/results/proof-hippocampus.csv")[name, next(iter(network["samples"]))].values()], bins=[0.76 + 0.005 * n for n in range(39)], histtype="step", color=colour)
    panels[0].set_xlabel("step")
    panels[0].set_ylabel("Dice of the validation cases, a line a fold")
    panels[1].set_xlabel("Dice of a case")
    panels[1].set_ylabel("cases")
    panels[0].legend()
    return figure


FIGURES = {"kl": (kl, ("kl-3d",)), "kl-parameters": (kl_parameters, ("parameters",)), "norms": (norms, ("norms",)), "imbalance": (imbalance, ("imbalance",)),
           "criteria": (criteria, ("criteria",)), "processes": (processes, ("processes",)), "variance": (variance, ("variance",)), "lesions": (lesions, ("lesions",)), "uncertainty": (uncertainty, ("uncertainty",)),
           "samples": (samples, ("samples",)), "shift": (shift, ("shift",)), "hippocampus": (hippocampus, ("hippocampus",)),
           "ablation": (lambda: ablation("ablation-by-case", ("dice", "all/nll"), ("Dice, difference to the base", "NLL, difference to the base")), ("ablation-by-case",)),
           "ablation-lesions": (lambda: ablation("ablation-lesions", ("dice", "lesion/lesion-f1", "lesion/nll"), ("Dice, difference to the base", "lesion F1, difference", "NLL, difference")), ("ablation-lesions",))}

if unknown := set(sys.argv[1:]) - set(FIGURES):
    sys.exit(f"no figure {', '.join(sorted(unknown))}; expected {', '.join(FIGURES)}")

for name, (draw, needed) in FIGURES.items():
    if name in sys.argv[1:] or not sys.argv[1:] and all(map(has, needed)):
        path = ROOT / f"docs/explanation/{name}.png"
        draw().savefig(path, bbox_inches="tight")
        print(path)
