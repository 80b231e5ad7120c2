#!/usr/bin/python3
"""Time the engine against the same model run naively, and against PyTorch 1.13 with a sliding window (peer.py).

    bench/engine/run.py --data <folder with ms/ and hippocampus/> [--rows NAME ...]

Base width 16, five levels, patches of 96^3, 16 samples, FLAIR of one patient (182 x 218 x 182). Naive and PyTorch: the whole network over every patch of the
whole volume in every sample; as their samples cost the same, --peer-samples of them are run and the median is multiplied by 16. Ours: all 16 samples.
"cut" is the trunk computed once, "+ tissue" the box around the brain too (what the planner chooses for a masked brain), "+ batch" two patches a run, and
"+ adaptive" --tolerance 0.05. One job a process. Prints tables and writes bench/results/engine.json after every row, so that rows can be run one by one.
"""
import argparse, json, os, pathlib, resource, statistics, subprocess, sys, tempfile, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench/results/engine.json"
BENCH = ["dotnet", str(ROOT / "artifacts/bin/Engine.Bench/release/engine-bench.dll")]
TRAINER = ["dotnet", str(ROOT / "artifacts/bin/Trainer/release/credence-train.dll")]
EXPORTER = ["dotnet", str(ROOT / "artifacts/bin/Exporter/release/credence-export.dll")]
SAMPLES = 16


def job(command):
    completed = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if completed.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit status {completed.returncode}\n{completed.stderr}")
    return json.loads(completed.stdout.splitlines()[-1])


class Rows:
    def __init__(self, options, scratch):
        self.threads, self.peer_samples, self.scratch = options.threads, options.peer_samples, scratch
        self.scan = options.data / "ms/patient07/flair.nii.gz"
        self.hippocampus = options.data / "hippocampus"
        self.made = {}

    def model(self, kind, patch=96, crop="Whole"):
        key = (kind, patch, crop)
        if key not in self.made:
            path = self.scratch / f"{kind}-{patch}-{crop}.onnx"
            self.made[key] = (path, job([*BENCH, "make", kind, patch, crop, self.scan, path]))
        return self.made[key][0]

    def ours(self, kind, crop, batch=1, tolerance="none", samples=SAMPLES):
        return job([*BENCH, "ours", self.model(kind, crop=crop), self.scan, samples, batch, tolerance, self.threads])

    def naive(self, kind, samples):
        return job([*BENCH, "naive", self.model(kind), self.scan, samples, self.threads])

    def posterior(self, kind):
        """16 samples of one choice of Bayesian layers."""
        naive = self.naive(kind, self.peer_samples)
        row = {"naiveSecondsBySample": naive["secondsBySample"], "naiveSeconds": SAMPLES * statistics.median(naive["secondsBySample"]), "naivePatches": naive["patches"]}
        steps = {"cut": dict(crop="Whole"), "+ tissue": dict(crop="NonZero"), "+ batch": dict(crop="NonZero", batch=2), "+ adaptive": dict(crop="NonZero", tolerance=0.05)}
        for name, options in steps.items():
            if name == "cut" and kind == "all":
                continue  # nothing is shared
            row[name] = self.ours(kind, **options)
            row[name]["ratio"] = row["naiveSeconds"] / row[name]["seconds"]
            step = row[name]
            print(f"{kind:12} {name:12} {step['seconds']:8.1f} s  {step['ratio']:6.1f} x of naive {row['naiveSeconds']:.0f} s   trunk {step['trunkSeconds']:.1f}, head {step['headSeconds']:.1f}, "
                  f"whole {step['wholeSeconds']:.1f} s, outside {step['outsideShare']:.1%}, {step['patches']} patches, {step['samples']} samples, {step['peakMB']:.0f} MB", flush=True)
        return row

    def pytorch(self):
        peer = lambda samples: job(["/usr/bin/python3", ROOT / "bench/engine/peer.py", "--scan", self.scan, "--patch", 96, "--samples", samples, "--threads", self.threads])
        plain, sampled = peer(0), peer(self.peer_samples)
        ours = {"plain": self.ours("plain", "NonZero", samples=0), "plain, whole volume": self.ours("plain", "Whole", samples=0)}
        row = {"plainSeconds": plain["secondsBySample"][0], "seconds": SAMPLES * statistics.median(sampled["secondsBySample"]), "peer": plain, "ours": ours}
        for name, step in ours.items():
            step["ratio"] = row["plainSeconds"] / step["seconds"]
            print(f"PyTorch {plain['version']}, {name}: {row['plainSeconds']:.1f} s against {step['seconds']:.1f} s: {step['ratio']:.1f} x")
        for kind in ("output", "last-stage", "all"):
            step = ours[kind] = self.ours(kind, "NonZero")
            step["ratio"] = row["seconds"] / step["seconds"]
            print(f"PyTorch {plain['version']}, 16 samples, {kind}: {row['seconds']:.0f} s against {step['seconds']:.1f} s: {step['ratio']:.1f} x", flush=True)
        return row

    def peak(self):
        """Share of what the processors can do in a matrix product, over a whole forward pass of one patch."""
        model = self.model("plain")
        gigaflops = self.made["plain", 96, "Whole"][1]["gigaflops"]
        rounds = [(job([*BENCH, "gemm", 2048, 5, self.threads])["gigaflopsPerSecond"], job([*BENCH, "forward", model, 5, self.threads])["seconds"]) for _ in range(3)]
        gemm, seconds = max(r[0] for r in rounds), min(r[1] for r in rounds)
        print(f"forward pass of 96^3: {gigaflops:.1f} GFLOP in {seconds:.2f} s = {gigaflops / seconds:.0f} GFLOP/s, {gigaflops / seconds / gemm:.0%} of {gemm:.0f} GFLOP/s")
        return {"gigaflops": gigaflops, "seconds": seconds, "gemmGigaflopsPerSecond": gemm, "share": gigaflops / seconds / gemm, "rounds": rounds}

    def memory(self):
        rows = {kind: {n: self.ours(kind, "NonZero", samples=n)["peakMB"] for n in (4, 64)} for kind in ("output",)}
        for kind, peaks in rows.items():
            print(f"{kind}: peak {peaks[4]:.0f} MB with 4 samples, {peaks[64]:.0f} MB with 64: {peaks[64] / peaks[4]:.3f}")
        return rows

    def scaling(self):
        rows = {}
        for edge in (64, 128, 192, 256):
            step = rows[edge] = job([*BENCH, "cube", self.model("output", 64), edge, SAMPLES, self.threads])
            print(f"cube of {edge}: {step['seconds']:.2f} s, {step['patches']} patches, {1000 * step['seconds'] / step['patches']:.0f} ms a patch, "
                  f"{1e6 * (step['seconds'] - step['trunkSeconds']) / step['voxels']:.2f} s a million voxels outside the trunk, {step['peakMB']:.0f} MB", flush=True)
        return rows

    def cold_start(self):
        """`credence-infer predict` on one hippocampus case, start of the program included, as a native and as a managed program."""
        run, model = self.scratch / "run", self.scratch / "hippocampus.onnx"
        subprocess.run([*TRAINER, "fit", "--data", self.hippocampus, "--out", run, "--epochs", "1", "--steps-per-epoch", "1"], check=True, capture_output=True)
        subprocess.run([*EXPORTER, "export", run, "--output", model], check=True, capture_output=True)
        native = self.scratch / "native"
        subprocess.run(["dotnet", "publish", "-c", "Release", "-v", "q", ROOT / "inference/cli", "-r", "linux-x64", "-o", native], check=True, capture_output=True)
        managed = ["dotnet", ROOT / "artifacts/bin/InferenceCli/release/credence-infer.dll"]
        case = sorted((self.hippocampus / "imagesTr").glob("*.nii*"))[0]
        row = {}
        for name, program in {"native": [native / "credence-infer"], "managed": managed}.items():
            times = []
            for _ in range(8):
                start = time.perf_counter()
                subprocess.run([*program, "predict", case, "--model", model, "--output", self.scratch / "out", "--threads", str(self.threads)], check=True, capture_output=True)
                times.append(time.perf_counter() - start)
            row[name] = {"seconds": statistics.median(times[1:]), "all": times}
            print(f"predict of one hippocampus case, {name}: {row[name]['seconds']:.2f} s")
        return row


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--peer-samples", type=int, default=2)
    arguments.add_argument("--rows", nargs="*")
    arguments.add_argument("--no-build", action="store_true")
    arguments.add_argument("--output", type=pathlib.Path, default=RESULTS)
    options = arguments.parse_args()
    if not options.no_build:
        for project in ("bench/engine", "trainer", "inference/cli"):
            subprocess.run(["dotnet", "build", "-c", "Release", "-v", "q", ROOT / project], check=True, stdout=subprocess.DEVNULL)
    results = json.loads(options.output.read_text()) if options.output.exists() else {}
    results["threads"] = options.threads
    with tempfile.TemporaryDirectory() as scratch:
        rows = Rows(options, pathlib.Path(scratch))
        todo = {"peak": rows.peak, "output": lambda: rows.posterior("output"), "last-stage": lambda: rows.posterior("last-stage"), "all": lambda: rows.posterior("all"),
                "pytorch": rows.pytorch, "memory": rows.memory, "scaling": rows.scaling, "cold start": rows.cold_start}
        for name in options.rows or todo:
            results[name] = todo[name]()
            options.output.write_text(json.dumps(results, indent=2) + "\n")


main()
