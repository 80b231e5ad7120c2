"""Our programs, as processes that can be ended at a safe place, and files that are whole or not there."""
import json, os, pathlib, shutil, signal, subprocess, threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROJECTS = {"Trainer": "trainer", "Exporter": "exporter", "InferenceCli": "inference/cli"}
FOLDERS = {"credence-train": "Trainer", "credence-export": "Exporter", "credence-infer": "InferenceCli"}


def write(path, value):
    """Writes JSON under a temporary name and renames it: a file that is there is whole."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n")
    os.replace(part, path)


class Interrupted(SystemExit):
    """The run is to end; what was begun goes on with the same command."""

    def __init__(self):
        super().__init__("interrupted; the same command goes on")


class Programs:
    """Built once into a folder, so that work of days has one version of them; delete the folder to build them anew."""

    def __init__(self, folder):
        self.folder, self.running, self.stopping, self.lock = folder, set(), False, threading.Lock()
        if not (folder / "commit").exists():
            for name, project in PROJECTS.items():
                subprocess.run(["dotnet", "build", "-c", "Release", "-v", "q", ROOT / project], check=True, stdout=subprocess.DEVNULL)
                shutil.copytree(ROOT / f"artifacts/bin/{name}/release", folder / name, dirs_exist_ok=True)
            commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], check=True, capture_output=True, text=True).stdout
            (folder / "commit").write_text(commit)
        self.commit = (folder / "commit").read_text().strip()

    def stop_on_signals(self, minutes=None):
        """SIGTERM, SIGINT and the end of some minutes are passed on to what runs."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        if minutes:
            timer = threading.Timer(60 * minutes, self.stop)
            timer.daemon = True
            timer.start()

    def stop(self, *_):
        with self.lock:
            self.stopping = True
            for process in self.running:
                process.send_signal(signal.SIGTERM)

    def __call__(self, name, arguments, log, accept=(0,), launcher=()):
        """Runs a program to its end, behind a launcher such as mpirun. Raises Interrupted, or RuntimeError where the exit code is another than those that are accepted."""
        with open(log, "a") as output:
            with self.lock:
                if self.stopping:
                    raise Interrupted()
                process = subprocess.Popen(["nice", "-n", "10", *launcher, "dotnet", self.folder / FOLDERS[name] / f"{name}.dll", *map(str, arguments)], stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"OMP_NUM_THREADS": "1"})
                self.running.add(process)
            code = process.wait()
            with self.lock:
                self.running.discard(process)
        if self.stopping:
            raise Interrupted()
        if code not in accept:
            raise RuntimeError(f"{name} {' '.join(map(str, arguments))}: exit code {code}, see {log}")
