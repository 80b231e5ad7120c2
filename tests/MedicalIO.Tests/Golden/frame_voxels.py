#!/usr/bin/python3
"""Prints each voxel of multi-frame DICOM results that is not zero, at its place: frame_voxels.py <file>...; needs python3-pydicom.

VOXEL, number of the file, segment number (0 without one), x, y, z in RAS+ mm, stored value."""
import sys
import numpy, pydicom

for number, path in enumerate(sys.argv[1:]):
    data = pydicom.dcmread(path)
    shape = (int(data.NumberOfFrames), data.Rows, data.Columns)
    pixels = numpy.frombuffer(data.FloatPixelData, "<f4").reshape(shape) if "FloatPixelData" in data else data.pixel_array.reshape(shape)
    shared = data.SharedFunctionalGroupsSequence[0]
    cosines = numpy.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    between_rows, between_columns = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    for frame, groups in zip(pixels, data.PerFrameFunctionalGroupsSequence):
        segment = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber if "SegmentIdentificationSequence" in groups else 0
        origin = numpy.array(groups.PlanePositionSequence[0].ImagePositionPatient, float)
        for row, column in zip(*numpy.nonzero(frame)):
            x, y, z = origin + column * between_columns * cosines[:3] + row * between_rows * cosines[3:]
            print("VOXEL", number, segment, -x, -y, z, repr(float(frame[row, column])))
