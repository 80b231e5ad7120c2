#!/bin/bash
# Reads mutated copies of one file of every format: bench/medical-io/fuzz.sh <folder with dicom and nifti> [200000]
# Stops at the first input that breaks the reader; adds to bench/results/fuzz.json. Debian packages: dcmtk python3-nibabel libcharls2 libopenjp2-7.
set -eu
data=$(realpath "$1") inputs=${2:-200000} root=$(cd "$(dirname "$0")/../.." && pwd)
made=$(mktemp -d) && trap 'rm -rf "$made"' EXIT
plain=$data/dicom/pydicom_testfiles/test_files/MR_small.dcm
dcmcjpeg +eb "$plain" "$made/MR_small_jpeg_baseline.dcm"
dcmcjpeg +ee "$plain" "$made/MR_small_jpeg_extended.dcm"
dcmcjpeg +e1 "$plain" "$made/MR_small_jpeg_lossless.dcm"
dcmconv +td "$plain" "$made/MR_small_deflated.dcm"
/usr/bin/python3 -c "
import nibabel, numpy, sys
image = nibabel.load(sys.argv[1])
nibabel.save(nibabel.Nifti1Pair(numpy.asarray(image.dataobj), image.affine), sys.argv[2])" "$data/nifti/nibabel/anatomical.nii" "$made/pair.hdr"
dotnet build -c Release -v q "$root/bench/medical-io" > /dev/null
export TMPDIR=/dev/shm
for file in "$made"/*.dcm "$made/pair.hdr" "$(dirname "$plain")"/MR_small{,_implicit,_bigendian,_RLE,_jpeg_ls_lossless,_jp2klossless}.dcm \
    "$data/dicom/seg_dcmqi/data/segmentations/24x38x3/multiframe/mf.dcm" "$data/dicom/seg_highdicom/data/test_files/seg_image_ct_binary.dcm" \
    "$data"/nifti/nibabel/{anatomical.nii,example4d.nii.gz,example_nifti2.nii.gz}; do
    dotnet "$root/artifacts/bin/MedicalIO.Bench/release/medical-io-bench.dll" fuzz "$file" "$inputs" "$root/bench/results/fuzz.json"
done
