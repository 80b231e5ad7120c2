#!/usr/bin/python3
"""Train, export, segment and measure on real scans: the networks of studies.py, fold by fold.

    bench/proof/run.py <study> --data <folder with hippocampus/ and lgg-flair/> --work <folder> [--networks NAME ...] [--folds 0 1 ...] [--minutes 100]

Each network of each fold is a job: `credence-train cross-validate` of that fold alone, `credence-export` of its last weights, `credence-infer batch` over the
cases that it has not seen, `credence-infer evaluate`. Where a study says so and all folds of a network are done, it is tuned: `credence-train tune --leave-out` on the other
folds, of which there must be two, then exported and measured once more, and `tune` on all folds, whose report has the Dice with the choices of the other folds and
the coverage of volume intervals with their factors. Dice, volumes and the coverage of volume intervals are computed here with nibabel and NumPy from the
files that credence-infer wrote. Jobs run side by side, a thread each, which two cores do faster than one job with two threads. What is done is not repeated and
an interrupted training goes on, so that a study may be run in pieces: SIGINT, SIGTERM and --minutes end it at a safe place. The programs are built once, into
the work folder, and go on being used when the sources change; delete <work>/programs to build them anew.

Prints a table and writes bench/results/proof-<study>.json from all jobs that are done, with 95 % intervals over patients (scipy, BCa bootstrap), and
proof-<study>.csv with every case. Folds and networks of which the work folder has nothing stay as they are, so that a study may be run on several machines;
what is tuned on other folds needs all of a network on one.
Debian packages: python3-nibabel, python3-scipy.
"""
import argparse, collections, concurrent.futures, json, pathlib, sys, threading, time
import scores, studies
from programs import ROOT, Interrupted, Programs, write


LOCKS = collections.defaultdict(threading.Lock)  # one process at a time in a folder of networks


class Job:
    """One network of one fold: a single one, or an ensemble of several seeds."""

    def __init__(self, study, data, work, network, fold):
        self.study, self.data, self.network, self.fold = study, data, network, fold
        self.work, self.folder = work, work / study.name / network.name / f"fold-{fold}"
        self.training = self.training_of(network.runs_of or f"{study.name}/{network.name}")

    def training_of(self, network):
        return self.work / network / "training"

    @property
    def runs(self):
        return [self.training / f"seed-{seed}-fold-{self.fold}" for seed in self.network.seeds]

    @property
    def samples(self):
        """Of the cross-validation, and of the tuned network."""
        return min(16, max(self.network.samples))

    @property
    def is_trained(self):
        return all((run / "evaluation.json").exists() for run in self.runs)

    def run(self, program):
        self.folder.mkdir(parents=True, exist_ok=True)
        for seed, run in zip(self.network.seeds, self.runs):
            if not (run / "evaluation.json").exists():
                self.plan(program, run)
                start = time.monotonic()
                self.cross_validate(program, [seed], "--shard", f"{self.fold + 1}/{self.study.folds}")
                print(f"{self.network.name}, fold {self.fold}, seed {seed}: trained, {(time.monotonic() - start) / 60:.1f} minutes in this call", flush=True)
        for samples in self.network.samples:
            for flips in ((), self.study.flips) if self.study.flips and samples == 1 else ((),):  # of many samples it would take half a training
                result = self.folder / f"scores-{samples}{'-flips' if flips else ''}.json"
                if not result.exists():
                    write(result, self.score(program, samples, flips=flips))

    def cross_validate(self, program, seeds, *more):
        program("credence-train", ["cross-validate", "--data", self.data, "--out", self.training, "--folds", self.study.folds, "--seeds", ",".join(map(str, seeds)), "--threads", 1,
                "--samples", self.samples if self.study.tune and len(self.network.seeds) == 1 else 1, *self.study.options, *self.network.options,
                *(["--start-from", self.training_of(self.network.start_from)] if self.network.start_from else []), *more], self.folder / "training.log")

    def tuned(self, program, calibration, *more):
        """A calibration of the networks of this job's seeds. Networks that share a folder, such as one and an ensemble with it, share its report, which is made anew."""
        with LOCKS[self.training]:
            self.cross_validate(program, self.network.seeds)  # nothing is trained any more
            program("credence-train", ["tune", self.training, "--out", calibration, *(["--ensemble"] if len(self.network.seeds) > 1 else []), *more], self.folder / "training.log")

    def tune(self, program):
        """With the other folds of a network whose folds are all trained."""
        result, calibration = self.folder / f"scores-{self.samples}-tuned.json", self.folder / "calibration.json"
        if not result.exists():
            # Of many samples, all cases would be predicted in every fold: tune_volumes does it once.
            self.tuned(program, calibration, "--leave-out", self.fold, *(["--no-volume-intervals"] if self.samples > 1 else []))
            (self.folder / "model-tuned.onnx").unlink(missing_ok=True)
            write(result, self.score(program, self.samples, calibration))

    def tune_volumes(self, program):
        """On all folds: the coverage of its intervals is that with the factors of the other folds."""
        result = self.folder.parent / "calibration.json"
        if not result.exists():
            self.tuned(program, result)

    def plan(self, program, run):
        """Puts a plan that is not the usual one where training finds it."""
        if (change := self.network.plan or self.study.plan) and not (run / "plan.json").exists():
            program("credence-train", ["plan", "--data", self.data, "--out", self.folder / "plan", "--fold", self.fold, "--split-seed", 1, "--folds", self.study.folds], self.folder / "training.log")
            run.mkdir(parents=True, exist_ok=True)
            write(run / "plan.json", change(json.loads((self.folder / "plan/plan.json").read_text())))

    def score(self, program, samples, calibration=None, flips=()):
        names = json.loads((self.runs[0] / "split.json").read_text())["validation"][:self.study.cases]
        cases = [(name, self.study.scan(self.data, name), self.study.reference(self.data, name)) for name in names]
        model, log = self.folder / f"model{'-tuned' if calibration else ''}.onnx", self.folder / "scoring.log"
        if not model.exists():
            program("credence-export", ["export", *(run / f"{self.network.checkpoint}.safetensors" for run in self.runs), "--output", model, "--scan", cases[0][1],
                    *(["--calibration", calibration] if calibration else [])], log)
        results = self.folder / f"samples-{samples}{'-tuned' if calibration else ''}{'-flips' if flips else ''}"
        return scores.score(program, model, cases, self.folder, results, samples, log, ["--flips", *flips] if flips else [])


def gather(study, jobs, commit):
    """Differences are to another network on the cases of both: to its row that is tuned, flipped or neither, as the row itself is.
    Of a network that is here in part, the other folds come from the table, if they had the same options, plan and split. One that is not here at all, and not in the table, stays as it is."""
    results, table_file = (ROOT / f"bench/results/proof-{study.name}.{end}" for end in ("json", "csv"))
    before = json.loads(results.read_text()) if results.exists() else {"networks": {}}
    table, rows = scores.load(table_file), {}
    for network in study.networks:
        mine, old = [job for job in jobs if job.network is network], before["networks"].get(network.name, {})
        start = [f"--start-from <{network.start_from}>"] if network.start_from else []
        splits = [json.loads(split.read_text())["rule"] for job in mine for run in job.runs if (split := run / "split.json").exists()]
        row = {"commit": commit, "options": " ".join(map(str, [*study.options, *network.options, *start])), "plan": plan.__name__ if (plan := network.plan or study.plan) else "usual", "split": splits[0] if splits else None, "samples": {}}
        known = {samples: table.pop((name, samples)) for name, samples in list(table) if name == network.name}
        here = {samples: {job.fold: json.loads(path.read_text()) for job in mine if (path := job.folder / f"scores-{samples}.json").exists()}
                for samples in [f"{count}{end}" for end in ("", *(["-flips"] if study.flips else [])) for count in network.samples] + [f"{mine[0].samples}-tuned"]}
        if any(here.values()):
            same = all(old.get(key) == row[key] for key in ("options", "plan", "split")) and before["folds"] == study.folds
            row["commit"] = ", ".join(dict.fromkeys([old["commit"], commit] if same else [commit]))
            for samples, folds in here.items():
                records = {case: {"fold": fold, **scores.record(measured)} for fold, cases in folds.items() for case, measured in cases.items()}
                records |= {case: record for case, record in known.get(samples, {}).items() if same and record["fold"] not in folds and case not in records}
                if records:
                    table[network.name, samples] = records
        else:
            row, same = {"commit": before.get("commit"), **old}, True
            table |= {(network.name, samples): records for samples, records in known.items()}
        for samples, records in ((samples, records) for (name, samples), records in table.items() if name == network.name):
            other = network.against or study.networks[0].name
            others = next((found for (name, of) in table if name == other != network.name and of.partition("-")[2] == samples.partition("-")[2] and (found := table[name, of])), None)
            row["samples"][samples] = {"folds": len({record["fold"] for record in records.values()}), **({"differenceTo": other} if others else {}), **scores.summary(records, others, study.patient)}
        if not row.get("samples"):
            continue
        rows[network.name] = row
        if any(here.values()):
            row["training"] = (old.get("training", {}) if same else {}) | {run.name: scores.training(run) for job in mine for run in job.runs if (run / "evaluation.json").exists()}
            if (tuned := mine[0].folder.parent / "calibration.json").exists():
                row["tuning"] = {key: value for key, value in json.loads(tuned.read_text()).items() if key not in ("classes", "thresholds", "dataHash")}
            elif same and "tuning" in old:
                row["tuning"] = old["tuning"]
        print_row(network.name, row)
    if rows:
        write(results, {"data": study.data, "folds": study.folds, "flips": " ".join(study.flips), "networks": rows})
    if table:
        scores.save(table_file, table)


def print_row(name, row):
    for samples, summary in row["samples"].items():
        print(f"{name:28} {samples:>8} samples, {summary['folds']} folds: " + ", ".join(
            f"{key} {value['mean']:.4f} ({value.get('low', value['mean']):.4f} to {value.get('high', value['mean']):.4f})" for key, value in summary.items() if key.startswith("dice") and "mean" in value or key in ("all/nll", "lesion/nll", "lesion/lesion-f1", "volume interval covers")))
    for t in (t for t in row["training"].values() if "kl" in t):
        print(f"{'':28} factor of the KL {t['klFactor']:.3g}, weighted KL {t['weightedKl']:.3g}, KL a weight {t['kl'] / t['gaussianWeights']:.2f} nats, signal to noise {t['signalToNoise']:.2g}, "
              f"collapsed {t['collapsedShare']:.1%}, KL in the gradient {t['klGradientShare']:.2%}, cosine {t['gradientCosine']:.2f}")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("study", choices=sorted(studies.ALL))
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    arguments.add_argument("--networks", nargs="+")
    arguments.add_argument("--folds", nargs="+", type=int)
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument("--minutes", type=float, help="end at a safe place after so long; the same command goes on")
    arguments.add_argument("--gather", action="store_true", help="run nothing, only gather what is done")
    options = arguments.parse_args()
    study = studies.ALL[options.study]
    programs = Programs(options.work / "programs")
    data = options.data / study.data
    if study.patient:
        data = studies.by_person(data, options.work / "data" / study.data)
    jobs = [Job(study, data, options.work, network, fold) for fold in study.run_folds or range(study.folds) for network in study.networks]
    failed = []
    if not options.gather:
        programs.stop_on_signals(options.minutes)
        todo = [j for j in jobs if j.network.name in (options.networks or [n.name for n in study.networks]) and j.fold in (options.folds or range(study.folds))]

        def attempt(job, work):
            try:
                work(job, programs)
            except Interrupted:
                pass
            except RuntimeError as error:
                failed.append(job)
                print(error, file=sys.stderr, flush=True)

        with concurrent.futures.ThreadPoolExecutor(options.processes) as pool:
            later = [j for j in todo if j.network.start_from or len(j.network.seeds) > 1]  # both need a network that another job trains
            for some in ([j for j in todo if j not in later], later):
                list(pool.map(lambda job: attempt(job, Job.run), some))
            if study.tune and not programs.stopping:
                tuned = [j for j in todo if all(other.is_trained for other in jobs if other.network is j.network)]
                list(pool.map(lambda job: attempt(job, Job.tune_volumes), {j.network.name: j for j in tuned}.values()))
                if study.folds > 2:  # `tune` itself needs two folds to check a choice on
                    list(pool.map(lambda job: attempt(job, Job.tune), tuned))
    gather(study, jobs, programs.commit)
    sys.exit(1 if failed else 0)


main()
