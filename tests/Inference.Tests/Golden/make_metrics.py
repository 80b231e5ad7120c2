#!/usr/bin/python3
"""Writes metrics.json: small cases, and what scipy.ndimage, scikit-learn and NumPy make of them by the definitions in docs/reference/metrics.md.

Debian packages: python3-scipy python3-sklearn. Run in this folder. Distances come from scipy's transform, ranks from scikit-learn, retention from a literal replay of
Shifts (replace voxels, score anew), lesions from a loop over labels; none of it shares code or shortcuts with the engine.
"""
import json
import numpy as np
from scipy import ndimage
from scipy.stats import rankdata
from sklearn.metrics import auc, average_precision_score, roc_auc_score

BINS, TOLERANCE, RADIUS, SIZES = 15, 1.0, 5.0, (0, 10, 100, 1000, np.inf)
STRUCTURE = {6: 1, 18: 2, 26: 3}


class Values(dict):
    """One (0 / 0 counts 1), zero or undefined for scores; 0 or undefined for errors."""

    def __init__(self, policy):
        super().__init__()
        self.policy = policy

    def plain(self, name, value):
        self[name] = None if value is None or not np.isfinite(value) else float(value)

    def score(self, name, numerator, denominator, is_empty=True):
        if denominator == 0 and not is_empty:
            return self.plain(name, None)
        empty = {"undefined": None, "one": 1.0, "zero": 0.0}[self.policy]
        self[name] = empty if denominator == 0 else float(numerator / denominator)

    def error(self, name, value, is_empty):
        self.plain(name, (0.0 if self.policy == "one" else None) if is_empty else value)


def ndsc(truth, guess, r=0.001):
    """Shifts, with NaN for two empty masks."""
    tp, fp, fn = (truth & guess).sum(), (~truth & guess).sum(), (truth & ~guess).sum()
    k = (1 - r) * truth.sum() / (r * (truth.size - truth.sum())) if truth.any() else 1.0
    return 2 * tp / (2 * tp + k * fp + fn) if truth.any() or guess.any() else np.nan


def surface(truth, guess, sampling):
    def boundary(mask):
        return mask & ~ndimage.binary_erosion(mask, iterations=1)

    a, b = boundary(truth), boundary(guess)
    from_a = ndimage.distance_transform_edt(~b, sampling=sampling)[a] if b.any() else np.full(a.sum(), np.inf)
    from_b = ndimage.distance_transform_edt(~a, sampling=sampling)[b] if a.any() else np.full(b.sum(), np.inf)
    return from_a, from_b


def lesions(truth, guess, case):
    structure = ndimage.generate_binary_structure(3, STRUCTURE[case["connectivity"]])
    truths, n_truth = ndimage.label(truth, structure)
    guesses, n_guess = ndimage.label(guess, structure)
    t = [truths == i + 1 for i in range(n_truth)]
    g = [guesses == i + 1 for i in range(n_guess)]
    iou = np.array([[(x & y).sum() / (x | y).sum() for y in t] for x in g]).reshape(n_guess, n_truth)
    partner, missed = [None] * n_guess, [True] * n_truth
    if case["matching"] == "one-to-one":
        for value, y, x in sorted(((iou[x, y], y, x) for x in range(n_guess) for y in range(n_truth)), key=lambda p: -p[0]):
            if value >= case["threshold"] and partner[x] is None and missed[y]:
                partner[x], missed[y] = y, False
    else:
        for x in range(n_guess):
            if n_truth and iou[x].max() >= case["threshold"]:
                partner[x] = int(iou[x].argmax())
        for y in range(n_truth):
            best = iou[:, y].max() if n_guess else 0
            missed[y] = bool(best < case["threshold"]) if case["matching"] == "shifts" else bool(best == 0)
    adjusted = []
    for x in g:
        k = np.zeros_like(x)
        for y in t:
            if (x & y).any():
                k |= y
        q = guess & ~x
        adjusted.append((x & k).sum() / (x | (k & ~q)).sum())
    return t, g, iou, partner, missed, adjusted


def calibration(values, prefix, suffix, p, hit, nll, brier):
    n = len(p)
    for bins, names in ((np.minimum((p * BINS).astype(int), BINS - 1), ("ece", "ace-equal-width", "mce")),
                        (((rankdata(p, method="min") - 1) * BINS // max(n, 1)).astype(int), ("ece-equal-mass", "ace", None))):
        gaps, weights = [], []
        for b in range(BINS):
            inside = bins == b
            if inside.any():
                gaps.append(abs(hit[inside].mean() - p[inside].mean()))
                weights.append(inside.sum())
        for name, value in zip(names, (np.average(gaps, weights=weights), np.mean(gaps), np.max(gaps)) if gaps else (None,) * 3):
            if name:
                values.plain(prefix + name + suffix, value)
    values.plain(prefix + "nll" + suffix, nll)
    values.plain(prefix + "brier" + suffix, brier)


def binary_calibration(values, prefix, suffix, p, y):
    right = np.where(y, p, 1 - p)
    calibration(values, prefix, suffix, p, y, np.mean(-np.log(np.maximum(right, 1e-7))) if len(p) else None, np.mean((p - y) ** 2) if len(p) else None)


def retention(truth, guess, uncertainty):
    """Literally as Shifts, with a stable sort."""
    order = uncertainty.argsort(kind="stable")
    truth, guess, n = truth[order], guess[order], len(order)
    fractions = np.log(np.arange(201)[1:])
    fractions = fractions / fractions.max()
    scores = []
    for fraction in fractions:
        kept = int(n * fraction)
        score = ndsc(truth, np.concatenate((guess[:kept], truth[kept:])))
        scores.append(1.0 if np.isnan(score) else score)
    return auc(fractions, scores)


def retention_bounds(truth, guess, r=0.001):
    fractions = np.log(np.arange(1, 201)) / np.log(200)
    fp, fn, n = (guess & ~truth).sum(), (truth & ~guess).sum(), truth.size
    k = (1 - r) * truth.sum() / (r * (n - truth.sum())) if truth.any() else 1.0

    def area(left):
        tp = truth.sum() - left * fn
        top, bottom = 2 * tp, 2 * tp + k * left * fp + left * fn
        return auc(fractions, np.where(bottom == 0, 1.0, top / np.where(bottom == 0, 1, bottom)))

    left = np.clip(((fp + fn) - (1 - fractions) * n) / max(fp + fn, 1), 0, None)
    return area(left), area(fractions)


def evaluate(case, truth_map, guess_map, probabilities, uncertainty, region):
    values = Values(case["policy"])
    sampling = case["spacing"][::-1]
    voxel = float(np.prod(case["spacing"]))
    inside = np.ones(truth_map.size, bool) if region is None else region.ravel() > 0
    for label, name in case["classes"]:
        truth, guess = truth_map == label, guess_map == label
        tp, fp, fn = int((truth & guess).sum()), int((guess & ~truth).sum()), int((truth & ~guess).sum())
        is_empty = tp + fp + fn == 0
        p = f"{name}/"
        values.score(p + "dice", 2 * tp, 2 * tp + fp + fn)
        values.score(p + "iou", tp, tp + fp + fn)
        values.score(p + "ndsc", ndsc(truth, guess), 0 if is_empty else 1)
        if region is not None:
            score = ndsc(truth.ravel()[inside], guess.ravel()[inside])
            values.score(p + "ndsc-region", score, 0 if np.isnan(score) else 1)
        values.score(p + "precision", tp, tp + fp, is_empty)
        values.score(p + "recall", tp, tp + fn, is_empty)
        difference = (fp - fn) * voxel / 1000
        values.plain(p + "reference-volume-ml", (tp + fn) * voxel / 1000)
        values.plain(p + "prediction-volume-ml", (tp + fp) * voxel / 1000)
        values.plain(p + "volume-difference-ml", difference)
        values.plain(p + "absolute-volume-difference-ml", abs(difference))
        values.error(p + "relative-volume-difference", abs(fp - fn) / (tp + fn) if tp + fn else np.inf, is_empty)

        a, b = surface(truth, guess, sampling)
        both = len(a) and len(b)
        values.error(p + "hd-mm", max(a.max(), b.max()) if both else None, is_empty)
        values.error(p + "hd95-mm", max(np.percentile(a, 95), np.percentile(b, 95)) if both else None, is_empty)
        values.error(p + "assd-mm", np.concatenate((a, b)).mean() if both else None, is_empty)
        values.score(p + "nsd", (a <= TOLERANCE + 1e-9).sum() + (b <= TOLERANCE + 1e-9).sum(), len(a) + len(b))

        t, g, iou, partner, missed, adjusted = lesions(truth, guess, case)
        values.plain(p + "reference-lesions", len(t))
        values.plain(p + "prediction-lesions", len(g))

        def counts(suffix, tp, fp, fn):
            values.plain(p + "lesion-tp" + suffix, tp)
            values.plain(p + "lesion-fp" + suffix, fp)
            values.plain(p + "lesion-fn" + suffix, fn)
            values.score(p + "lesion-precision" + suffix, tp, tp + fp, tp + fp + fn == 0)
            values.score(p + "lesion-recall" + suffix, tp, tp + fn, tp + fp + fn == 0)
            values.score(p + "lesion-f1" + suffix, 2 * tp, 2 * tp + fp + fn)

        found = [x for x in range(len(g)) if partner[x] is not None]
        ious = [iou[x, partner[x]] for x in found]
        lesion_tp, lesion_fp, lesion_fn = len(found), len(g) - len(found), sum(missed)
        counts("", lesion_tp, lesion_fp, lesion_fn)
        values.score(p + "rq", 2 * lesion_tp, 2 * lesion_tp + lesion_fp + lesion_fn)
        values.score(p + "sq", sum(ious), len(ious), len(t) + len(g) == 0)
        values.score(p + "pq", 2 * sum(ious), 2 * lesion_tp + lesion_fp + lesion_fn)
        values.score(p + "lesion-iou-adjusted", sum(adjusted), len(adjusted), len(t) + len(g) == 0)
        for low, high in zip(SIZES, SIZES[1:]):
            def within(mask):
                return low <= mask.sum() * voxel < high
            counts(f"@{low}-{'inf' if high == np.inf else high}mm3", sum(within(t[partner[x]]) for x in found),
                   sum(within(g[x]) for x in range(len(g)) if partner[x] is None), sum(within(t[y]) for y in range(len(t)) if missed[y]))

        if label in probabilities:
            probability = probabilities[label].ravel()
            binary_calibration(values, p, "", probability[inside], truth.ravel()[inside])
            union = truth | guess
            near = (ndimage.distance_transform_edt(~union, sampling=sampling) <= RADIUS).ravel() if union.any() else np.zeros(union.size, bool)
            binary_calibration(values, p, "-near", probability[near], truth.ravel()[near])
        if uncertainty is not None:
            y, x, u = truth.ravel()[inside], guess.ravel()[inside], uncertainty.ravel()[inside]
            area = retention(y, x, u)
            nothing = not (y.any() or x.any())
            ideal, random = retention_bounds(y, x)
            values.score(p + "ndsc-retention-area", area, 0 if nothing else 1)
            values.error(p + "ndsc-r-auc", 1 - area, nothing)
            values.score(p + "ndsc-retention-area-ideal", ideal, 0 if nothing else 1)
            values.score(p + "ndsc-retention-area-random", random, 0 if nothing else 1)
            units = [(uncertainty[g[x]].mean(), "tp" if partner[x] is not None else "fp") for x in range(len(g))]
            units += [(uncertainty[t[y]].mean(), "fn") for y in range(len(t)) if missed[y]]
            units.sort(key=lambda unit: unit[0])
            scores = []
            for kept in range(len(units) + 1):
                kinds = [kind for _, kind in units[:kept]] + [{"tp": "tp", "fn": "tp", "fp": "gone"}[kind] for _, kind in units[kept:]]
                top, bottom = 2 * kinds.count("tp"), 2 * kinds.count("tp") + kinds.count("fp") + kinds.count("fn")
                scores.append(top / bottom if bottom else 1.0)
            values.score(p + "lesion-f1-retention-area", auc(np.arange(len(scores)) / len(units), scores) if units else 0, min(1, len(units)))

    if len(case["classes"]) > 1 and probabilities:
        stack = np.stack([1 - sum(probabilities.values()), *[probabilities[label] for label, _ in case["classes"]]]).reshape(len(case["classes"]) + 1, -1)[:, inside]
        index = np.array([0, *[label for label, _ in case["classes"]]])
        hot = truth_map.ravel()[inside] == index[:, None]
        best = stack.argmax(0)
        calibration(values, "all/", "", stack.max(0), hot[best, np.arange(hot.shape[1])], np.mean(-np.log(np.maximum((stack * hot).sum(0), 1e-7))),
                    np.mean(((stack - hot) ** 2).sum(0)))
    if uncertainty is not None:
        wrong, u = (truth_map != guess_map).ravel()[inside], uncertainty.ravel()[inside]
        values.plain("all/error-auroc", roc_auc_score(wrong, u) if 0 < wrong.sum() < len(wrong) else None)
        values.plain("all/error-average-precision", average_precision_score(wrong, u) if wrong.any() else None)
    return values


def blobs(random, shape, share, labels):
    """Smooth noise above a quantile: lesions of many sizes and shapes, some at the border."""
    field = ndimage.gaussian_filter(random.standard_normal(shape), (0.8, 1.1, 1.1))
    mask = field > np.quantile(field, 1 - share)
    side = ndimage.gaussian_filter(random.standard_normal(shape), 3) > 0
    return np.where(mask, np.where(side & (labels > 1), 2, 1), 0).astype(np.uint8)


def main():
    random = np.random.default_rng(2026)
    shape, cases = (8, 13, 15), []
    for n, (matching, connectivity, threshold, policy, kind) in enumerate([
            ("one-to-one", 26, 0.5, "undefined", "plain"), ("one-to-one", 26, 0.2, "one", "region"), ("one-to-one", 6, 0.3, "zero", "two classes"),
            ("shifts", 6, 0.25, "undefined", "plain"), ("shifts", 26, 0.5, "undefined", "two classes"), ("ms-wml-uncs", 18, 0.25, "undefined", "region"),
            ("ms-wml-uncs", 18, 0.4, "one", "masks only"), ("one-to-one", 18, 0.5, "one", "no reference"), ("shifts", 6, 0.25, "zero", "no prediction"),
            ("one-to-one", 26, 0.5, "undefined", "nothing"), ("one-to-one", 26, 0.5, "one", "nothing"), ("ms-wml-uncs", 18, 0.25, "zero", "nothing"),
            ("one-to-one", 26, 0.5, "undefined", "equal")]):
        labels = 2 if kind == "two classes" else 1
        truth = blobs(random, shape, 0.12, labels)
        noise = blobs(random, shape, 0.08, labels)
        guess = np.where(noise > 0, np.where(truth > 0, 0, noise), truth)
        guess = np.roll(guess, n % 2, axis=2).astype(np.uint8)
        truth = np.zeros_like(truth) if kind in ("no reference", "nothing") else truth
        guess = np.zeros_like(guess) if kind in ("no prediction", "nothing") else truth.copy() if kind == "equal" else guess
        # Multiples of 1/256 and 1/8 are exact in single precision, and tie often.
        parts = {label: np.round(ndimage.gaussian_filter((guess == label) * 1.0, 0.7) * 230 + random.integers(0, 20, shape)).clip(0, 127 if labels > 1 else 256) for label in range(1, labels + 1)}
        uncertainty = None if kind == "masks only" else random.integers(0, 6, shape) + 4 * (truth != guess) * random.integers(0, 2, shape)
        region = (random.random(shape) < 0.7).astype(np.uint8) if kind == "region" else None
        case = {
            "name": f"{kind}, {matching}, {connectivity}, {policy}", "size": list(shape[::-1]), "spacing": [0.9, 1.0, 2.5], "matching": matching, "connectivity": connectivity,
            "threshold": threshold, "policy": policy, "classes": [[label, name] for label, name in ((1, "lesion"), (2, "core"))[:labels]],
        }
        probabilities = {} if kind == "masks only" else {label: part / 256 for label, part in parts.items()}
        values = evaluate(case, truth, guess, probabilities, None if uncertainty is None else uncertainty / 8, region)

        def digits(array):
            return "".join(str(int(value)) for value in array.ravel())

        case |= {"reference": digits(truth), "prediction": digits(guess), "region": None if region is None else digits(region),
                 "probabilities": {str(label): [int(v) for v in parts[label].ravel()] for label in probabilities},
                 "uncertainty": None if uncertainty is None else [int(v) for v in uncertainty.ravel()],
                 "values": dict(sorted(values.items()))}
        cases.append(case)
    with open("metrics.json", "w", encoding="utf-8") as file:
        json.dump(cases, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
