#!/usr/bin/python3
"""Writes the stored pixel values of DICOM files as int32, frame by frame, row by row: stored_values.py <folder of files> <folder for values>.

JPEG-LS, JPEG 2000 and grey JPEG are first decompressed by gdcmconv --raw (Debian package libgdcm-tools), colour JPEG by dcmdjpeg (dcmtk), which can leave
colour as it is stored; then everything is read by pydicom (python3-pydicom).
Prints FILE, path and path of the values, tab-separated, for each file that both understand; LEFT, path and reason for each image that they do not.
Colour is left as it is stored (no conversion to RGB)."""
import os, subprocess, sys, warnings
import numpy, pydicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

warnings.simplefilter("ignore")
source, target = sys.argv[1:]
count = 0
for folder, _, files in sorted(os.walk(source)):
    for name in sorted(files):
        path = os.path.join(folder, name)
        count += 1
        try:
            data = pydicom.dcmread(path)
        except Exception:
            continue  # no DICOM file with a preamble
        if "PixelData" not in data:
            continue
        try:
            syntax = data.file_meta.TransferSyntaxUID
            samples = int(data.SamplesPerPixel)
            read = path
            # pydicom decodes run lengths itself; GDCM mixes the bytes of 16-bit colour up.
            if syntax.is_compressed and syntax != DeflatedExplicitVRLittleEndian and "RLE" not in syntax.name:
                read = os.path.join(target, f"{count}.raw.dcm")
                is_colour_jpeg = samples > 1 and syntax.name.startswith("JPEG") and "2000" not in syntax.name and "LS" not in syntax.name
                command = ["dcmdjpeg", "+cn"] if is_colour_jpeg else ["gdcmconv", "--raw"]
                if subprocess.run([*command, path, read], capture_output=True).returncode != 0:
                    # Elements without value representation under a compressed syntax are against the standard; pydicom reads them, and writes sound ones.
                    sound = pydicom.dataset.FileDataset(None, {element.tag: element for element in data}, file_meta=data.file_meta, preamble=bytes(128), is_implicit_VR=False)
                    sound["PixelData"].VR, sound["PixelData"].is_undefined_length = "OB", True
                    sound.save_as(f"{read}.sound")
                    if subprocess.run([*command, f"{read}.sound", read], capture_output=True).returncode != 0:
                        print("LEFT", path, f"{command[0]} does not decode {syntax.name}", sep="\t")
                        continue
                data = pydicom.dcmread(read)
            # Bytes in big-endian words of 16 bits: pydicom 2.3 leaves them swapped (PS3.5, annex A.3; dcmconv +te agrees).
            if not data.is_little_endian and data.BitsAllocated == 8 and data["PixelData"].VR == "OW":
                data.PixelData = numpy.frombuffer(data.PixelData, ">u2").astype("<u2").tobytes()
            pixels = data.pixel_array
        except Exception as e:
            print("LEFT", path, f"pydicom: {type(e).__name__}", sep="\t")
            continue
        if pixels.dtype.kind not in "iu":
            print("LEFT", path, "floating point", sep="\t")
            continue
        values = pixels.astype(numpy.int64)
        # pydicom leaves bits above BitsStored as they are; PS3.5, section 8.1.1 gives them no meaning.
        stored = int(data.BitsStored)
        values &= (1 << stored) - 1
        if data.PixelRepresentation == 1:
            values -= (values >> (stored - 1)) << stored
        out = os.path.join(target, f"{count}.values")
        values.astype("<u4" if values.max() >= 2**31 else "<i4").tofile(out)
        print("FILE", path, out, sep="\t")
