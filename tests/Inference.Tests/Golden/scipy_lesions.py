#!/usr/bin/python3
"""Prints what scipy makes of the masks in a folder, as JSON: components for 6, 18 and 26 neighbours, surface distances between neighbouring files,
and every metric of a mask against a damaged copy of it under each matching rule, by make_metrics.py.

    scipy_lesions.py <folder with .nii.gz masks>
"""
import json
import pathlib
import sys

import nibabel
import numpy as np
from scipy import ndimage

import make_metrics


def read(path):
    image = nibabel.load(path)
    return np.asarray(image.dataobj).T > 0, [float(s) for s in image.header.get_zooms()[2::-1]]  # (D, H, W), as in memory


def distances(a, b, sampling):
    a, b = (mask & ~ndimage.binary_erosion(mask) for mask in (a, b))
    return ndimage.distance_transform_edt(~b, sampling=sampling)[a], ndimage.distance_transform_edt(~a, sampling=sampling)[b]


files = sorted(pathlib.Path(sys.argv[1]).glob("*.nii.gz"))
components = {}
for path in files[::10]:
    mask, _ = read(path)
    sizes = {}
    for neighbours, rank in ((6, 1), (18, 2), (26, 3)):
        labels, _ = ndimage.label(mask, ndimage.generate_binary_structure(3, rank))
        sizes[neighbours] = np.bincount(labels.ravel())[1:].tolist()
    components[path.name] = sizes
surfaces = []
for first, second in zip(files[:4:2], files[1:4:2]):
    (a, sampling), (b, _) = read(first), read(second)
    from_a, from_b = distances(a, b, sampling)
    surfaces.append({"a": first.name, "b": second.name, "hd": max(from_a.max(), from_b.max()), "hd95": max(np.percentile(from_a, 95), np.percentile(from_b, 95)),
                     "assd": np.concatenate((from_a, from_b)).mean(), "nsd": float(((from_a <= 2).sum() + (from_b <= 2).sum()) / (len(from_a) + len(from_b)))})
cases = []
for path in files:
    truth, sampling = read(path)
    labels, count = ndimage.label(truth, ndimage.generate_binary_structure(3, 3))
    if not 3 <= count <= 12:
        continue
    guess = np.roll(truth & (labels != np.argmin(np.bincount(labels.ravel())[1:]) + 1), 1, axis=2)  # shifted by a voxel; the smallest lesion is missed
    guess[2:5, 3:6, 4:8] = True  # and one invented
    uncertainty = (np.arange(truth.size, dtype=np.uint64) * 2654435761 % 2**32 // 2**26).reshape(truth.shape) / 8
    for matching, connectivity, threshold in (("one-to-one", 26, 0.5), ("shifts", 6, 0.25), ("ms-wml-uncs", 18, 0.25)):
        case = {"spacing": sampling[::-1], "matching": matching, "connectivity": connectivity, "threshold": threshold, "policy": "undefined", "classes": [[1, "lesion"]]}
        values = make_metrics.evaluate(case, truth.astype(np.uint8), guess.astype(np.uint8), {}, uncertainty, None)
        cases.append({"file": path.name, "matching": matching, "guess": np.flatnonzero(guess).tolist(), "values": dict(values.items())})
    if len(cases) == 6:
        break
print(json.dumps({"components": components, "surfaces": surfaces, "cases": cases}))
