#!/usr/bin/env python3
"""Writes statistics.json: what SciPy says of the bootstrap interval and the normal distribution of inference/engine/Statistics. Run it with Debian's python3-scipy."""
import json
import pathlib

import numpy as np
from scipy import stats

rng = np.random.default_rng(20)


def bootstrap(values):
    interval = stats.bootstrap((values,), np.mean, n_resamples=100_000, method="BCa", random_state=rng).confidence_interval
    return {"values": list(map(float, values)), "low": float(interval.low), "high": float(interval.high)}


golden = {
    "normal": [{"x": x, "cdf": float(stats.norm.cdf(x))} for x in (-8, -3.1, -1.96, -0.5, -1e-3, 0, 0.2, 1, 1.75, 2.5, 4)],
    "normalQuantiles": [{"p": p, "x": float(stats.norm.ppf(p))} for p in (1e-9, 0.001, 0.025, 0.3, 0.5, 0.8, 0.975, 0.9999)],
    "bootstrap": [
        bootstrap(rng.normal(0.8, 0.1, 12)), bootstrap(rng.beta(5, 1, 30)), bootstrap(rng.exponential(1, 25)),
        bootstrap(np.r_[np.zeros(6), rng.beta(2, 2, 6).round(1)]),  # ties, as Dice of missed lesions has them
        bootstrap(rng.lognormal(0, 1, 15)),
    ],
}
path = pathlib.Path(__file__).with_name("statistics.json")
path.write_text(json.dumps(golden, indent=1) + "\n")
