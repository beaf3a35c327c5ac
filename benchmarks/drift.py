"""Drift of 1,000,000 rows x 20 features: our stored profile against ``scipy.stats.ks_2samp`` on the raw training rows.

Both are measured in turns in the same process, as CPU time, because only the ratio means anything on a busy machine.
The p-values of both are compared too: a fast wrong answer would be worthless.

    python benchmarks/drift.py [rows] [features] [rounds]
"""

from __future__ import annotations

import sys
import time
from statistics import median

import numpy as np
from scipy.stats import ks_2samp

from workbench.monitor.drift import judge_features
from workbench.monitor.reference import Reference

TRAINING_ROWS = 30_000
POINTS = 4096


def main(rows: int = 1_000_000, features: int = 20, rounds: int = 3) -> int:
    """Print the ratio; return 1 where the two disagree."""
    rng = np.random.default_rng(5)
    training = rng.normal(size=(TRAINING_ROWS, features)).astype(np.float32)
    window = rng.normal(size=(rows, features)).astype(np.float32)
    window[:, 0] += 0.3
    quantiles = np.quantile(training, np.linspace(0, 1, POINTS), axis=0).T.astype(np.float32)
    nothing = np.zeros(features)
    reference = Reference(quantiles, training.mean(axis=0), nothing, TRAINING_ROWS, np.array([]))
    names = tuple(f"f{index}" for index in range(features))

    ours_s, theirs_s = [], []
    for _ in range(rounds):
        start = time.process_time()
        judged = judge_features(window, names, reference, 0.05)
        ours_s.append(time.process_time() - start)
        start = time.process_time()
        exact = [ks_2samp(window[:, index], training[:, index], method="asymp") for index in range(features)]
        theirs_s.append(time.process_time() - start)

    by_name = {feature.name: feature for feature in judged}
    worst = max(abs(by_name[name].statistic - found.statistic) for name, found in zip(names, exact, strict=True))
    drifted = sorted(feature.name for feature in judged if feature.is_drifted)
    ratio = median(theirs_s) / median(ours_s)
    print(f"{rows:,} rows x {features} features, {rounds} rounds in turns, median CPU seconds")
    print(f"  stored profile of {POINTS:,} quantiles   {median(ours_s):7.2f} s   (KS, missing, range, BH, means)")
    print(f"  scipy ks_2samp on raw rows      {median(theirs_s):7.2f} s   (KS alone)")
    print(f"  ratio {ratio:.1f} x; largest difference of a KS distance {worst:.5f}; drifted: {', '.join(drifted)}")
    return 0 if worst <= 2 / POINTS and drifted == ["f0"] else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
