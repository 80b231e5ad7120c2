#!/usr/bin/python3
"""Prints each voxel of a three-dimensional NRRD label map that is not zero: nrrd_voxels.py <file>; needs python3-numpy.

VOXEL, label, x, y, z in RAS+ mm."""
import gzip, re, sys
import numpy

with open(sys.argv[1], "rb") as file:
    head, data = file.read().split(b"\n\n", 1)
fields = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
kinds = {"unsigned char": "u1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "unsigned short": "u2", "ushort": "u2"}
data = gzip.decompress(data) if fields["encoding"].startswith("gz") else data
order = "<" if fields.get("endian", "little") == "little" else ">"
voxels = numpy.frombuffer(data, order + kinds[fields["type"]]).reshape([int(n) for n in fields["sizes"].split()][::-1])
vectors = [numpy.array([float(n) for n in v.split(",")]) for v in re.findall(r"\(([^)]*)\)", fields["space directions"])]
origin = numpy.array([float(n) for n in fields["space origin"].strip("()").split(",")])
sign = {"left-posterior-superior": (-1, -1, 1), "right-anterior-superior": (1, 1, 1)}[fields["space"]]
for k, j, i in zip(*numpy.nonzero(voxels)):
    print("VOXEL", voxels[k, j, i], *(sign * (origin + i * vectors[0] + j * vectors[1] + k * vectors[2])))
