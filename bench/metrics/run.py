#!/usr/bin/python3
"""Compare the metrics of one 182 x 218 x 182 case with scipy and scikit-learn, each in the same run, by the same definitions.

    bench/metrics/run.py --data <folder with ms/patient19/lesion.nii.gz> [--rounds 3]

Prints the median seconds of processor time of both sides, which other programs on the machine do not lengthen, and their ratio, checks that both found the same number, and writes bench/results/metrics.json.
Debian packages: python3-scipy python3-sklearn python3-nibabel. The prediction is the reference, moved by a voxel and with noise, so that errors are many.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import nibabel
import numpy as np
from scipy import ndimage
from sklearn.metrics import auc, average_precision_score, brier_score_loss, log_loss, roc_auc_score

ROOT = pathlib.Path(__file__).resolve().parents[2]


def ours(job, folder, rounds):
    command = ["dotnet", ROOT / "artifacts/bin/Metrics.Bench/release/metrics-bench.dll", job, folder, str(rounds)]
    seconds, found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return float(seconds), float(found)


def timed(work, rounds):
    times = []
    for _ in range(rounds):
        start = time.process_time()
        found = work()
        times.append(time.process_time() - start)
    return statistics.median(times), float(found)


def surface(truth, guess, sampling, crop):
    if crop:
        box = ndimage.find_objects((truth | guess).astype(np.uint8))[0]
        truth, guess = np.pad(truth[box], 1), np.pad(guess[box], 1)
    a, b = (mask & ~ndimage.binary_erosion(mask) for mask in (truth, guess))
    from_a, from_b = ndimage.distance_transform_edt(~b, sampling=sampling)[a], ndimage.distance_transform_edt(~a, sampling=sampling)[b]
    return max(np.percentile(from_a, 95), np.percentile(from_b, 95))


def masks(truth, guess, sampling, crop):
    """Overlap, surface distances and lesion F1: less than our side does."""
    structure = ndimage.generate_binary_structure(3, 3)
    (t, nt), (g, ng) = ndimage.label(truth, structure), ndimage.label(guess, structure)
    shared = np.bincount((t.astype(np.int64) * (ng + 1) + g).ravel(), minlength=(nt + 1) * (ng + 1)).reshape(nt + 1, ng + 1)
    iou = shared / np.maximum(1, shared.sum(1)[:, None] + shared.sum(0)[None] - shared)
    _ = (iou[1:, 1:] >= 0.5).sum(), (truth & guess).sum()
    return surface(truth, guess, sampling, crop)


def everything(truth, guess, probability, uncertainty, sampling):
    masks(truth, guess, sampling, crop=True)
    y, p, u = truth.ravel(), probability.ravel(), uncertainty.ravel()
    log_loss(y, np.clip(p, 1e-7, 1 - 1e-7), labels=[0, 1]), brier_score_loss(y, p)
    for bins in (np.minimum((p * 15).astype(int), 14), np.searchsorted(np.quantile(p, np.arange(1, 15) / 15), p)):
        n = np.maximum(1, np.bincount(bins, minlength=15))
        _ = np.abs(np.bincount(bins, y, minlength=15) / n - np.bincount(bins, p, minlength=15) / n)
    roc_auc_score(y != guess.ravel(), u), average_precision_score(y != guess.ravel(), u)
    # The retention curve of Shifts by running sums, which is far faster than its own replay of 200 predictions.
    order = u.argsort(kind="stable")
    t, g = y[order], guess.ravel()[order]
    fractions = np.log(np.arange(1, 201)) / np.log(200)
    kept = (len(t) * fractions).astype(int)
    fp, fn = (np.concatenate(([0], np.cumsum(e)))[kept] for e in (g & ~t, t & ~g))
    k = 0.999 * t.sum() / (0.001 * (t.size - t.sum()))
    tp = t.sum() - fn
    return 1 - auc(fractions, 2 * tp / (2 * tp + k * fp + fn))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    subprocess.run(["dotnet", "build", "-c", "Release", "-v", "q", ROOT / "bench/metrics"], check=True, stdout=subprocess.DEVNULL)
    image = nibabel.load(options.data / "ms/patient19/lesion.nii.gz")
    random = np.random.default_rng(1)
    truth = np.asarray(image.dataobj).T > 0  # (D, H, W), as in memory
    sampling = [float(s) for s in image.header.get_zooms()[2::-1]]
    probability = np.clip(ndimage.gaussian_filter(np.roll(truth, 1, 2).astype(np.float32), 1) + 0.1 * random.standard_normal(truth.shape).astype(np.float32) * (truth | (random.random(truth.shape) < 1e-3)), 0, 1)
    guess = probability > 0.5
    uncertainty = (probability * (1 - probability)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        for name, array in (("reference", truth.astype(np.uint8)), ("prediction", guess.astype(np.uint8)), ("probability", probability), ("uncertainty", uncertainty)):
            nibabel.save(nibabel.Nifti1Image(array.T, image.affine), f"{folder}/{name}.nii.gz")
        wrong = (truth != guess).ravel()
        whole = " x ".join(map(str, truth.shape[::-1]))
        jobs = {
            f"components, 26 neighbours, {whole}, against scipy.ndimage.label": ("components", lambda: ndimage.label(truth, ndimage.generate_binary_structure(3, 3))[1]),
            "exact distance transform of the whole grid, against scipy": ("distance", lambda: ndimage.distance_transform_edt(~truth, sampling=sampling)[0, 0, 0]),
            "all metrics of two masks, against scipy on the whole grid": ("masks", lambda: masks(truth, guess, sampling, crop=False)),
            "all metrics of two masks, against scipy on the union box": ("masks", lambda: masks(truth, guess, sampling, crop=True)),
            "AUROC and average precision of all voxels, against scikit-learn": ("error-detection", lambda: (average_precision_score(wrong, uncertainty.ravel()), roc_auc_score(wrong, uncertainty.ravel()))[1]),
            "every metric with probability and uncertainty, against scipy and scikit-learn": ("everything", lambda: everything(truth, guess, probability, uncertainty, sampling)),
        }
        rows = {}
        for title, (job, peer) in jobs.items():
            seconds, found = ours(job, folder, options.rounds)
            peer_seconds, peer_found = timed(peer, options.rounds)
            if abs(found - peer_found) > 1e-6 * max(1, abs(peer_found)):
                raise SystemExit(f"{title}: ours found {found}, the peer {peer_found}")
            rows[title] = {"seconds": seconds, "peerSeconds": peer_seconds, "ratio": peer_seconds / seconds, "found": found}
            print(f"{title}: {seconds:.3f} s against {peer_seconds:.3f} s, {peer_seconds / seconds:.1f} times as fast", flush=True)
    (ROOT / "bench/results/metrics.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


main()
