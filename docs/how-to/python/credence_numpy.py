"""Runs a Credence model file with NumPy: no Credence code, no ONNX Runtime. Written from docs/reference/model-file.md alone, as its proof.

    python3 credence_numpy.py model.onnx                                      checks the golden numbers of the file
    python3 credence_numpy.py model.onnx flair.nii.gz --output maps --samples 16 --seed 1

Needs numpy and onnx (to read the file); for scans also nibabel and scipy. Debian: python3-onnx python3-nibabel python3-scipy.
It is slow and holds all samples; it is there to be read, and to compare with.
"""
import argparse
import itertools
import json
import math
import os
import sys

import numpy as np
import onnx
from onnx import numpy_helper

FORMAT_VERSION = 1
BACKGROUND_LOGIT = 1000.0  # where no patch is


# ------------------------------------------------------------------------------------------------------------------- the graph

def taps(kernel, dilations=(1, 1, 1)):
    """Each voxel (D, H, W) of a kernel, and its distance from the first one."""
    for tap in itertools.product(*map(range, kernel)):
        yield tap, tuple(t * d for t, d in zip(tap, dilations))


def window(x, offset, strides, size):
    """The voxels of (N, C, D, H, W) that one voxel of a kernel meets."""
    return x[(slice(None), slice(None)) + tuple(slice(o, o + s * (n - 1) + 1, s) for o, s, n in zip(offset, strides, size))]


def pad(x, pads, value):
    return np.pad(x, [(0, 0), (0, 0)] + list(zip(pads[:3], pads[3:])), constant_values=value)


def output_size(x, kernel, strides, dilations=(1, 1, 1)):
    return [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(x.shape[2:], kernel, strides, dilations)]


def conv(x, w, bias=None, strides=(1, 1, 1), pads=(0,) * 6, dilations=(1, 1, 1), group=1, kernel_shape=None):
    if group != 1:
        parts = [conv(*part, None, strides, pads, dilations) for part in zip(np.split(x, group, 1), np.split(w, group))]
        y = np.concatenate(parts, 1)
    else:
        x = pad(x, pads, 0)
        size = output_size(x, w.shape[2:], strides, dilations)
        y = np.zeros((x.shape[0], w.shape[0], math.prod(size)), np.float32)
        for tap, offset in taps(w.shape[2:], dilations):
            y += w[(..., *tap)] @ window(x, offset, strides, size).reshape(*x.shape[:2], -1)
        y = y.reshape(*y.shape[:2], *size)
    return y if bias is None else y + bias.reshape(1, -1, 1, 1, 1)


def conv_transpose(x, w, bias=None, strides=(1, 1, 1), pads=(0,) * 6, output_padding=(0, 0, 0), dilations=(1, 1, 1), group=1, kernel_shape=None):
    if group != 1:
        parts = [conv_transpose(*part, None, strides, pads, output_padding, dilations) for part in zip(np.split(x, group, 1), np.split(w, group))]
        y = np.concatenate(parts, 1)
    else:
        kernel, size = w.shape[2:], x.shape[2:]
        full = [s * (n - 1) + d * (k - 1) + 1 + p for n, k, s, d, p in zip(size, kernel, strides, dilations, output_padding)]
        y = np.zeros((x.shape[0], w.shape[1], *full), np.float32)
        for tap, offset in taps(kernel, dilations):
            window(y, offset, strides, size)[...] += (w[(..., *tap)].T @ x.reshape(*x.shape[:2], -1)).reshape(x.shape[0], -1, *size)
        y = y[(..., *(slice(a, n - b) for a, b, n in zip(pads[:3], pads[3:], full)))]
    return y if bias is None else y + bias.reshape(1, -1, 1, 1, 1)


def pool(x, kernel_shape, reduce, padding, strides=(1, 1, 1), pads=(0,) * 6, dilations=(1, 1, 1)):
    x = pad(x, pads, padding)
    size = output_size(x, kernel_shape, strides, dilations)
    return reduce([window(x, offset, strides, size) for _, offset in taps(kernel_shape, dilations)], 0).astype(np.float32)


def instance_norm(x, scale, shift, epsilon=1e-5):
    wide = x.astype(np.float64)
    space = tuple(range(2, x.ndim))
    wide = (wide - wide.mean(space, keepdims=True)) / np.sqrt(wide.var(space, keepdims=True) + epsilon)
    return (wide * per_channel(scale, x) + per_channel(shift, x)).astype(np.float32)


def batch_norm(x, scale, shift, mean, variance, epsilon=1e-5, momentum=0.9):
    return (x - per_channel(mean, x)) / np.sqrt(per_channel(variance, x) + np.float32(epsilon)) * per_channel(scale, x) + per_channel(shift, x)


def per_channel(v, x):
    return v.reshape(1, -1, *[1] * (x.ndim - 2))


def reshape(x, shape):
    return x.reshape([x.shape[axis] if edge == 0 else edge for axis, edge in enumerate(shape)])  # 0 keeps an edge, -1 takes what is left


def resize(x, _, scales, mode, coordinate_transformation_mode, nearest_mode):
    if (mode, coordinate_transformation_mode, nearest_mode) != (b"nearest", b"asymmetric", b"floor"):
        raise SystemExit("Resize other than to the nearest voxel before is not written here.")
    for axis, scale in enumerate(scales):
        x = np.take(x, np.floor(np.arange(int(x.shape[axis] * scale)) / scale).astype(int), axis)
    return x


def average_pool(x, kernel_shape, count_include_pad=0, **a):
    padded = pool(x, kernel_shape, np.mean, 0, **a)
    return padded if count_include_pad else padded / pool(np.ones_like(x), kernel_shape, np.mean, 0, **a)


OPERATORS = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "InstanceNormalization": instance_norm,
    "ReduceMean": lambda x, axes, keepdims=1: x.mean(tuple(axes), keepdims=bool(keepdims)),
    "Sub": np.subtract,
    "Div": np.divide,
    "Sqrt": np.sqrt,
    "BatchNormalization": batch_norm,
    "AveragePool": average_pool,
    "MaxPool": lambda x, kernel_shape, **a: pool(x, kernel_shape, np.max, -np.inf, **a),
    "Reshape": reshape,
    "Mul": np.multiply,
    "Add": np.add,
    "Relu": lambda x: np.maximum(x, 0),
    "LeakyRelu": lambda x, alpha=0.01: np.where(x < 0, np.float32(alpha) * x, x),
    "Concat": lambda *x, axis: np.concatenate(x, axis),
    "Gather": lambda x, index, axis=0: np.take(x, index, axis),
    "Cast": lambda x, to: x.astype({1: np.float32, 10: np.float16}[to]),
    "Identity": lambda x: x,
    # Those of networks that were not made by credence-train:
    "GlobalAveragePool": lambda x: x.mean((2, 3, 4), keepdims=True),
    "Shape": lambda x: np.array(x.shape, np.int64),
    "Resize": resize,
    "Clip": np.clip,
    "PRelu": lambda x, slope: np.where(x < 0, slope * x, x),
    "Elu": lambda x, alpha=1.0: np.where(x < 0, np.float32(alpha) * np.expm1(np.minimum(x, 0)), x),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Tanh": np.tanh,
    "Softplus": lambda x: np.logaddexp(x, np.float32(0)),
    "HardSwish": lambda x: x * np.clip(x / 6 + np.float32(0.5), 0, 1),
    "Erf": lambda x: np.vectorize(math.erf, otypes=[np.float32])(x),
}


class Model:
    """A model file: its manifest and its graph."""

    def __init__(self, path):
        proto = onnx.load(path, load_external_data=False)
        text = {p.key: p.value for p in proto.metadata_props}.get("credence.manifest")
        if text is None:
            raise SystemExit(f"{path}: no metadata \"credence.manifest\"; expected a model written by credence-export.")
        self.manifest = json.loads(text)
        if self.manifest["formatVersion"] > FORMAT_VERSION:
            raise SystemExit(f"{path}: manifest format version {self.manifest['formatVersion']}; this client reads {FORMAT_VERSION}.")
        external = [t.name for t in proto.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
        unknown = sorted({n.op_type for n in proto.graph.node} - OPERATORS.keys())
        if external or unknown:
            raise SystemExit(f"{path}: " + (f"weights of {external[0]} in another file." if external else f"operators {', '.join(unknown)}, which this client does not have."))
        self.constants = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}  # the defaults of the noise inputs among them
        self.nodes = [(n.op_type, n.input, n.output[0], {a.name: onnx.helper.get_attribute_value(a) for a in n.attribute}) for n in proto.graph.node]
        self.last_use = {name: at for at, (_, inputs, _, _) in enumerate(self.nodes) for name in inputs}

    def run(self, image, inputs=None):
        """Logits (N, K, D, H, W) of patches (N, C, D, H, W); without inputs those of the posterior-mean network."""
        values = {"": None, **self.constants, **(inputs or {}), "image": np.asarray(image, np.float32)}  # "" is an input that a node goes without
        for at, (operator, names, output, attributes) in enumerate(self.nodes):
            arguments = [values[n] for n in names]
            result = OPERATORS[operator](*[a.astype(np.float32) if is_half(a) and operator != "Cast" else a for a in arguments], **attributes)
            half = operator != "Cast" and any(map(is_half, arguments))
            values[output] = result.astype(np.float16) if half else result  # float16 is computed in float32 and rounded
            for name in set(names):
                if self.last_use[name] == at and name and name not in self.constants:
                    del values[name]
        return values["logits"]

    def draw(self, seed, sample):
        """Inputs of one sample: every noise input, and the member of an ensemble."""
        inputs = {n["name"]: noise(n, index, seed, sample) for index, n in enumerate(self.manifest["noiseInputs"])}
        if self.manifest["members"] > 1:
            inputs["member"] = np.array(sample % self.manifest["members"], np.int64)
        return inputs

    def self_test(self):
        """The largest difference from the golden numbers of the file, as a share of the largest of them (at least 1)."""
        test, channels = self.manifest["selfTest"], len(self.manifest["channels"])
        shape = [1, channels, *axes(test["patchSize"])]
        patch = noise({"shape": shape, "distribution": "gaussian"}, 0xFFFFFFFF, test["seed"], 0)
        worst = 0.0
        for golden, inputs in ((test["defaultLogits"], {}), (test["sampledLogits"], self.draw(test["seed"], test["sample"]))):
            found = self.run(patch, inputs)[0].ravel()[test["positions"]]
            worst = max(worst, np.abs(found - golden).max() / max(1, np.abs(golden).max()))
        return worst


def is_half(tensor):
    return tensor is not None and tensor.dtype == np.float16


def axes(size):
    """Depth, height, width of a size in the manifest."""
    return [size["depth"], size["height"], size["width"]]


# ------------------------------------------------------------------------------------------------------------------- the noise

def philox(counter, key):
    """Philox4x32-10 of many blocks at once; counter (4, blocks)."""
    c0, c1, c2, c3 = (np.asarray(c, np.uint64) for c in counter)
    k0, k1 = key
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0), p1 & low, (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1), p0 & low
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3])


def noise(description, index, seed, sample):
    """One draw of the noise input at a position of the manifest."""
    count = math.prod(description["shape"])
    block = np.arange((count + 3) // 4, dtype=np.uint64)
    constant = np.ones_like(block)
    x = philox((block & np.uint64(0xFFFFFFFF), block >> np.uint64(32), np.uint64(index) * constant, np.uint64(sample) * constant), (seed & 0xFFFFFFFF, seed >> 32))
    if description["distribution"] == "gaussian":
        u = (x + 0.5) / 2.0**32  # float64
        radius, angle = np.sqrt(-2 * np.log(u[[0, 2]])), 2 * math.pi * u[[1, 3]]
        values = np.stack([radius[0] * np.cos(angle[0]), radius[0] * np.sin(angle[0]), radius[1] * np.cos(angle[1]), radius[1] * np.sin(angle[1])])
    elif description["distribution"] == "bernoulli":
        p = description["dropProbability"]
        values = np.where(x >= p * 2.0**32, 1 / (1 - p), 0)
    else:
        raise SystemExit(f"Noise of distribution {description['distribution']} is not known here.")
    return values.T.ravel()[:count].astype(np.float32).reshape(description["shape"])


# ------------------------------------------------------------------------------------------------------ sliding window and samples

def positions(edge, patch, overlap):
    """First voxels of the patches along one axis: evenly spread, the first and the last flush with the border."""
    if edge <= patch:
        return [0]
    steps = math.ceil((edge - patch) / max(1, patch * (1 - overlap)))
    return [round(n * (edge - patch) / steps) for n in range(steps + 1)]


def gaussian_window(patch):
    a, b, c = (np.exp(-0.5 * ((np.arange(edge) - (edge - 1) / 2) / (edge / 8)) ** 2) for edge in patch)
    return (a[:, None, None] * b[None, :, None] * c[None, None, :]).astype(np.float32)


def blended_logits(model, voxels, inputs):
    """Logits (K, D, H, W) of a prepared case (C, D, H, W): the weighted mean over the patches that hold tissue."""
    manifest = model.manifest
    patch, size = axes(manifest["patchSize"]), voxels.shape[1:]
    weights = gaussian_window(patch)
    total, weight = np.zeros((len(manifest["classes"]), *size)), np.zeros(size)
    for first in itertools.product(*(positions(e, p, manifest["overlap"]) for e, p in zip(size, patch))):
        inside = tuple(slice(f, min(f + p, e)) for f, p, e in zip(first, patch, size))
        part = voxels[(slice(None), *inside)]
        if (part == voxels[:, :1, :1, :1]).all():
            continue  # every channel is what it is in the corner: no tissue
        filled = np.zeros((1, voxels.shape[0], *patch), np.float32)  # beyond the border is 0
        kept = tuple(slice(0, n) for n in part.shape[1:])
        filled[(0, slice(None), *kept)] = part
        total[(slice(None), *inside)] += weights[kept] * model.run(filled, inputs)[0][(slice(None), *kept)]
        weight[inside] += weights[kept]
    logits = total / np.where(weight > 0, weight, 1)
    logits[0][weight == 0] = BACKGROUND_LOGIT
    return logits


def softmax(logits):
    e = np.exp(logits - logits.max(0))
    return e / e.sum(0)


def entropy(p):
    return -(p * np.log(np.maximum(p, 1e-45))).sum(0)


def predict(model, voxels, samples=16, seed=1):
    """Mean probability (K, D, H, W), predictive entropy and mutual information (D, H, W; nats) of a prepared case (C, D, H, W)."""
    members = model.manifest["members"]
    is_sampled = samples > 0 and (model.manifest["noiseInputs"] or members > 1)
    samples = samples if model.manifest["noiseInputs"] else min(samples, members)  # more of plain members would repeat them
    drawn = [softmax(blended_logits(model, voxels, model.draw(seed, s) if is_sampled else {})) for s in range(samples if is_sampled else 1)]
    mean = np.mean(drawn, 0)
    information = np.maximum(0, entropy(mean) - np.mean([entropy(p) for p in drawn], 0))  # of the samples as drawn
    tempered = mean ** (1 / model.manifest["calibration"]["temperature"])
    mean = tempered / tempered.sum(0)
    return mean, entropy(mean), information


# --------------------------------------------------------------------------------------------------------- from scans and back to them

def smooth_axes(spacing):
    return [s <= 3 * min(spacing) for s in spacing]


def resample_axis(x, axis, at, is_smooth):
    """Values at positions along an axis, which are moved inside it: linear, or a cubic B-spline mirrored at the border."""
    from scipy import ndimage
    edge = x.shape[axis]
    at = np.clip(at, 0, edge - 1)
    first = np.floor(at).astype(int)
    f = at - first
    if is_smooth and edge > 1:
        x = ndimage.spline_filter1d(x, 3, axis=axis, output=np.float64, mode="mirror")
        shares = {-1: (1 - f) ** 3 / 6, 0: 2 / 3 - f**2 * (2 - f) / 2, 1: 2 / 3 - (1 - f) ** 2 * (1 + f) / 2, 2: f**3 / 6}
    else:
        shares = {0: 1 - f, 1: f}
    shape = [-1 if a == axis else 1 for a in range(x.ndim)]
    mirrored = lambda i: np.abs(np.where(i > edge - 1, 2 * (edge - 1) - i, i)) if edge > 1 else np.zeros_like(i)
    return sum(share.reshape(shape) * np.take(x, mirrored(first + step), axis) for step, share in shares.items())


def between(edge, new_edge, spacing, new_spacing):
    """Positions of the voxels of a new grid in an old one with the same centre."""
    return (np.arange(new_edge) - (new_edge - 1) / 2) * (new_spacing / spacing) + (edge - 1) / 2


def body(x):
    """Voxels above Otsu's threshold, of which the largest part connected by faces."""
    from scipy import ndimage
    low, high = float(x.min()), float(np.percentile(x, 99.5))
    threshold = low
    if high > low:
        counts = np.bincount(np.clip(((x.ravel().astype(np.float64) - low) / (high - low) * 256).astype(int), 0, 255), minlength=256)
        below, sums = np.cumsum(counts)[:-1], np.cumsum(counts * np.arange(256))
        above = counts.sum() - below
        with np.errstate(divide="ignore", invalid="ignore"):
            between_classes = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
        threshold = low + (np.nanargmax(between_classes) + 1) * (high - low) / 256
    parts, _ = ndimage.label(x > threshold)
    counts = np.bincount(parts.ravel())[1:]
    return parts == np.argmax(counts) + 1 if len(counts) else np.zeros(x.shape, bool)


def region(x, kind):
    return {"whole": lambda: np.ones(x.shape, bool), "non-zero": lambda: x != 0, "body": lambda: body(x)}[kind]()


class Case:
    """Scans on one grid, brought onto the network's: voxels (C, D, H, W). Inside, arrays are (i, j, k)."""

    def __init__(self, manifest, paths):
        import nibabel
        if len(paths) != len(manifest["channels"]):
            raise SystemExit(f"{len(paths)} scans; expected {', '.join(c['name'] for c in manifest['channels'])}, in this order.")
        self.scan = nibabel.load(paths[0])
        canonical = [nibabel.as_closest_canonical(nibabel.load(p)) for p in paths]
        directions = canonical[0].affine[:3, :3] / np.linalg.norm(canonical[0].affine[:3, :3], axis=0)
        if np.abs(directions.T @ directions - np.eye(3)).max() > 1e-3:
            raise SystemExit(f"{paths[0]}: sheared axes, which this client does not straighten.")
        for path, image in zip(paths, canonical):
            if len(image.shape) != 3 or image.shape != canonical[0].shape or np.abs(image.affine - canonical[0].affine).max() > 0.1:
                raise SystemExit(f"{path}: another grid than {paths[0]}, or more than one volume; resample the channels onto one grid first.")
        channels = [np.asarray(image.dataobj, np.float32) for image in canonical]
        self.size = np.array(channels[0].shape)
        self.spacing = np.linalg.norm(canonical[0].affine[:3, :3], axis=0)
        self.box = self._box(channels, manifest["crop"])
        self.target = np.array([manifest["spacing"][a] for a in "xyz"])
        edges = np.array([b.stop - b.start for b in self.box])
        self.is_same = (np.abs(self.spacing - self.target) <= 1e-3 * self.target).all()
        self.edges = edges if self.is_same else np.maximum(1, [round(v) for v in edges * self.spacing / self.target])
        self.voxels = np.stack([self._normalise(c, manifest) for c in channels]).transpose(0, 3, 2, 1)  # W, the i axis, runs fastest

    def _box(self, channels, crop):
        box = [slice(0, n) for n in self.size]
        if crop == "whole":
            return tuple(box)
        low, high = self.size.copy(), np.zeros(3, int)
        for c in channels:  # a channel without the region counts as a whole
            places = np.argwhere(region(c, crop))
            low = np.minimum(low, places.min(0) if len(places) else 0)
            high = np.maximum(high, places.max(0) + 1 if len(places) else self.size)
        return tuple(slice(max(0, a - 1), min(n, b + 1)) for a, b, n in zip(low, high, self.size))

    def _normalise(self, x, manifest):
        rule, mask = manifest["normalisation"], None
        if rule["kind"] == "z-score" and rule["region"] != "whole":
            mask = region(x, rule["region"])  # before resampling
            mask = mask[self.box] if self.is_same else mask
        if self.is_same:
            x = x[self.box]
        else:
            smooth = smooth_axes(self.spacing) if manifest["interpolation"] == "cubic-b-spline" else [False] * 3
            places = [b.start + between(b.stop - b.start, n, s, t) for b, n, s, t in zip(self.box, self.edges, self.spacing, self.target)]
            if mask is not None:
                mask = mask[np.ix_(*(np.floor(np.clip(p, 0, e - 1) + 0.5).astype(int) for p, e in zip(places, x.shape)))]
            for axis in range(3):
                x = resample_axis(x, axis, places[axis], smooth[axis])
            x = x.astype(np.float32)
        if rule["kind"] == "window":
            low, high = rule["windowLower"], rule["windowUpper"]
            return (2 * (np.clip(x, low, high) - low) / (high - low) - 1).astype(np.float32)
        inside = x if mask is None else x[mask]
        if inside.size == 0:
            return np.zeros_like(x)
        low, high = np.percentile(inside.astype(np.float64), [rule["lowerPercentile"], rule["upperPercentile"]]).astype(np.float32)
        x = np.clip(x, low if rule["lowerPercentile"] > 0 else None, high if rule["upperPercentile"] < 100 else np.inf)
        inside = x if mask is None else x[mask]
        mean, deviation = inside.mean(dtype=np.float64), inside.std(dtype=np.float64)
        x = ((x - mean) / deviation).astype(np.float32) if deviation > 1e-8 else np.zeros_like(x)
        return np.where(mask, x, np.float32(0)) if rule["region"] == "non-zero" else x

    def restore(self, volume):
        """A map (D, H, W) of the network's grid on the grid of the scan, trilinearly; 0 outside the box."""
        import nibabel
        x = volume.transpose(2, 1, 0)
        edges = [b.stop - b.start for b in self.box]
        for axis in range(3):
            if not self.is_same:
                x = resample_axis(x, axis, between(self.edges[axis], edges[axis], self.target[axis], self.spacing[axis]), is_smooth=False)
        whole = np.zeros(self.size, np.float32)
        whole[self.box] = x
        scan = nibabel.orientations.io_orientation(self.scan.affine)
        back = nibabel.orientations.ornt_transform(np.array([[0, 1], [1, 1], [2, 1]]), scan)
        return nibabel.orientations.apply_orientation(whole, back)


def segment(probabilities, manifest):
    """Labels on the grid of the scan from the restored foreground probabilities (K - 1, i, j, k)."""
    from scipy import ndimage
    calibration = manifest["calibration"]
    labels = np.array([c["label"] for c in manifest["classes"][1:]], np.uint8)[probabilities.argmax(0)]
    labels[probabilities.sum(0) <= calibration["threshold"]] = 0
    lesions, _ = ndimage.label(labels, np.ones((3, 3, 3)))
    small = np.bincount(lesions.ravel()) < calibration["minimumLesionVoxels"]
    small[0] = False
    labels[small[lesions]] = 0
    return labels


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("scans", nargs="*", help="one NIfTI file a channel, in the order of the manifest; none checks the golden numbers")
    parser.add_argument("--output", default="maps")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    model = Model(options.model)
    if not options.scans:
        difference, tolerance = model.self_test(), model.manifest["selfTest"]["tolerance"]
        print(f"golden numbers differ by {difference:.1e} of the largest; allowed are {tolerance:.1e}")
        sys.exit(0 if difference <= tolerance else 1)
    import nibabel
    case = Case(model.manifest, options.scans)
    mean, total, information = predict(model, case.voxels, options.samples, options.seed)
    probabilities = np.stack([case.restore(p) for p in mean[1:]])
    maps = {"predictive-entropy": case.restore(total), "mutual-information": case.restore(information), "segmentation": segment(probabilities, model.manifest)}
    for p, c in zip(probabilities, model.manifest["classes"][1:]):
        maps["probability" if len(probabilities) == 1 else f"probability-{c['label']}-{c['name']}"] = p
    os.makedirs(options.output, exist_ok=True)
    for name, values in maps.items():
        nibabel.save(nibabel.Nifti1Image(values, case.scan.affine), os.path.join(options.output, f"{name}.nii.gz"))
    print(f"{len(maps)} maps in {options.output}")


if __name__ == "__main__":
    main()
