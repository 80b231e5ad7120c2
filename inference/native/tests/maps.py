"""Compares what libcredence gives with the files of `credence-infer predict`: maps bit for bit, lesions, volumes and names to the last digit.

    maps.py maps-program model.onnx predicted-folder samples seed scratch-folder scan.nii.gz [scan.nii.gz ...] [--lesions]

Scans in the order of the model's channels. With --lesions a segmentation without any is an error.
"""
import csv
import json
import math
import pathlib
import subprocess
import sys

import nibabel
import numpy
import onnx

program, model, predicted, samples, seed, scratch, *scans = sys.argv[1:]
lesions, scans = "--lesions" in scans, [s for s in scans if s != "--lesions"]
predicted, scratch = pathlib.Path(predicted), pathlib.Path(scratch)
scratch.mkdir(parents=True, exist_ok=True)
manifest = json.loads({p.key: p.value for p in onnx.load(model).metadata_props}["credence.manifest"])
images = [nibabel.load(scan) for scan in scans]
numpy.concatenate([i.get_fdata(dtype=numpy.float32).ravel(order="F") for i in images]).tofile(scratch / "voxels.raw")
affine = [repr(float(a)) for a in images[0].affine[:3].ravel()]
subprocess.run([program, model, scratch / "voxels.raw", *map(str, images[0].shape), *affine, samples, seed, scratch], check=True)

names = [f"-1 {c['name']}" for c in manifest["channels"]] + [f"{c['label']} {c['name']}" for c in manifest["classes"]]
assert (scratch / "names.txt").read_text().splitlines() == names, names
classes = manifest["classes"][1:]
maps = {f"probability-{n}": "probability" if len(classes) == 1 else f"probability-{c['label']}-{c['name']}" for n, c in enumerate(classes)}
kinds = {"segmentation": numpy.uint8, "lesions": numpy.int32}
for name in ["segmentation", "lesions", *maps, "predictive-entropy", "mutual-information"]:
    kind = kinds.get(name, numpy.float32)
    expected = numpy.asanyarray(nibabel.load(predicted / f"{maps.get(name, name)}.nii.gz").dataobj).astype(kind).ravel(order="F")
    found = numpy.fromfile(scratch / f"{name}.raw", dtype=kind)
    assert expected.any() or (name in kinds and not lesions), f"{name} is 0 everywhere"
    assert expected.tobytes() == found.tobytes(), f"{name}: {numpy.count_nonzero(expected != found)} of {found.size} voxels differ"
    print(f"{name}: {found.size} voxels are the same")


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


rows = list(csv.reader((predicted / "lesions.csv").open()))[1:]
found = [[float(v) for v in line.split()] for line in (scratch / "lesions.txt").read_text().splitlines()]
expected = [[float(v or "nan") for n, v in enumerate(row) if n != 1] for row in rows]  # without the name of the class
assert len(found) == len(expected) and all(same(a, b) for x, y in zip(found, expected) for a, b in zip(x, y, strict=True)), (found, expected)
report = json.loads((predicted / "report.json").read_text())
volumes = [[float(v) for v in line.split()] for line in (scratch / "volumes.txt").read_text().splitlines()]
assert len(volumes) == len(classes) and all(len(v) == report["samples"] for v in volumes), volumes
for volume, figures in zip(volumes, report["classes"]):
    assert math.isclose(sum(volume) / len(volume), figures["sampleMeanVolume"], rel_tol=1e-12, abs_tol=1e-15), (volume, figures)
assert (scratch / "warnings.txt").read_text().splitlines() == report["warnings"], report["warnings"]
print(f"{len(found)} lesions, {len(volumes)} classes, {len(report['warnings'])} warnings are the same")
