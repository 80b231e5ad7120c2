#!/usr/bin/env python3
"""Writes statistics.json: what SciPy says of the tests and of Student's distribution in trainer/Evaluation/Statistics. Run it with Debian's python3-scipy."""
import json
import pathlib

import numpy as np
from scipy import stats

rng = np.random.default_rng(20)


def wilcoxon(values, mode):
    result = stats.wilcoxon(values, zero_method="wilcox", correction=mode == "approx", mode=mode)
    return {"differences": list(map(float, values)), "statistic": float(result.statistic), "p": float(result.pvalue), "exact": mode == "exact"}


def corrected(differences, share):
    """Nadeau and Bengio 2003, section 4.2, with SciPy's t distribution."""
    d = np.asarray(differences)
    t = d.mean() / np.sqrt((1 / len(d) + share) * d.var(ddof=1))
    half = stats.t.ppf(0.975, len(d) - 1) * np.sqrt((1 / len(d) + share) * d.var(ddof=1))
    return {"differences": list(map(float, d)), "share": share, "t": float(t), "p": float(2 * stats.t.sf(abs(t), len(d) - 1)), "low": float(d.mean() - half), "high": float(d.mean() + half)}


golden = {
    "studentT": [
        {"t": t, "df": df, "p": float(2 * stats.t.sf(t, df)), "quantile": float(stats.t.ppf(0.975, df))}
        for t, df in ((0.0, 3), (0.3, 1), (1.2, 1), (2.5, 2), (2.0, 9), (0.7, 30), (5.0, 14), (1.96, 400))
    ],
    "wilcoxon": [
        wilcoxon(rng.normal(0.4, 1, 6).round(3), "exact"),
        wilcoxon(rng.normal(0.1, 1, 15).round(4), "exact"),
        wilcoxon(rng.normal(0.3, 1, 50).round(6), "exact"),
        wilcoxon(rng.normal(0.2, 1, 70).round(6), "approx"),
        wilcoxon(np.r_[rng.normal(0.3, 1, 60).round(1), 0.0, 0.0, 0.5, 0.5, -0.5], "approx"),
    ],
    "corrected": [corrected(rng.normal(0.01, 0.02, 10), 0.25), corrected(rng.normal(0, 0.05, 5), 0.25), corrected(rng.normal(0.1, 0.02, 6), 0.5)],
}
path = pathlib.Path(__file__).with_name("statistics.json")
path.write_text(json.dumps(golden, indent=1) + "\n")
