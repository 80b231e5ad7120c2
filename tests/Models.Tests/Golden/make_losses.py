"""Computes every loss and its gradient with PyTorch's autograd, from the formulas of the papers and of MONAI, and prints them as JSON.

The formulas are written from the papers, on softmax probabilities in float64; none is a copy of Credence's, which works on logarithms.
Run: /usr/bin/python3 make_losses.py > losses.json (in this folder; python3-torch 1.13 of Debian 12).
"""
import json
import math

import torch

torch.manual_seed(4)
SMOOTH = 1e-5
WEIGHTS = [1.0, 10.0, 4.0]
THRESHOLD = 0.9


def one_hot(target, classes):
    return torch.stack([(target == c).double() for c in range(classes)], dim=1)


def cross_entropy(logits, target):
    return torch.nn.CrossEntropyLoss()(logits, target)


def weighted_cross_entropy(logits, target):
    return torch.nn.CrossEntropyLoss(weight=torch.tensor(WEIGHTS, dtype=torch.float64))(logits, target)


def inverse_frequency(fractions):
    def loss(logits, target):
        return torch.nn.CrossEntropyLoss(weight=1 / torch.tensor(fractions, dtype=torch.float64))(logits, target)
    return loss


def generalised_cross_entropy(q):
    # Zhang and Sabuncu 2018, equation 6.
    def loss(logits, target):
        p, r = torch.softmax(logits, 1), one_hot(target, logits.shape[1])
        return ((1 - (p * r).sum(1) ** q) / q).mean()
    return loss


def focal(gamma, alpha=None):
    # Lin et al. 2017, equation 5, summed over the one-hot classes as MONAI's softmax_focal_loss does.
    def loss(logits, target):
        p, r = torch.softmax(logits, 1), one_hot(target, logits.shape[1])
        terms = -((1 - p) ** gamma) * torch.log(p) * r
        if alpha is not None:
            factor = torch.tensor([1 - alpha] + [alpha] * (logits.shape[1] - 1), dtype=torch.float64)
            terms = terms * factor.view(1, -1, 1, 1, 1)
        return terms.sum(1).mean()
    return loss


def dice(batch=False, squared=False):
    # MONAI's DiceLoss: softmax, include_background=False, smooth_nr = smooth_dr = 1e-5.
    def loss(logits, target):
        p, r = torch.softmax(logits, 1)[:, 1:], one_hot(target, logits.shape[1])[:, 1:]
        axes = [0, 2, 3, 4] if batch else [2, 3, 4]
        intersection = torch.sum(r * p, axes)
        ground, predicted = (torch.sum(r ** 2, axes), torch.sum(p ** 2, axes)) if squared else (torch.sum(r, axes), torch.sum(p, axes))
        return torch.mean(1.0 - (2.0 * intersection + SMOOTH) / (ground + predicted + SMOOTH))
    return loss


def generalised_dice(batch=False):
    # MONAI's GeneralizedDiceLoss: square weights, infinities replaced by the largest finite weight; without smoothing, as in the paper.
    def loss(logits, target):
        p, r = torch.softmax(logits, 1), one_hot(target, logits.shape[1])
        axes = [0, 2, 3, 4] if batch else [2, 3, 4]
        intersection, ground, predicted = (r * p).sum(axes), r.sum(axes), p.sum(axes)
        w = 1 / (ground * ground)
        rows = w.view(-1, w.shape[-1])
        for row in rows:
            infinite = torch.isinf(row)
            row[infinite] = 0.0
            row[infinite] = row.max()
        return (1.0 - 2.0 * (intersection * w).sum(-1) / ((ground + predicted) * w).sum(-1)).mean()
    return loss


def tversky_index(logits, target, alpha, beta, batch=False):
    # MONAI's TverskyLoss.
    p, r = torch.softmax(logits, 1)[:, 1:], one_hot(target, logits.shape[1])[:, 1:]
    axes = [0, 2, 3, 4] if batch else [2, 3, 4]
    tp, fp, fn = (p * r).sum(axes), alpha * (p * (1 - r)).sum(axes), beta * ((1 - p) * r).sum(axes)
    return (tp + SMOOTH) / (tp + fp + fn + SMOOTH)


def tversky(alpha, beta, batch=False):
    return lambda logits, target: torch.mean(1.0 - tversky_index(logits, target, alpha, beta, batch))


def focal_tversky(alpha, beta, gamma):
    return lambda logits, target: torch.mean((1.0 - tversky_index(logits, target, alpha, beta)) ** (1 / gamma))


def top_k(percent):
    # nnU-Net's TopKLoss.
    def loss(logits, target):
        per_voxel = torch.nn.functional.cross_entropy(logits, target, reduction="none").view(-1)
        return torch.topk(per_voxel, int(per_voxel.numel() * percent / 100), sorted=False)[0].mean()
    return loss


def hard_negatives(k, floor, share_kept=None):
    # One example and one voxel after the other.
    def loss(logits, target):
        kept = []
        for logit, label in zip(logits, target):
            per_voxel = torch.nn.functional.cross_entropy(logit[None], label[None], reduction="none")[0]
            lesion, negative = per_voxel[label > 0], per_voxel[label == 0]
            mined = min(k * len(lesion) if len(lesion) > 0 else floor, len(negative))
            count = mined if share_kept is None else round(len(negative) - share_kept * (len(negative) - mined))
            order = sorted(range(len(negative)), key=lambda n: -negative[n].item())
            kept += list(lesion) + [negative[n] for n in order[:count]]
        return torch.stack(kept).mean()
    return loss


def avuc(threshold=None):
    # Krishnan and Tickoo 2020, equations 2 to 4, one voxel after the other.
    def loss(logits, target):
        p = torch.softmax(logits, 1).permute(0, 2, 3, 4, 1).reshape(-1, logits.shape[1])
        labels = target.reshape(-1)
        entropy = -(p * torch.log(p)).sum(1)
        confidence, predicted = p.max(1)
        limit = threshold
        if limit is None:
            right = (predicted == labels).tolist()
            of_right = [u.item() for u, is_right in zip(entropy, right) if is_right]
            of_wrong = [u.item() for u, is_right in zip(entropy, right) if not is_right]
            limit = (sum(of_right) / len(of_right) + sum(of_wrong) / len(of_wrong)) / 2
        n_ac = n_au = n_ic = n_iu = torch.zeros((), dtype=torch.float64)
        for c, u, y, t in zip(confidence, entropy, predicted, labels):
            if y == t and u <= limit:
                n_ac = n_ac + c * (1 - torch.tanh(u))
            elif y == t:
                n_au = n_au + c * torch.tanh(u)
            elif u <= limit:
                n_ic = n_ic + (1 - c) * (1 - torch.tanh(u))
            else:
                n_iu = n_iu + (1 - c) * torch.tanh(u)
        return torch.log(1 + (n_au + n_ic) / (n_ac + n_iu))
    return loss


FRACTIONS = [0.9, 0.02, 0.08]
LOSSES = {
    "cross-entropy": cross_entropy,
    "weighted-cross-entropy(weights=1:10:4)": weighted_cross_entropy,
    "weighted-cross-entropy": inverse_frequency(FRACTIONS),
    "generalised-cross-entropy": generalised_cross_entropy(0.7),
    "generalised-cross-entropy(q=1)": generalised_cross_entropy(1),
    "focal": focal(2),
    "focal(gamma=0.5, alpha=0.75)": focal(0.5, 0.75),
    "focal(gamma=0)": focal(0),
    "top-k": top_k(10),
    "top-k(percent=40)": top_k(40),
    "hard-negatives(k=3, floor=7, warm-up=0)": hard_negatives(3, 7),
    "hard-negatives(k=1, floor=20, warm-up=0)": hard_negatives(1, 20),
    "hard-negatives(k=3, floor=7, warm-up=0.8)": hard_negatives(3, 7, share_kept=0.5 / 0.8),
    "dice": dice(),
    "dice(batch)": dice(batch=True),
    "dice(squared)": dice(squared=True),
    "dice(batch, squared)": dice(batch=True, squared=True),
    "generalised-dice": generalised_dice(),
    "generalised-dice(batch)": generalised_dice(batch=True),
    "tversky": tversky(0.3, 0.7),
    "tversky(alpha=0.6, beta=0.2, batch)": tversky(0.6, 0.2, batch=True),
    "focal-tversky": focal_tversky(0.3, 0.7, 4 / 3),
    "focal-tversky(alpha=0.5, beta=0.5, gamma=0.5)": focal_tversky(0.5, 0.5, 0.5),
    "avuc": avuc(),
    "avuc(threshold=0.9)": avuc(THRESHOLD),
    "0.5 dice(batch, squared) + focal(gamma=2)": lambda l, t: 0.5 * dice(True, True)(l, t) + focal(2)(l, t),
    "dice + 2 hard-negatives(k=3, floor=7, warm-up=0) + 0.1 avuc":
        lambda l, t: dice()(l, t) + 2 * hard_negatives(3, 7)(l, t) + 0.1 * avuc()(l, t),
}

SHAPE = (3, 3, 3, 4, 5)  # N, K, D, H, W
logits = (2 * torch.randn(SHAPE, dtype=torch.float64)).round(decimals=6)
target = torch.zeros((3, 3, 4, 5), dtype=torch.int64)  # the last example has no lesion, the middle one only class 2
target[0, 1, 1, 1:4] = 1
target[0, 2, 2:, 2] = 2
target[1, 0, 0, :2] = 2

cases = []
for text, loss in LOSSES.items():
    x = logits.clone().requires_grad_(True)
    value = loss(x, target)
    value.backward()
    assert math.isfinite(value.item()) and torch.isfinite(x.grad).all(), text
    cases.append({"loss": text, "value": value.item(), "gradient": [float(f"{g:.9e}") for g in x.grad.flatten().tolist()]})

print(json.dumps({"shape": SHAPE, "progress": 0.5, "classFractions": FRACTIONS, "logits": logits.flatten().tolist(),
                  "target": target.flatten().tolist(), "cases": cases}, separators=(",", ":")))
