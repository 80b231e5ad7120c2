#!/usr/bin/python3
"""What the air around a head does to a z-score, and how scans with air are told from crops of tissue.

    bench/proof/air.py --data <folder with hippocampus/ and lgg-flair/>

How well one threshold on the intensity tells tumour from other tissue (above a fifth of a scan's 99.5th percentile): AUROC of 2000 voxels of each in every glioma patient, within each scan, and
pooled over the scans after a z-score over all voxels and after one over the body. Whether the box of the body holds the tumour. For both data sets: the share of the left, right, front
and back faces that is darker than 15 % of the 99.5th percentile. The body (Otsu 1979, largest connected part) is computed here with NumPy and SciPy. Prints a table.
Debian packages: python3-nibabel, python3-scipy.
"""
import argparse, pathlib
import nibabel, numpy
from scipy import ndimage, stats


def body(voxels):
    low, high = voxels.min(), numpy.percentile(voxels, 99.5)
    counts, edges = numpy.histogram(numpy.clip(voxels, low, high), 256)
    centres = (edges[1:] + edges[:-1]) / 2
    between = []
    for k in range(1, 256):
        below, above = counts[:k].sum(), counts[k:].sum()
        between.append(below * above * ((counts[:k] @ centres[:k]) / max(below, 1) - (counts[k:] @ centres[k:]) / max(above, 1)) ** 2)
    parts, _ = ndimage.label(voxels > edges[1 + numpy.argmax(between)])
    sizes = numpy.bincount(parts.ravel())
    sizes[0] = 0
    return parts == sizes.argmax()


def read(path):
    return nibabel.as_closest_canonical(nibabel.load(path)).get_fdata()


def dark_sides(voxels):
    sides = numpy.concatenate([voxels[face].ravel() for face in (0, -1)] + [voxels[:, face].ravel() for face in (0, -1)])
    return (sides < 0.15 * numpy.percentile(voxels, 99.5)).mean()


def auroc(positive, negative):
    return stats.mannwhitneyu(positive, negative).statistic / len(positive) / len(negative)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    data = arguments.parse_args().data
    random, sides, lost = numpy.random.default_rng(1), {"lgg-flair": [], "hippocampus": []}, 0
    within, pooled = [], {"all voxels": [], "the body": []}
    for scan in sorted((data / "lgg-flair").glob("*/flair.nii.gz")):
        voxels, tumour = read(scan), read(scan.parent / "lesion.nii.gz") > 0
        mask = body(voxels)
        box = numpy.zeros_like(mask)
        box[tuple(slice(axis.min(), axis.max() + 1) for axis in numpy.nonzero(mask))] = True
        lost += (tumour & ~box).any()
        other = (voxels > numpy.percentile(voxels, 99.5) / 5) & ~tumour
        drawn = [random.choice(voxels[region], 2000) for region in (tumour, other)]
        within.append(auroc(*drawn))
        for name, region in (("all voxels", voxels), ("the body", voxels[mask])):
            pooled[name].append([(values - region.mean()) / region.std() for values in drawn])
        sides["lgg-flair"].append(dark_sides(voxels))
    for scan in sorted((data / "hippocampus/imagesTr").glob("*.nii.gz")):
        sides["hippocampus"].append(dark_sides(read(scan)))
    print(f"AUROC of the intensity for tumour: {numpy.mean(within):.3f} within a scan, mean over {len(within)} patients")
    for name, values in pooled.items():
        print(f"  pooled over scans after a z-score over {name:10}: {auroc(*(numpy.concatenate(part) for part in zip(*values))):.3f}")
    print(f"tumour outside the box of the body: {lost} patients")
    for name, values in sides.items():
        print(f"side faces as dark as air, {name:11}: median {numpy.median(values):.2f}, {numpy.min(values):.2f} to {numpy.max(values):.2f} over {len(values)} scans")


main()
