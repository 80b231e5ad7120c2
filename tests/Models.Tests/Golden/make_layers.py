"""Norms and residual blocks of PyTorch 1.13, as reference for tests/Models.Tests: python3 make_layers.py layers.safetensors

Weights carry the names of a Credence network of the same shape, so that the test can load them by name.
"""
import json
import sys

import numpy
import torch

torch.manual_seed(20261125)
tensors = {}


def keep(name, tensor):
    tensors[name] = tensor.detach().numpy().astype("<f4").copy()


def randomise(module):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    return module


# Norms: input far from mean 0, every scale and shift different.
x = torch.randn(3, 8, 2, 3, 4) * 2 + 5
keep("norm/input", x)
for name, norm in {
    "instance": torch.nn.InstanceNorm3d(8, affine=True),
    "group": torch.nn.GroupNorm(4, 8),
    "batch": torch.nn.BatchNorm3d(8),
}.items():
    randomise(norm)
    keep(f"norm/{name}/scale", norm.weight)
    keep(f"norm/{name}/shift", norm.bias)
    norm.train()
    keep(f"norm/{name}/training1", norm(x))
    keep(f"norm/{name}/training2", norm(x * 0.5 - 1))
    norm.eval()
    keep(f"norm/{name}/validation", norm(x + 1))
    if name == "batch":
        keep("norm/batch/runningMean", norm.running_mean)
        keep("norm/batch/runningVariance", norm.running_var)


class Residual(torch.nn.Module):
    """He et al. 2016: conv, norm, act, conv, norm, plus shortcut, act."""

    def __init__(self, channels_in, channels_out, stride, shortcut):
        super().__init__()
        self.conv0 = torch.nn.Conv3d(channels_in, channels_out, 3, stride, 1)
        self.norm0 = torch.nn.InstanceNorm3d(channels_out, affine=True)
        self.conv1 = torch.nn.Conv3d(channels_out, channels_out, 3, 1, 1)
        self.norm1 = torch.nn.InstanceNorm3d(channels_out, affine=True)
        self.pool = torch.nn.AvgPool3d(stride) if shortcut == "pool" and stride > 1 else torch.nn.Identity()
        is_projected = channels_in != channels_out or (stride > 1 and shortcut == "project")
        self.shortcut = torch.nn.Conv3d(channels_in, channels_out, 1, stride if shortcut == "project" else 1) if is_projected else None
        self.shortcut_norm = torch.nn.InstanceNorm3d(channels_out, affine=True) if is_projected else None
        self.act = torch.nn.LeakyReLU(0.01)

    def forward(self, x):
        y = self.norm1(self.conv1(self.act(self.norm0(self.conv0(x)))))
        s = self.pool(x)
        if self.shortcut is not None:
            s = self.shortcut_norm(self.shortcut(s))
        return self.act(y + s)


def keep_residual(prefix, block, name):
    for ours, theirs in {"conv0": block.conv0, "conv1": block.conv1, "shortcut": block.shortcut}.items():
        if theirs is not None:
            keep(f"{prefix}/{name}_{ours}.weight.value", theirs.weight)
            keep(f"{prefix}/{name}_{ours}.bias", theirs.bias)
    for ours, theirs in {"conv0": block.norm0, "conv1": block.norm1, "shortcut": block.shortcut_norm}.items():
        if theirs is not None:
            keep(f"{prefix}/{name}_{ours}_norm.scale", theirs.weight)
            keep(f"{prefix}/{name}_{ours}_norm.shift", theirs.bias)


# A residual classifier of two levels: stem, one block without and one with stride, mean over space, linear.
for shortcut in ["pool", "project"]:
    prefix = f"residual/{shortcut}"
    stem = torch.nn.Sequential(torch.nn.Conv3d(2, 4, 3, 1, 1), torch.nn.InstanceNorm3d(4, affine=True), torch.nn.LeakyReLU(0.01))
    first, second, head = Residual(4, 4, 1, shortcut), Residual(4, 8, 2, shortcut), torch.nn.Linear(8, 3)
    for module in [stem, first, second, head]:
        randomise(module)
    image = torch.randn(2, 2, 6, 8, 4)
    keep(f"{prefix}/input", image)
    keep(f"{prefix}/output", head(second(first(stem(image))).mean((2, 3, 4))))
    keep(f"{prefix}/stem.weight.value", stem[0].weight)
    keep(f"{prefix}/stem.bias", stem[0].bias)
    keep(f"{prefix}/stem_norm.scale", stem[1].weight)
    keep(f"{prefix}/stem_norm.shift", stem[1].bias)
    keep_residual(prefix, first, "encoder0_block0")
    keep_residual(prefix, second, "encoder1_block0")
    keep(f"{prefix}/output.weight.value", head.weight)
    keep(f"{prefix}/output.bias", head.bias)

header, data = {"__metadata__": {"made_by": f"make_layers.py, PyTorch {torch.__version__}"}}, b""
for name, array in sorted(tensors.items()):
    header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
    data += array.tobytes()
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open(sys.argv[1], "wb") as file:
    file.write(len(text).to_bytes(8, "little") + text + data)
