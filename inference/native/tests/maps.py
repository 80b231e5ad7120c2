"""Compares the maps of libcredence with those of `credence-infer predict`, bit for bit.

    maps.py maps-program model.onnx scan.nii.gz predicted-folder samples seed scratch-folder [--lesions]

With --lesions a segmentation without any is an error.
"""
import pathlib
import subprocess
import sys

import nibabel
import numpy

program, model, scan, predicted, samples, seed, scratch, *lesions = sys.argv[1:]
scratch = pathlib.Path(scratch)
scratch.mkdir(parents=True, exist_ok=True)
image = nibabel.load(scan)
image.get_fdata(dtype=numpy.float32).ravel(order="F").tofile(scratch / "voxels.raw")
affine = [repr(float(a)) for a in image.affine[:3].ravel()]
subprocess.run([program, model, scratch / "voxels.raw", *map(str, image.shape), *affine, samples, seed, scratch], check=True)
for name, kind in [("segmentation", numpy.uint8), ("probability", numpy.float32), ("predictive-entropy", numpy.float32), ("mutual-information", numpy.float32)]:
    expected = numpy.asanyarray(nibabel.load(f"{predicted}/{name}.nii.gz").dataobj).astype(kind).ravel(order="F")
    found = numpy.fromfile(scratch / f"{name}.raw", dtype=kind)
    assert expected.any() or (kind == numpy.uint8 and not lesions), f"{name} is 0 everywhere"
    assert expected.tobytes() == found.tobytes(), f"{name}: {numpy.count_nonzero(expected != found)} of {found.size} voxels differ"
    print(f"{name}: {found.size} voxels are the same")
