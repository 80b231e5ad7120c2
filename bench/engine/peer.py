#!/usr/bin/python3
"""The peer of run.py: sliding-window inference in PyTorch, as it is usually written; prints one JSON line.

The U-Net of ../training/peer.py, untrained: what it says is noise, what it costs is what a trained one costs. Every patch of the whole volume, one at a
time, Gaussian blending. A sample draws all weights and runs the whole network over every patch. Debian packages: python3-torch, python3-nibabel.
"""
import argparse, importlib.util, itertools, json, pathlib, resource, time
import nibabel, numpy, torch

spec = importlib.util.spec_from_file_location("training_peer", pathlib.Path(__file__).parents[1] / "training/peer.py")
training_peer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(training_peer)


def starts(edge, patch):
    steps = max(1, -(-(edge - patch) // (patch // 2)) + 1)
    return [round(n * (edge - patch) / max(1, steps - 1)) for n in range(steps)]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--scan", required=True)
    arguments.add_argument("--patch", type=int, required=True)
    arguments.add_argument("--samples", type=int, required=True, help="0: one pass with the weights as they are")
    arguments.add_argument("--threads", type=int, required=True)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    network = training_peer.UNet(1, 2, 16, [[2, 2, 2]] * 4, [[3, 3, 3]] * 5).eval()
    means = [p.detach().clone() for p in network.parameters()]
    volume = torch.from_numpy(numpy.ascontiguousarray(nibabel.load(options.scan).get_fdata(dtype=numpy.float32)))
    tissue = volume[volume != 0]
    volume = torch.where(volume != 0, (volume - tissue.mean()) / tissue.std(), torch.zeros(()))
    line = torch.exp(-0.5 * ((torch.arange(options.patch) - (options.patch - 1) / 2) / (options.patch / 8)) ** 2)
    window = line[:, None, None] * line[:, None] * line
    places = list(itertools.product(*(starts(edge, options.patch) for edge in volume.shape)))
    seconds = []
    with torch.no_grad():
        mean = torch.zeros((2, *volume.shape))
        for _ in range(max(1, options.samples)):
            start = time.perf_counter()
            if options.samples > 0:
                for parameter, value in zip(network.parameters(), means):
                    parameter.copy_(value + 0.01 * torch.randn_like(value))
            logits, weight = torch.zeros((2, *volume.shape)), torch.zeros(volume.shape)
            for place in places:
                at = tuple(slice(p, p + options.patch) for p in place)
                logits[(slice(None), *at)] += network(volume[at][None, None])[0] * window
                weight[at] += window
            mean += torch.softmax(logits / weight, 0)
            seconds.append(time.perf_counter() - start)
    print(json.dumps({"secondsBySample": seconds, "patches": len(places), "version": torch.__version__,
                      "peakMB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6}))


main()
