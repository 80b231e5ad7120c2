#!/usr/bin/python3
"""Corrupt the unseen cases of fold 0 in seven ways at five strengths: what accuracy, calibration, uncertainty and the fingerprint gate say.

    bench/proof/shift.py --data <folder with hippocampus/> --work <folder of run.py> [--models hippocampus hippocampus-bayesian]

The models are those of models/zoo, calibrated on other cases. Corrupted scans are made with NumPy and SciPy from a fixed seed, segmented with --any-scan and scored as in run.py;
"warned" is the share of cases with a warning about the scan, "refused" the share that the default limit refuses, "unsure" the share with the warning of a mean entropy above what 95 % of the
calibration's cases stay below. "Rises" is the share of cases whose mean predictive entropy in the segmentation is larger than before the corruption (0.5 is chance). What is done is not repeated.
Prints a table and writes bench/results/proof-shift.json. Debian packages: python3-nibabel, python3-scipy.
"""
import argparse, json, pathlib
import nibabel, numpy, scipy.interpolate, scipy.ndimage
import scores, studies
from programs import ROOT, Programs, write

STRENGTHS = 5
SAMPLES = {"hippocampus": 1, "hippocampus-bayesian": 16}


def intensity(scan, labels, zooms, s, random):
    """A receive field: intensities are multiplied by exp of a plane, from 1/f on one side to f on the other."""
    direction = random.normal(size=3)
    places = sum(d * numpy.linspace(-1, 1, edge).reshape([-1 if a == n else 1 for a in range(3)]) for n, (d, edge) in enumerate(zip(direction / numpy.abs(direction).sum(), scan.shape)))
    return scan * numpy.exp(numpy.log([1.5, 2, 3, 5, 9][s]) * places), labels, zooms


def gamma(scan, labels, zooms, s, random):
    """Contrast: x^g between the smallest and the largest intensity."""
    low, high = scan.min(), scan.max()
    return low + (high - low) * ((scan - low) / (high - low)) ** [0.75, 0.55, 0.4, 0.28, 0.2][s], labels, zooms


def noise(scan, labels, zooms, s, random):
    """Rician: the magnitude of complex noise, as a share of the standard deviation of the scan."""
    sigma = [0.1, 0.25, 0.5, 0.8, 1.2][s] * scan.std()
    return numpy.hypot(scan + random.normal(scale=sigma, size=scan.shape), random.normal(scale=sigma, size=scan.shape)), labels, zooms


def blur(scan, labels, zooms, s, random):
    """A Gaussian point spread."""
    return scipy.ndimage.gaussian_filter(scan, [0.5, 0.8, 1.2, 1.7, 2.4][s]), labels, zooms


def ghosts(scan, labels, zooms, s, random):
    """Motion that comes back with every second to fourth line: these lines of k-space have another phase."""
    axis, period = int(random.integers(3)), int(random.integers(2, 5))
    lines = numpy.fft.fft(scan, axis=axis)
    turned = numpy.exp(1j * [0.2, 0.4, 0.7, 1.1, 1.6][s] * (numpy.arange(scan.shape[axis]) % period == 0))
    return numpy.abs(numpy.fft.ifft(lines * turned.reshape([-1 if a == axis else 1 for a in range(3)]), axis=axis)), labels, zooms


def spacing(scan, labels, zooms, s, random):
    """Thicker slices, with the true spacing in the header: means over slabs, and of the labels the one that fills most of a slab."""
    factor = [1.5, 2.1, 2.9, 3.9, 4.9][s]  # half of which is no sum of tenths: no two labels fill a slab alike
    edges = numpy.arange(int(scan.shape[2] / factor) + 1) * factor

    def slabs(values):
        sums = numpy.concatenate([numpy.zeros((*values.shape[:2], 1)), numpy.cumsum(values, axis=2)], axis=2)
        return numpy.diff(scipy.interpolate.interp1d(numpy.arange(sums.shape[2]), sums, axis=2)(edges), axis=2) / factor

    return slabs(scan), numpy.argmax([slabs(labels == label) for label in range(int(labels.max()) + 1)], axis=0), (*zooms[:2], zooms[2] * factor)


def missing(scan, labels, zooms, s, random):
    """Slices are gone and nothing in the header says so."""
    keep = numpy.ones(scan.shape[2], bool)
    keep[random.choice(numpy.arange(2, scan.shape[2] - 2), size=[1, 3, 6, 10, 14][s], replace=False)] = False
    return scan[:, :, keep], labels[:, :, keep], zooms


CORRUPTIONS = [intensity, gamma, noise, blur, ghosts, spacing, missing]


def corrupt(source, name, corruption, strength, folder):
    """Writes a scan and its reference."""
    scan, labels = (nibabel.load(source / part / f"{name}.nii.gz") for part in ("imagesTr", "labelsTr"))
    voxels, truth, zooms = scan.get_fdata(dtype=numpy.float64), numpy.asarray(labels.dataobj), scan.header.get_zooms()[:3]
    if corruption:
        random = numpy.random.default_rng([CORRUPTIONS.index(corruption), *name.encode()])
        voxels, truth, zooms = corruption(voxels, truth, zooms, strength, random)
    scale = numpy.array([new / old for new, old in zip(zooms, scan.header.get_zooms()[:3])])
    affine = scan.affine @ nibabel.affines.from_matvec(numpy.diag(scale), (scale - 1) / 2)
    paths = [folder / part / f"{name}.nii.gz" for part in ("corrupted", "truth")]
    for path, values, kind in zip(paths, (voxels, truth), (numpy.float32, numpy.uint8)):
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(values.astype(kind), affine), path)
    return name, *paths


def measure(program, model, samples, cases, folder):
    log = folder / "scoring.log"
    measured = scores.score(program, model, cases, folder, folder / f"samples-{samples}", samples, log, ["--any-scan"])
    reports = {name: json.loads((folder / f"samples-{samples}" / name / "report.json").read_text()) for name in measured}
    unsure = [name for name, report in reports.items() if any(warning.startswith("Less sure") for warning in report["warnings"])]
    warned = [name for name, report in reports.items() if any(not warning.startswith("Less sure") for warning in report["warnings"])]
    if warned:
        for name, scan, _ in cases:
            if name in warned:
                link = folder / "warned" / f"{name}.nii.gz"
                link.parent.mkdir(exist_ok=True)
                if not link.exists():
                    link.symlink_to(scan.resolve())
        program("credence-infer", ["batch", folder / "warned", "--model", model, "--output", folder / "gated", "--samples", 1, "--threads", 1, "--no-page"], log, accept=(0, 5))
    refused = [name for name in warned if not (folder / "gated" / name / "report.json").exists()]
    entropy = {name: float(numpy.mean([c["meanEntropy"] for c in report["classes"] if c["meanEntropy"] is not None] or [0])) for name, report in reports.items()}
    row = scores.summary({case: scores.record(values) for case, values in measured.items()}, patient=studies.person)
    row["ece-near"] = float(numpy.mean([value["mean"] for key, value in row.items() if key.endswith("/ece-near")]))
    row["unsure"], row["warned"], row["refused"] = (len(names) / len(measured) for names in (unsure, warned, refused))
    row["entropyByCase"] = {name: round(value, 4) for name, value in entropy.items()}
    return row


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    arguments.add_argument("--models", nargs="+", choices=SAMPLES, default=list(SAMPLES))
    options = arguments.parse_args()
    program = Programs(options.work / "programs")
    program.stop_on_signals()
    target = ROOT / "bench/results/proof-shift.json"
    results = json.loads(target.read_text()) if target.exists() else {}
    names = json.loads((options.work / "hippocampus/plain/training/seed-1-fold-0/split.json").read_text())["validation"]
    for network in options.models:
        samples = SAMPLES[network]
        rows = {}
        for corruption, strength in [(None, 0)] + [(c, s) for c in CORRUPTIONS for s in range(STRENGTHS)]:
            key = f"{corruption.__name__} {strength + 1}" if corruption else "as it was"
            folder = options.work / "shift" / network / key.replace(" ", "-")
            done = folder / "row.json"
            if not done.exists():
                cases = [corrupt(options.data / "hippocampus", name, corruption, strength, folder) for name in names]
                write(done, measure(program, ROOT / "models/zoo" / network / "model.onnx", samples, cases, folder))
            row = rows[key] = json.loads(done.read_text())
            clean = rows["as it was"]["entropyByCase"]
            pairs = [(row["entropyByCase"][name], clean[name]) for name in names]
            row["rises"] = round(float(numpy.mean([(a > b) + 0.5 * (a == b) for a, b in pairs])), 3)
            print(f"{network:20} {key:14} Dice {row['dice']['mean']:.3f}  NLL {row['all/nll']['mean']:.4f}  ECE near {row['ece-near']:.3f}  entropy {numpy.mean(list(row['entropyByCase'].values())):.3f}  "
                  f"volume intervals hold {row['calibrated volume interval covers']['mean']:.2f}  entropy rises {row['rises']:.2f}  unsure {row['unsure']:.2f}  error AUROC {row['all/error-auroc']['mean']:.3f}  warned {row['warned']:.0%}  refused {row['refused']:.0%}", flush=True)
        results[network] = {"commit": program.commit, "samples": samples, "rows": {key: {k: v for k, v in row.items() if k in
                            ("dice", "all/nll", "all/brier", "ece-near", "all/error-auroc", "warned", "refused", "rises", "unsure", "calibrated volume interval covers")} for key, row in rows.items()}}
        write(target, results)


main()
