r"""Seconds to score one tracker on OTB100 and LaSOT: lockon.bench.metrics against the got10k toolkit's own functions.

Both work in one process on the same arrays, in turns, and the figures of both are compared. The toolkit (got-10k/toolkit) is no
dependency of lockon; an environment of its own has it, and finds lockon by its path:

    python -m venv toolkit-env && toolkit-env/bin/pip install got10k six
    PYTHONPATH=src toolkit-env/bin/python benchmarks/metrics_speed.py --truth ANNOTATIONS/OTB100 ANNOTATIONS/LaSOT \\
        --results RESULTS/OTB100/TRACKER RESULTS/LaSOT/TRACKER

Folders hold one NAME.txt per sequence, a row x, y, w, h per frame. A sequence whose results have another number of rows than its
ground truth is cut to the shorter one. Times are of the processor, the best of some rounds, without reading files.
"""

from __future__ import annotations

import argparse
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from got10k import experiments
from numpy.typing import NDArray

from lockon.bench import metrics

Boxes = NDArray[np.float64]
Pairs = list[tuple[Boxes, Boxes]]


def main() -> None:
    """Time, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--truth", type=Path, nargs="+", required=True, help="folders of ground truth")
    parser.add_argument("--results", type=Path, nargs="+", required=True, help="folders of one tracker's boxes, in the same order")
    parser.add_argument("--rounds", type=int, default=15, help="rounds, of which the best counts")
    options = parser.parse_args()
    pairs = [pair for truth, results in zip(options.truth, options.results, strict=True) for pair in load(truth, results)]
    frames = sum(len(gt) for _, gt in pairs)
    print(f"{len(pairs)} sequences, {frames} frames, NumPy {np.__version__}")

    ways: dict[str, Callable[[Boxes, Boxes], object]] = {
        "got10k toolkit: success and precision curves": toolkit_scores,
        "lockon: success and precision curves": lockon_curves,
        "lockon: those, normalised precision, AO, SR": lockon_scores,
    }
    seconds = {name: float("inf") for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            start = time.process_time()
            for pred, gt in pairs:
                way(pred, gt)
            seconds[name] = min(seconds[name], time.process_time() - start)
    reference = next(iter(seconds.values()))
    for name, value in seconds.items():
        print(f"{name:50} {value * 1000:8.1f} ms {value / frames * 1e9:7.0f} ns per frame {reference / value:6.1f} x")
    print(f"largest difference of the curves: {difference(pairs):.1e}")


def load(truth: Path, results: Path) -> Pairs:
    """Return predictions and ground truth (T, 4) of the sequences that are in both folders."""
    files = {key(path): path for path in results.glob("*.txt")}
    pairs = []
    for path in sorted(truth.glob("*.txt")):
        if key(path) in files:
            gt, pred = read(path), read(files[key(path)])
            rows = min(len(gt), len(pred))
            known = ~np.isnan(gt[:rows]).any(axis=1)  # the toolkit's data sets have no other rows
            pairs.append((pred[:rows][known].copy(), gt[:rows][known].copy()))
    if not pairs:
        raise SystemExit(f"no NAME.txt is in both {truth} and {results}; give the folders of one benchmark")
    return pairs


def key(path: Path) -> str:
    """Return a sequence's name in one form: benchmarks and trackers write Skating2-1 and skating2_1."""
    return re.sub(r"[^a-z0-9]", "", path.stem.lower())


def read(path: Path) -> Boxes:
    """Return the boxes (T, 4) of rows that commas, tabs or blanks part."""
    rows = re.sub(r"[,\t]", " ", path.read_text()).splitlines()
    return np.array([[float(part) for part in row.split()[:4]] for row in rows if row.strip()])


TOOLKIT = experiments.ExperimentOTB.__new__(experiments.ExperimentOTB)  # its functions, without its data set
TOOLKIT.nbins_iou, TOOLKIT.nbins_ce = 21, 51


def toolkit_scores(pred: Boxes, gt: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Do what ExperimentOTB.report does with the boxes of one sequence."""
    success, precision = TOOLKIT._calc_curves(*TOOLKIT._calc_metrics(pred, gt))
    return success, precision


def lockon_curves(pred: Boxes, gt: Boxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the same figures by the two functions of lockon."""
    return metrics.success_curve(pred, gt, "got10k-otb"), metrics.precision_curve(pred, gt, "got10k-otb")


def lockon_scores(pred: Boxes, gt: Boxes) -> metrics.OnePassScores:
    """Return all figures of one sequence at once."""
    return metrics.one_pass_scores(pred, gt, "got10k-otb")


def difference(pairs: Pairs) -> float:
    """Return the largest difference between the two programs' curves, over all sequences."""
    worst = 0.0
    for pred, gt in pairs:
        ours = metrics.one_pass_scores(pred, gt, "got10k-otb")
        for reference, curve in zip(toolkit_scores(pred, gt), (ours.success, ours.precision), strict=True):
            worst = max(worst, float(np.abs(reference - curve).max()))
    return worst


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        main()
