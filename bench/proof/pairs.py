#!/usr/bin/python3
"""Which cases of the Decathlon's hippocampus set are of one person, and what it does to a cross-validation that puts them on two sides.

    bench/proof/pairs.py --data <folder with hippocampus/>

A scan that was scaled on the way has its own step between two intensities. Cases 2k - 1 and 2k are compared by it, and as a control 2k and 2k + 1 and all others.
Of each reference: whether the posterior part lies to the left of the anterior, as it does on one side of a head alone. Then the Dice of each case of the study
`hippocampus-by-case`, whose folds know nothing of persons (bench/results/proof-pairs.csv, by programs of commit 5e9e4a7), by where the other side was: in training or not.
Prints all and writes bench/results/proof-pairs.json; intervals are over persons. Debian packages: python3-nibabel, python3-scipy.
"""
import argparse, itertools, json, pathlib
import nibabel, numpy, scipy.stats
import scores
from programs import ROOT, write
from studies import person

def step(scan):
    """The step between neighbouring intensities, None where they are whole numbers."""
    values = numpy.unique(numpy.asarray(nibabel.load(scan).dataobj, dtype=numpy.float32)).astype(float)
    extent = values[-1] - values[0]
    found = extent / round(extent / numpy.diff(values).min())
    levels = (values - values[0]) / found
    return None if abs(found - round(found)) < 1e-6 * found or abs(levels - levels.round()).max() > 0.1 else found


def same_step(scans):
    """Of numbers that both have a step, how many have the same: of an odd number and the next, of an even number and the next, of others."""
    steps = {int(name.rpartition("_")[2]): found for name, scan in scans.items() if (found := step(scan))}
    found = {"odd and next": [0, 0], "even and next": [0, 0], "other pairs": [0, 0]}
    for one, other in itertools.combinations(sorted(steps), 2):
        count = found["other pairs" if other > one + 1 else "odd and next" if one % 2 else "even and next"]
        count[0] += abs(steps[one] - steps[other]) < 1e-6 * steps[one]
        count[1] += 1
    return {kind: {"same": int(same), "of": of} for kind, (same, of) in found.items()}


def posterior_is_left(reference):
    """Whether the centre of the posterior part has the smaller index along the axis from left to right (all scans of the set are RAS)."""
    image = nibabel.load(reference)
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    labels = numpy.asarray(image.dataobj)
    return bool(numpy.argwhere(labels == 2)[:, 0].mean() < numpy.argwhere(labels == 1)[:, 0].mean())


def persons(cases, dice):
    """The mean over each person's cases."""
    of = {}
    for case in cases:
        of.setdefault(person(case), []).append(dice[case])
    return [float(numpy.mean(values)) for values in of.values()]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    data = arguments.parse_args().data / "hippocampus"
    scans = {scan.name[:-7]: scan for scan in sorted((data / "imagesTr").glob("*.nii.gz"))}
    found = {"step of intensity": same_step(scans)}
    for kind, count in found["step of intensity"].items():
        print(f"{kind:16} the same step in {count['same']} of {count['of']} pairs")

    left = {name: posterior_is_left(data / f"labelsTr/{name}.nii.gz") for name in scans}
    for parity, kind in ((1, "odd"), (0, "even")):
        of_kind = [is_left for name, is_left in left.items() if int(name.rpartition("_")[2]) % 2 == parity]
        found[f"posterior part left of the anterior, {kind} numbers"] = {"cases": sum(of_kind), "of": len(of_kind)}
        print(f"posterior part left of the anterior in {sum(of_kind)} of {len(of_kind)} cases of {kind} numbers")

    records = scores.load(ROOT / "bench/results/proof-pairs.csv")["plain", "1"]
    dice, fold_of = {case: record["dice"] for case, record in records.items()}, {case: record["fold"] for case, record in records.items()}
    others = {case: [other for other in dice if other != case and person(other) == person(case)] for case in dice}
    groups = {"in training": [c for c in dice if others[c] and fold_of[others[c][0]] != fold_of[c]],
              "not in training": [c for c in dice if not others[c] or fold_of[others[c][0]] == fold_of[c]]}
    values = {name: persons(cases, dice) for name, cases in groups.items()}
    found["Dice of a case whose other side is"] = {name: {"cases": len(groups[name]), "persons": len(v), "mean": round(float(numpy.mean(v)), 5)} for name, v in values.items()}
    bounds = scipy.stats.bootstrap(tuple(values.values()), lambda a, b, axis=-1: a.mean(axis=axis) - b.mean(axis=axis), n_resamples=5000, random_state=1, method="BCa").confidence_interval
    found["difference"] = {"mean": round(float(numpy.mean(values["in training"]) - numpy.mean(values["not in training"])), 5), "low": round(float(bounds.low), 5), "high": round(float(bounds.high), 5)}
    for name, row in found["Dice of a case whose other side is"].items():
        print(f"other side {name:16} Dice {row['mean']:.4f}, {row['cases']} cases of {row['persons']} persons")
    print(f"difference {found['difference']['mean']:.4f} ({found['difference']['low']:.4f} to {found['difference']['high']:.4f})")
    write(ROOT / "bench/results/proof-pairs.json", {"data": "hippocampus", **found})


main()
