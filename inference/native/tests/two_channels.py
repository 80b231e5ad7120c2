"""Makes a data set with two channels and three classes of the phantoms in a folder: the second channel is the first one turned round, the second class the upper half of each lesion.

    two_channels.py phantoms output
"""
import json
import pathlib
import sys

import nibabel
import numpy

source, target = map(pathlib.Path, sys.argv[1:])
for part in ("imagesTr", "labelsTr"):
    (target / part).mkdir(parents=True, exist_ok=True)
for path in sorted((source / "labelsTr").glob("*.nii.gz")):
    case = path.name.removesuffix(".nii.gz")
    label, image = nibabel.load(path), nibabel.load(source / "imagesTr" / f"{case}_0000.nii.gz")
    voxels, classes = numpy.asanyarray(image.dataobj), numpy.asanyarray(label.dataobj).astype(numpy.uint8)
    classes[:, :, classes.shape[2] // 2:] *= 2
    nibabel.save(nibabel.Nifti1Image(classes, label.affine), target / "labelsTr" / path.name)
    nibabel.save(nibabel.Nifti1Image(voxels, image.affine), target / "imagesTr" / f"{case}_0000.nii.gz")
    nibabel.save(nibabel.Nifti1Image((voxels.max() - voxels).astype(voxels.dtype), image.affine), target / "imagesTr" / f"{case}_0001.nii.gz")
description = {"name": "Two channels", "channel_names": {"0": "FLAIR", "1": "T1"}, "labels": {"background": 0, "lesion": 1, "core": 2}, "file_ending": ".nii.gz"}
(target / "dataset.json").write_text(json.dumps(description))
