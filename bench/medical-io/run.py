#!/usr/bin/python3
"""Compare reading, writing and resampling with dcm2niix, pydicom, nibabel and scipy, each in the same run.

    bench/medical-io/run.py --data <folder with ms/patient07/flair.nii.gz> [--rounds 5]

Prints seconds (best of the rounds), ratios, and peak memory: of the process with one round, and without what the same program holds when it does nothing,
per byte of float32 voxels that the row makes or saves; for resampling those of the scan and of the result. Above 2 is an error. It writes bench/results/medical-io.json. Debian packages: dcm2niix python3-pydicom python3-nibabel
python3-scipy. dcm2niix is timed as a process that reads a series and writes .nii; our native program does the same.
"""
import argparse, json, os, pathlib, resource, subprocess, sys, tempfile, time
import nibabel, numpy, pydicom
from scipy.ndimage import affine_transform

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_MEMORY = 2  # times the volume


def run(*arguments):
    command = ["dotnet", str(ROOT / "artifacts/bin/MedicalIO.Bench/release/medical-io-bench.dll"), *map(str, arguments)]
    return [float(n) for n in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()]


def ours(*arguments):
    """Seconds of the best round; peak memory in MB of a process with one round."""
    return run(*arguments)[0], run(*arguments[:-1], 1)[1]


def best(rounds, work):
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    rounds = options.rounds
    flair = options.data / "ms/patient07/flair.nii.gz"
    subprocess.run(["dotnet", "build", "-c", "Release", "-v", "q", ROOT / "bench/medical-io"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["dotnet", "publish", "-c", "Release", "-v", "q", ROOT / "inference/cli", "-r", "linux-x64", "-o", ROOT / "out/native-cli"], check=True, stdout=subprocess.DEVNULL)
    idle = run("idle")[1]
    rows, volumes = {}, {}  # seconds, peak and seconds of the peer; MB of the float32 voxels that the row makes or saves
    # In memory where that can be, because a disk is not what is compared: we flush each file to it before it is renamed, dcm2niix does not.
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as scratch:
        scratch = pathlib.Path(scratch)
        series = scratch / "series"
        run("make-series", series)

        def with_pydicom():
            slices = [pydicom.dcmread(p) for p in sorted(series.iterdir())]
            slices.sort(key=lambda d: float(d.ImagePositionPatient[2]))
            return numpy.stack([d.pixel_array.astype("float32") for d in slices])

        rows["DICOM series, 200 x 512 x 512, against pydicom"] = (*ours("load-series", series, rounds), best(rounds, with_pydicom))
        volumes["DICOM series, 200 x 512 x 512, against pydicom"] = 200 * 512 * 512 * 4 / 1e6

        def converted(command):
            """Seconds by the clock and of processors, each the best of the rounds: the second does not grow with what else the machine does."""
            clock, processors = [], []
            for _ in range(rounds):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                start = time.perf_counter()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                clock.append(time.perf_counter() - start)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            return min(clock), min(processors)

        (scratch / "a").mkdir()
        convert = converted([str(ROOT / "out/native-cli/credence-infer"), "convert", str(series), "--output", str(scratch / "a/ours.nii")])
        peer = converted(["dcm2niix", "-b", "n", "-z", "n", "-w", "1", "-f", "theirs", "-o", str(scratch / "a"), str(series)])
        rows["the same to .nii, as a process, against dcm2niix"] = (convert[0], None, peer[0])
        rows["    its processor time"] = (convert[1], None, peer[1])

        image = nibabel.load(flair)
        data = image.get_fdata(dtype="float32")
        shape = " x ".join(map(str, data.shape))
        rows[f".nii.gz load, {shape}, against nibabel"] = (*ours("load-nifti", flair, rounds), best(rounds, lambda: nibabel.load(flair).get_fdata(dtype="float32")))
        volumes[f".nii.gz load, {shape}, against nibabel"] = volumes[".nii.gz save, float32, against nibabel"] = data.nbytes / 1e6
        copy = nibabel.Nifti1Image(data, image.affine)
        rows[".nii.gz save, float32, against nibabel"] = (
            *ours("save-nifti", flair, scratch / "ours.nii.gz", rounds), best(rounds, lambda: nibabel.save(copy, scratch / "theirs.nii.gz")))
        target = tuple(round(n / 1.2) for n in data.shape)
        for kind in ("Linear", "CubicSpline"):
            volumes[f"resampling to 1.2 mm, {kind}, against scipy"] = (data.nbytes + 4 * numpy.prod(target)) / 1e6  # what goes in and what comes out
        for order, kind in ((1, "Linear"), (3, "CubicSpline")):
            rows[f"resampling to 1.2 mm, {kind}, against scipy"] = (
                *ours("resample", flair, kind, rounds), best(rounds, lambda: affine_transform(data, numpy.diag([1.2] * 3), output_shape=target, order=order, mode="mirror", output="float32")))

    print(f"{'':62}{'ours s':>9}{'peer s':>9}{'ratio':>8}{'peak MB':>9}{'/ volume':>9}")
    for name, (mine, peak, peer) in rows.items():
        print(f"{name:62}{mine:9.3f}{peer:9.3f}{peer / mine:8.1f}{'' if peak is None else round(peak):>9}{f'{(peak - idle) / volumes[name]:.1f}' if name in volumes else '':>9}")
    print(f"the program that does nothing: {idle:.0f} MB")
    results = ROOT / "bench/results/medical-io.json"
    results.parent.mkdir(exist_ok=True)
    entries = {}
    for name, (mine, peak, peer) in rows.items():
        entries[name] = {"seconds": mine, "peakMB": peak, "idleMB": idle, "volumeMB": volumes.get(name), "peakPerVolume": (peak - idle) / volumes[name] if name in volumes else None, "peerSeconds": peer, "ratio": peer / mine}
    results.write_text(json.dumps(entries, indent=2) + "\n")
    greedy = [name for name, entry in entries.items() if (entry["peakPerVolume"] or 0) > MOST_MEMORY]
    if greedy:
        sys.exit(f"more than {MOST_MEMORY} times the volume: {', '.join(greedy)}")


main()
