#!/bin/sh
# Draws the screenshots of docs/ again: a batch of phantoms that the model has not seen, in Chromium (Debian package chromium).
# sh docs/screenshots.sh [model.onnx]; without a model the demonstration trains one.
set -eu
cd "$(dirname "$0")/.."
model=${1:-out/demo/model.onnx}
work=${TMPDIR:-/tmp}/credence-screenshots
[ -e out/demo/unseen ] && [ -e "$model" ] || dotnet run -c Release --project demo
rm -rf $work
mkdir -p $work/scans/patient-d
for n in 000 001 002; do
    mkdir -p $work/scans/patient-${n#00}
    cp out/demo/unseen/dicom/phantom_$n/flair/* $work/scans/patient-${n#00}
done
head -c 200000 out/demo/unseen/nifti/imagesTr/phantom_000_0000.nii.gz > $work/scans/patient-d/flair.nii.gz
dotnet run -c Release --project inference/cli -- batch $work/scans --model "$model" --output $work/results --samples 24 || [ $? -eq 5 ] # one is damaged

# shot WIDTH,HEIGHT PAGE PICTURE
shot() {
    chromium --no-sandbox --headless=new --use-angle=swiftshader --enable-unsafe-swiftshader --hide-scrollbars \
        --window-size="$1" --virtual-time-budget=30000 --screenshot="$PWD/docs/$3" "file://$work/results/$2" 2>&1 | grep -v dbus
}
shot 1200,860 patient-0/report.html case-page.png
shot 400,1450 patient-0/report.html case-page-phone.png
shot 1200,420 index.html batch-page.png
ls -l docs/case-page.png docs/case-page-phone.png docs/batch-page.png
