"""Writes the golden NIfTI files with nibabel, which shares no code with Credence.

Run with Debian's python3-nibabel: /usr/bin/python3 make_golden.py (in this folder).
Voxel (i, j, k) of every file is slope * (i + 10 j + 100 k) + intercept, over 4 x 3 x 2 voxels.
"""
import numpy as np
import nibabel as nib

i, j, k = np.meshgrid(np.arange(4), np.arange(3), np.arange(2), indexing="ij")
ramp = i + 10 * j + 100 * k

angle = np.deg2rad(20)
rotation = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
affine = np.eye(4)
affine[:3, :3] = rotation @ np.diag([-1.5, 2.0, 3.0])
affine[:3, 3] = [10.0, -20.0, 30.0]


def image(dtype, scale=None, **codes):
    result = nib.Nifti1Image(ramp.astype(dtype), None)
    result.header.set_data_dtype(dtype)
    result.set_sform(affine if codes.get("sform") else None, code=codes.get("sform", 0))
    result.set_qform(affine if codes.get("qform") else None, code=codes.get("qform", 0))
    if not codes.get("qform"):
        result.header["pixdim"][1:4] = [1.5, 2.0, 3.0]
    if scale:
        result.header.set_slope_inter(*scale)
    return result


for dtype in ["uint8", "int16", "int32", "float32", "float64", "int8", "uint16", "uint32", "int64", "uint64"]:
    name = f"{dtype}.nii.gz" if dtype == "int16" else f"{dtype}.nii"
    data = ramp % 100 if dtype == "int8" else ramp
    result = nib.Nifti1Image(data.astype(dtype), affine, dtype=dtype)
    result.header.set_data_dtype(dtype)
    nib.save(result, name)

nib.save(image(np.float32, sform=1), "sform_only.nii")
nib.save(image(np.float32, qform=1), "qform_only.nii")
# nibabel always saves a form, and rescales on save; these header fields are therefore written into the file.
bare = bytearray(image(np.float32, sform=1).to_bytes())
bare[252:256] = bytes(4)  # qform_code and sform_code
open("no_form.nii", "wb").write(bare)

scaled = image(np.int16, sform=1).to_bytes()
scaled = bytearray(scaled)
scaled[112:120] = np.array([0.5, -7.0], "<f4").tobytes()
open("scaled.nii", "wb").write(scaled)

big = nib.Nifti1Image(ramp.astype(">i2"), affine, header=nib.Nifti1Header(endianness=">"))
big.header.set_data_dtype(">i2")
nib.save(big, "big_endian.nii")
