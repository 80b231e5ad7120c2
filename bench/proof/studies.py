"""The networks that the proof compares. Every difference between two rows of a result is a difference between two lines here."""
import dataclasses, json, pathlib, random, typing
from programs import write


@dataclasses.dataclass(frozen=True)
class Network:
    name: str
    options: tuple = ()
    seeds: tuple = (1,)  # several are one ensemble
    samples: tuple = (16,)
    runs_of: str = ""  # <study>/<network> whose runs these are, where they are trained there already
    checkpoint: str = "last"  # or "best"
    plan: typing.Callable[[dict], dict] | None = None  # changes the plan of its runs, as that of the study does for all
    against: str = ""  # the network that differences are to; without it the first of the study
    start_from: str = ""  # <study>/<network> from whose last weights, of the same fold and seed, training starts


@dataclasses.dataclass(frozen=True)
class Study:
    name: str
    data: str
    scan: typing.Callable[[pathlib.Path, str], pathlib.Path]
    reference: typing.Callable[[pathlib.Path, str], pathlib.Path]
    networks: tuple
    options: tuple
    folds: int = 5
    run_folds: tuple = ()  # of them, where not all are run
    cases: int | None = None  # so many of a fold, the first by name, where not all are measured
    flips: tuple = ()
    plan: typing.Callable[[dict], dict] | None = None  # changes the plan of every run
    patient: typing.Callable[[str], str] | None = None  # of a case, where cases are not patients
    tune: bool = False  # also with temperature, threshold and smallest lesion tuned on the other folds


def person(case):
    """Cases 2k - 1 and 2k of the Decathlon's hippocampus set are both sides of one scan (pairs.py), of which its description says nothing."""
    return f"person-{(int(case.rpartition('_')[2]) + 1) // 2}"


def by_person(source, folder, size=None):
    """The hippocampus set, or some of its cases, by links, with the person of each case."""
    description = json.loads((source / "dataset.json").read_text())
    chosen = sorted(random.Random(1).sample(description["training"], size or len(description["training"])), key=lambda c: c["image"])
    for case in chosen:
        for part in ("image", "label"):
            link = folder / case[part]
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.exists():
                link.symlink_to((source / case[part]).resolve())
    names = [pathlib.Path(case["image"]).name.partition(".")[0] for case in chosen]
    description |= {"training": chosen, "numTraining": len(chosen), "patients": {name: person(name) for name in names}}
    if not (folder / "dataset.json").exists() or json.loads((folder / "dataset.json").read_text()) != description:
        write(folder / "dataset.json", description)
    return folder


def decathlon(name, networks, **more):
    return Study(name, "hippocampus", lambda data, case: data / "imagesTr" / f"{case}.nii.gz", lambda data, case: data / "labelsTr" / f"{case}.nii.gz", networks, **{"patient": person, **more})


def patients(name, networks, **more):
    return Study(name, "lgg-flair", lambda data, case: data / case / "flair.nii.gz", lambda data, case: data / case / "lesion.nii.gz", networks, **more)


def flat(plan):
    """Slices in place of volumes, about as many voxels a step."""
    size = plan["patchSize"]
    return plan | {"patchSize": size | {"depth": 1}, "batchSize": plan["batchSize"] * size["depth"], "kernels": [[1, *k[1:]] for k in plan["kernels"]], "strides": [[1, *s[1:]] for s in plan["strides"]]}


def coarse(plan):
    """Whole heads without the air around them at half the resolution in plane, in place of blocks of a head. The body's box holds all tumours (air.py).
    The first convolutions stay within a slice: heads have from 20 to 88 slices, and every header puts them 5 mm apart."""
    spacing = plan["spacing"]
    return plan | {"spacing": {"x": 2 * spacing["x"], "y": 2 * spacing["y"], "z": spacing["z"]}, "patchSize": {"width": 48, "height": 64, "depth": 32}, "crop": "body",
                   "normalisation": plan["normalisation"] | {"region": "body"}, "strides": [[1, 2, 2], [1, 2, 2], [2, 2, 2], [2, 2, 2]], "kernels": [[1, 3, 3], [1, 3, 3], [3, 3, 3], [3, 3, 3], [3, 3, 3]]}


def fine(plan):
    """The same network at the resolution of the scans, so that it can go on with the weights of the other; a quarter of a head."""
    return coarse(plan) | {"spacing": plan["spacing"], "patchSize": {"width": 96, "height": 128, "depth": 16}}


def across_slices(plan):
    """Convolutions across slices from the first level on."""
    return coarse(plan) | {"strides": [[2, 2, 2]] * 3, "kernels": [[3, 3, 3]] * 4}


def with_air(plan):
    """With the air, in the patch and in the statistics."""
    return coarse(plan) | {"crop": "whole", "patchSize": {"width": 64, "height": 64, "depth": 32}, "normalisation": plan["normalisation"] | {"region": "whole"}}


def body_statistics(plan):
    """With the air in the patch alone."""
    return with_air(plan) | {"normalisation": plan["normalisation"] | {"region": "body"}}


BAYES = ("--posterior", "mean-field")
MOPED = (*BAYES, "--prior-mean", "start")  # Krishnan et al. 2020: posterior and prior begin at the weights of a plain network

STILL = ("--flip-axes", "none", "--average", 0.998)  # all hippocampi lie as those of one side do
HIPPOCAMPUS = decathlon("hippocampus", (
    Network("plain", ("--epochs", 4, *STILL), samples=(1,)),
    Network("plain-on", ("--epochs", 2, *STILL), samples=(1,), start_from="hippocampus/plain"),
    Network("bayesian", ("--epochs", 2, *STILL, *MOPED), against="plain-on", start_from="hippocampus/plain"),
    Network("ensemble-of-3", ("--epochs", 4, *STILL), seeds=(1, 2, 3), samples=(3,), runs_of="hippocampus/plain"),
), options=("--steps-per-epoch", 400, "--recency", 0), tune=True)
# With mirror images, and with folds that know nothing of persons, as elsewhere.
BY_CASE = decathlon(
    "hippocampus-by-case", (Network("plain", ("--epochs", 12), samples=(1,)), Network("bayesian", ("--epochs", 4, *MOPED), start_from="hippocampus-by-case/plain")),
    options=("--steps-per-epoch", 400, "--average", 0.999, "--recency", 0), flips=("left-right",), patient=None, tune=True)

BEGIN, ON = ("--epochs", 2), ("--epochs", 1)
RATE = ("--learning-rate", 0.0015)
FIELD = ("--receive-field", 2)
SMALL = ("--steps-per-epoch", 500, "--average", 0.998, "--recency", 0, *FIELD)

LESIONS = patients("lesions", (
    Network("dice-cross-entropy", BEGIN, samples=(1,)),
    Network("cross-entropy", (*BEGIN, "--loss", "cross-entropy"), samples=(1,)),
    Network("focal", (*BEGIN, "--loss", "focal(gamma=2)"), samples=(1,)),
    Network("hard-negatives", (*BEGIN, "--loss", "hard-negatives(k=3)"), samples=(1,)),
    Network("tversky", (*BEGIN, "--loss", "tversky"), samples=(1,)),
), options=(*SMALL, *RATE), folds=2, plan=coarse, tune=True)

# Long at low resolution, then on at that of the scans.
LONG = patients("lesions-long", (
    Network("coarse", ("--epochs", 6, *RATE), samples=(1,), plan=coarse),
    Network("fine", ("--epochs", 2, "--learning-rate", 0.00075), samples=(1,), plan=fine, start_from="lesions-long/coarse"),
), options=SMALL, folds=3, flips=("left-right",), tune=True)

EIGHT = (8,)
UNCERTAINTY = patients("uncertainty", (
    Network("deterministic", BEGIN, samples=(1,), runs_of="lesions/dice-cross-entropy"),
    Network("channel-dropout", (*BEGIN, "--posterior", "channel-dropout"), samples=EIGHT),
    Network("mean-field-all", (*BEGIN, *BAYES), samples=EIGHT),
    Network("flipout", (*BEGIN, *BAYES, "--estimator", "flipout"), samples=EIGHT, against="mean-field-all"),
    # Half as many steps again from the weights of the deterministic network, with the same control.
    Network("deterministic-on", ON, samples=(1,), start_from="lesions/dice-cross-entropy"),
    Network("mean-field-output", (*ON, *BAYES, "--bayesian-stages", "output-layer"), samples=EIGHT, against="deterministic-on", start_from="lesions/dice-cross-entropy"),
    Network("mean-field-last-stage", (*ON, *BAYES, "--bayesian-stages", "last-stage"), samples=EIGHT, against="deterministic-on", start_from="lesions/dice-cross-entropy"),
    Network("moped", (*ON, *MOPED), samples=EIGHT, against="deterministic-on", start_from="lesions/dice-cross-entropy"),
    Network("ensemble-of-3", BEGIN, seeds=(1, 2, 3), samples=(3,), runs_of="lesions/dice-cross-entropy"),
), options=(*SMALL, *RATE), folds=2, plan=coarse, tune=True)


# The ELBO itself: a likelihood, and patches that are placed anywhere.
BRIEF = ("--epochs", 6, "--steps-per-epoch", 100, "--recency", 0)
SHORT = (*BRIEF, "--width", 8)
LIKELIHOOD = (*BAYES, "--loss", "cross-entropy", "--foreground-probability", 0)
BOUND = (*SHORT, *LIKELIHOOD)


def coefficients(voxels, examples):
    """Lambda = 1 is the factor 1/(N V); the factors of other units are the lambda that they stand for. Blundell et al. 2015, equations 8 and 9, need sums over a minibatch."""
    return (*(Network(f"lambda-{t}", ("--temper", t)) for t in (0, 0.1, 1, 10, 100, 1000)),
            Network("as-1-over-N", ("--temper", voxels)), Network("as-1", ("--temper", voxels * examples)),
            Network("1-over-M-of-sums", ("--data-term", "minibatch-sum")), Network("pi-of-sums", ("--data-term", "minibatch-sum", "--kl-scaling", "geometric-per-minibatch")))


ABLATIONS = {
    "base": STILL, "flips": ("--flip-axes", "i", *STILL[2:]), "no-augmentation": (*STILL, "--augmentation-strength", 0), "half-the-augmentation": (*STILL, "--augmentation-strength", 0.5), "twice-the-augmentation": (*STILL, "--augmentation-strength", 2),
    "deformation": (*STILL, "--deformation", 2), "receive-field": (*STILL, *FIELD), "deformation-and-field": (*STILL, "--deformation", 2, *FIELD),
    "no-average": STILL[:2], "width-8": (*STILL, "--width", 8), "width-24": (*STILL, "--width", 24), "residual": (*STILL, "--encoder", "residual"), "deep-supervision": (*STILL, "--deep-supervision"),
    "cross-entropy": (*STILL, "--loss", "cross-entropy"), "patches-anywhere": (*STILL, "--foreground-probability", 0), "sgd": (*STILL, "--optimiser", "sgd"),
    "half-rate": (*STILL, "--learning-rate", 0.0025), "third-rate": (*STILL, *RATE),
}
USUAL = ("--steps-per-epoch", 500, *RATE)
LESION_ABLATIONS = (
    Network("base", USUAL, plan=coarse), Network("fine", (*USUAL, "--width", 8), plan=fine), Network("across-slices", USUAL, plan=across_slices),
    Network("with-air", USUAL, plan=with_air), Network("body-statistics", USUAL, plan=body_statistics), Network("width-8", (*USUAL, "--width", 8), plan=coarse),
    Network("default-rate", ("--steps-per-epoch", 500,), plan=coarse), Network("half-rate", ("--steps-per-epoch", 500, "--learning-rate", 0.00075), plan=coarse),
    Network("batch-1", ("--steps-per-epoch", 1000, *RATE, "--batch-size", 1), plan=coarse), Network("deep-supervision", (*USUAL, "--deep-supervision"), plan=coarse),
    Network("no-augmentation", (*USUAL, "--flip-axes", "none", "--augmentation-strength", 0), plan=coarse), Network("no-flips", (*USUAL, "--flip-axes", "none"), plan=coarse),
    Network("twice-the-augmentation", (*USUAL, "--augmentation-strength", 2), plan=coarse), Network("deformation", (*USUAL, "--deformation", 8), plan=coarse),
    Network("receive-field", (*USUAL, *FIELD), plan=coarse), Network("receive-field-4", (*USUAL, "--receive-field", 4), plan=coarse),
)


ALL = {study.name: study for study in (
    HIPPOCAMPUS, BY_CASE, LESIONS, LONG, UNCERTAINTY,
    patients("samples", (Network("mean-field-all", (*BEGIN, *BAYES), samples=(1, 2, 4, 8, 16, 32, 64), runs_of="uncertainty/mean-field-all"),), options=UNCERTAINTY.options, folds=2, run_folds=(0,), cases=12, plan=coarse),
    decathlon("kl-3d", coefficients(40 * 56 * 40, 100 * 2), options=BOUND, run_folds=(0,)),
    decathlon("kl-2d", coefficients(40 * 56, 100 * 80), options=BOUND, run_folds=(0,), plan=flat),
    decathlon("parameters", tuple(Network(f"width-{w}", ("--width", w)) for w in (4, 8, 16, 32)), options=(*BRIEF, *LIKELIHOOD), run_folds=(0,)),
    decathlon("norms", tuple(Network(f"{norm}-{name}-batch-{batch}", ("--norm", norm, "--batch-size", batch, *posterior))
              for norm in ("batch", "instance", "group") for name, posterior in (("plain", ()), ("bayesian", BAYES)) for batch in (2, 4)), options=SHORT, run_folds=(0,)),
    decathlon("ablation", tuple(Network(name, options, samples=(1,)) for name, options in ABLATIONS.items()) + (Network("best-epoch", STILL, samples=(1,), runs_of="ablation/base", checkpoint="best"),),
              options=("--epochs", 4, *HIPPOCAMPUS.options), run_folds=(0,)),
    # With folds that know nothing of persons.
    decathlon("ablation-by-case", tuple(Network(name, ABLATIONS[name], samples=(1,)) for name in ("base", "flips", "no-augmentation", "half-the-augmentation")),
              options=("--epochs", 4, *HIPPOCAMPUS.options), run_folds=(0,), patient=None),
    patients("ablation-lesions", tuple(dataclasses.replace(network, samples=(1,)) for network in LESION_ABLATIONS), options=("--epochs", 2, "--average", 0.998, "--recency", 0), folds=3, run_folds=(0,)),
    patients("imbalance", tuple(Network(f"focal-{g}", ("--loss", f"focal(gamma={g})"), samples=(1,)) for g in (0, 1, 2, 5))
             + tuple(Network(f"mining-{k}", ("--loss", f"hard-negatives(k={k})"), samples=(1,)) for k in (1, 3, 10)), options=(*BRIEF, *RATE), run_folds=(0,), plan=coarse),
)}
