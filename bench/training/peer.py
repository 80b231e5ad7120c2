#!/usr/bin/python3
"""The peer of run.py: the same U-Net, loss, optimiser and augmentation in PyTorch, timed step by step; prints one JSON line.

Augmentation is what a PyTorch user writes without a package: scipy's affine_transform and NumPy, in the workers of a DataLoader (0: in the main process).
Cases are z-scored and kept in memory. Debian packages: python3-torch python3-scipy. With --device cuda:0 as a PyTorch user would: pinned minibatches,
convolution search (cudnn.benchmark), and autocast for bfloat16.
"""
import argparse, gzip, json, pathlib, resource, time
import numpy, torch
from scipy.ndimage import affine_transform
from torch import nn


class Block(nn.Sequential):
    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__(nn.Conv3d(inputs, outputs, kernel, stride, [k // 2 for k in kernel]), nn.InstanceNorm3d(outputs, affine=True), nn.LeakyReLU(0.01))


class UNet(nn.Module):
    """models/UNet.cs."""

    def __init__(self, channels, classes, width, strides, kernels):
        super().__init__()
        widths = [min(width << level, 320) for level in range(len(kernels))]
        stage = lambda inputs, level, stride: nn.Sequential(
            Block(inputs, widths[level], kernels[level], stride), Block(widths[level], widths[level], kernels[level], [1, 1, 1]))
        self.down = nn.ModuleList([stage(widths[n - 1] if n else channels, n, strides[n - 1] if n else [1, 1, 1]) for n in range(len(kernels))])
        lower = range(len(strides) - 1, -1, -1)
        self.up = nn.ModuleList([nn.ConvTranspose3d(widths[n + 1], widths[n], strides[n], strides[n]) for n in lower])
        self.join = nn.ModuleList([stage(2 * widths[n], n, [1, 1, 1]) for n in lower])
        self.output = nn.Conv3d(widths[0], classes, 1)

    def forward(self, image):
        skips = []
        for stage in self.down:
            image = stage(image)
            skips.append(image)
        for up, join, skip in zip(self.up, self.join, skips[-2::-1]):
            image = join(torch.cat([up(image), skip], 1))
        return self.output(image)


def dice_and_cross_entropy(logits, target):
    log_probability = torch.log_softmax(logits, 1)
    one_hot = target.unsqueeze(1).eq(torch.arange(logits.shape[1], device=logits.device).view(1, -1, 1, 1, 1)).float()
    probability = log_probability.exp()
    overlap = (probability * one_hot).sum((2, 3, 4))
    total = probability.sum((2, 3, 4)) + one_hot.sum((2, 3, 4))
    return nn.functional.nll_loss(log_probability, target) + (1 - ((2 * overlap + 1e-5) / (total + 1e-5))[:, 1:]).mean()


class Patches(torch.utils.data.Dataset):
    """AugmentationOptions.cs and PatchSampler.cs: the same kinds, ranges and probabilities."""

    def __init__(self, cases, patch, count, augment):
        self.cases, self.patch, self.count, self.augment = cases, patch, count, augment

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        random = numpy.random.default_rng(index)
        image, label = self.cases[random.integers(len(self.cases))]
        shape = numpy.array(label.shape)
        if random.random() < 0.5:
            foreground = numpy.argwhere(label == random.choice(numpy.unique(label[label > 0])))
            origin = foreground[random.integers(len(foreground))] - self.patch // 4 - random.integers(numpy.maximum(1, self.patch // 2))
        else:
            origin = random.integers(numpy.minimum(0, shape - self.patch), numpy.maximum(0, shape - self.patch) + 1)
        origin = numpy.clip(origin, numpy.minimum(0, shape - self.patch), numpy.maximum(0, shape - self.patch))
        matrix = numpy.eye(3)
        if self.augment and random.random() < 0.3:
            for axis, angle in enumerate(numpy.radians(random.uniform(-20, 20, 3))):
                turn, (a, b) = numpy.eye(3), [n for n in range(3) if n != axis]
                turn[[a, b, a, b], [a, b, b, a]] = [numpy.cos(angle), numpy.cos(angle), -numpy.sin(angle), numpy.sin(angle)]
                matrix = turn @ matrix
        if self.augment and random.random() < 0.3:
            matrix = matrix / (0.8 * (1.25 / 0.8) ** random.random())
        if self.augment and random.random() < 0.5:
            matrix = matrix @ numpy.diag([1, 1, -1])
        centre = (self.patch - 1) / 2
        offset = origin + centre - matrix @ centre
        place = dict(offset=offset, output_shape=tuple(self.patch), mode="constant")
        if numpy.allclose(matrix, numpy.eye(3)):  # a block, where the sum of it all is a shift: no interpolation
            image, label = (self.block(volume, origin) for volume in (image, label))
        else:
            image = affine_transform(image, matrix, order=1, **place)
            label = affine_transform(label, matrix, order=0, **place)
        if self.augment:
            if random.random() < 0.15:
                image = image + random.random() * 0.15 * random.standard_normal(image.shape, dtype=numpy.float32)
            if random.random() < 0.15:
                image = image * (1 + random.uniform(-0.25, 0.25))
            if random.random() < 0.3:
                low, extent, mean, deviation = image.min(), numpy.ptp(image), image.mean(), image.std()
                image = ((image - low) / max(extent, 1e-6)) ** (0.7 * (1.5 / 0.7) ** random.random())
                image = (image - image.mean()) * (deviation / max(image.std(), 1e-8)) + mean
        return torch.from_numpy(image.astype(numpy.float32)[None]), torch.from_numpy(label.astype(numpy.int64))

    def block(self, volume, origin):
        result = numpy.zeros(self.patch, volume.dtype)
        first, last = numpy.maximum(origin, 0), numpy.minimum(origin + self.patch, volume.shape)
        result[tuple(slice(a - o, b - o) for a, b, o in zip(first, last, origin))] = volume[tuple(map(slice, first, last))]
        return result


def read_nifti(path):
    """(k, j, i) values of a little-endian single-file NIfTI-1: all that credence-train's data sets of this benchmark hold."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    header = lambda format, offset, count: numpy.frombuffer(content, format, count, offset)
    shape, kind, start = header("<i2", 42, 3), header("<i2", 70, 1)[0], int(header("<f4", 108, 1)[0])
    slope, intercept = header("<f4", 112, 2)
    values = numpy.frombuffer(content, {2: "u1", 4: "<i2", 8: "<i4", 16: "<f4", 64: "<f8", 256: "i1", 512: "<u2"}[int(kind)], int(shape.prod()), start).reshape(shape[::-1])
    return values * slope + intercept if slope not in (0, 1) or intercept else values


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--run", type=pathlib.Path, required=True, help="a run folder of ours, for its plan and split")
    arguments.add_argument("--steps", type=int, required=True)
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--workers", type=int, required=True)
    arguments.add_argument("--no-augmentation", action="store_true")
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--precision", choices=["float32", "tf32", "bfloat16"], default="float32")
    options = arguments.parse_args()
    device = torch.device(options.device)
    torch.backends.cudnn.allow_tf32 = options.precision == "tf32"
    torch.backends.cudnn.benchmark = True
    torch.set_num_threads(options.threads)
    plan = json.loads((options.run / "plan.json").read_text())
    patch = numpy.array([plan["patchSize"][axis] for axis in ("depth", "height", "width")])
    cases = []
    for case in json.loads((options.run / "split.json").read_text())["training"]:
        find = lambda folder: next(p for p in (options.data / folder / f"{case}{end}" for end in (".nii.gz", "_0000.nii.gz", ".nii")) if p.exists())
        image, label = read_nifti(find("imagesTr")).astype("float32"), read_nifti(find("labelsTr"))
        cases.append((numpy.ascontiguousarray((image - image.mean()) / image.std()), numpy.ascontiguousarray(label.astype("uint8"))))

    torch.manual_seed(1)
    network = UNet(len(plan["channels"]), len(plan["classes"]), plan["width"], plan["strides"], plan["kernels"]).to(device)
    kernels = [p for p in network.parameters() if p.dim() == 5]
    optimiser = torch.optim.AdamW([{"params": kernels, "weight_decay": 1e-3}, {"params": [p for p in network.parameters() if p.dim() < 5], "weight_decay": 0}], lr=5e-3)
    loader = torch.utils.data.DataLoader(Patches(cases, patch, options.steps * plan["batchSize"], not options.no_augmentation), plan["batchSize"], num_workers=options.workers, pin_memory=device.type == "cuda")
    times, waits, asked = [], [], time.perf_counter()
    for images, targets in loader:
        start = time.perf_counter()
        images, targets = images.to(device, non_blocking=True), targets.to(device, non_blocking=True)
        optimiser.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bfloat16"):
            logits = network(images)
        loss = dice_and_cross_entropy(logits.float(), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 12)
        optimiser.step()
        loss.item()
        waits.append(start - asked)
        times.append(time.perf_counter() - asked)
        asked = time.perf_counter()
    print(json.dumps({
        "seconds": times, "waits": waits, "parameters": sum(p.numel() for p in network.parameters()),
        "peakMB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "version": torch.__version__, "deviceName": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "workerPeakMB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 if options.workers else 0}))


if __name__ == "__main__":
    main()
