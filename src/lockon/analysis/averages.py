"""Metrics averaged over many sets of inference parameters, the same sets for every tracker.

Metrics of one set of parameters say as much of the set as of the tracker, and the best sets of two trackers differ. DuML (Zhou et al.,
Higher Performance Visual Tracking with Dual-Modal Localization, Appendix C, Table 1 and Fig. 7) therefore compares the means over 140 sets.
Sets are drawn at random by `lockon.bench.search`, which also runs and keeps them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from lockon.bench.report.model import Metric
from lockon.bench.search.objective import ACCURACY, Objective
from lockon.bench.search.space import RANGES, Value
from lockon.bench.search.trials import SearchResult, Trial
from lockon.errors import LockonError
from lockon.types import FloatArray

SETS = 140  # of the paper
VARIED = ("localizer.rank.penalty_k", "localizer.rank.window_influence", "localizer.size_lr")  # those of SiamRPN's post-processing
SPACE = tuple(f"{name}={RANGES[name]}" for name in VARIED)  # as `--vary` takes them; the paper gives no ranges
OBJECTIVES = {"reset": ACCURACY, "one-pass": "AO"}  # what stands for a set in its journal, by the name of the protocol
LEVEL = 0.95


class RunningMean(NamedTuple):
    """Mean of the first 1, 2, .. K values, with the interval that it lies in.

    Attributes:
        mean: (K,).
        low: (K,) lower end of the interval; NaN for the first, of which no spread is known.
        high: (K,) upper end.
    """

    mean: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class SetAverages:
    """One tracker with each of K sets of parameters.

    Attributes:
        label: The tracker.
        sets: (K,) numbers of the sets, from 1; those that every tracker has.
        parameters: (K,) the sets.
        values: Metric by key, (K,) each.
        own: Metric by key with the tracker's own parameters.
        failed: Numbers of the sets that this tracker failed with.
    """

    label: str
    sets: tuple[int, ...]
    parameters: tuple[Mapping[str, Value], ...]
    values: Mapping[str, FloatArray]
    own: Mapping[str, float]
    failed: tuple[int, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per set: tracker, set, parameters, metrics."""
        metrics = ({key: float(column[place]) for key, column in self.values.items()} for place in range(len(self.sets)))
        joined = zip(self.sets, self.parameters, metrics, strict=True)
        return [{"tracker": self.label, "set": number, **parameters, **values} for number, parameters, values in joined]

    def summary(self) -> dict[str, dict[str, float]]:
        """Return for each metric its mean over the sets with its interval, the deviation and the ends over the sets, and its own value."""
        found = {}
        for key, column in self.values.items():
            mean, low, high = (float(part[-1]) for part in running_mean(column))
            deviation = float(column.std(ddof=1)) if len(column) > 1 else math.nan
            ends = {"lowest": float(column.min()), "highest": float(column.max())}
            found[key] = {"mean": mean, "low": low, "high": high, "deviation": deviation, **ends, "own": self.own[key]}
        return found

    def differences(self, base: SetAverages) -> dict[str, dict[str, float]]:
        """Return for each metric how much higher its mean is than another tracker's, with the interval, paired over the sets."""
        found = {}
        for key, column in self.values.items():
            mean, low, high = (float(part[-1]) for part in running_mean(column - base.values[key]))
            found[key] = {"mean": mean, "low": low, "high": high}
        return found


def running_mean(values: FloatArray) -> RunningMean:
    """Return the mean of the first 1, 2, .. K of (K,) values, each with Student's 95 % interval."""
    count = np.arange(1, len(values) + 1)
    mean = np.cumsum(values) / count  # (K,)
    low, high = np.full((2, len(values)), math.nan)
    for n in range(2, len(values) + 1):
        half = student_t(n - 1) * float(values[:n].std(ddof=1)) / math.sqrt(n)
        low[n - 1], high[n - 1] = mean[n - 1] - half, mean[n - 1] + half
    return RunningMean(mean, low, high)


def student_t(freedom: int, level: float = LEVEL) -> float:
    """Return the t that a value of Student's distribution with `freedom` >= 1 degrees lies within, on both sides, with chance `level`.

    Exact for 1 and 2 degrees; beyond, the expansion of Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5, which is off by
    0.1 % with 3 degrees and by less with more, at the usual level.

    >>> round(student_t(139), 3)
    1.977
    """
    if freedom == 1:
        return math.tan(math.pi / 2 * level)
    if freedom == 2:
        return level * math.sqrt(2 / (1 - level**2))
    z = NormalDist().inv_cdf((1 + level) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def set_averages(found: Mapping[str, SearchResult]) -> list[SetAverages]:
    """Return the metrics of each set that all trackers have finished.

    Args:
        found: Random searches in the same space with the same seed, by label of the tracker; the first trial has the tracker's own
            parameters and is no set.

    Raises:
        LockonError: Trackers whose sets differ, or no set that all have finished.
    """
    sets = {label: {trial.number: trial.parameters for trial in result.trials[1:]} for label, result in found.items()}
    first = next(iter(sets.values()))
    for label, own in sets.items():
        if own != first:
            raise LockonError(f"{label} was run with other sets of parameters than {next(iter(sets))}; give all trackers the same --vary")
    complete = [{trial.number for trial in result.complete} for result in found.values()]
    common = sorted(set.intersection(*complete) - {0})
    if not common:
        errors = [trial.error for result in found.values() for trial in result.trials if trial.error]
        raise LockonError(f"none of {len(first)} sets was finished by all trackers: {errors[0] if errors else 'no set was run'}")
    return [
        SetAverages(
            label=label,
            sets=tuple(common),
            parameters=tuple(first[number] for number in common),
            values=_columns([_metrics(result.objective, result.trials[number]) for number in common]),
            own=_metrics(result.objective, result.default),
            failed=tuple(trial.number for trial in result.trials if trial.state == "failed"),
        )
        for label, result in found.items()
    ]


def known_metrics(objective: Objective, averages: Sequence[SetAverages]) -> tuple[Metric, ...]:
    """Return the metrics of the protocol that are numbers, which EAO is only on data whose lengths are known."""
    columns = [[item.values[metric.key] for item in averages] for metric in objective.scoring().metrics]
    return tuple(metric for metric, column in zip(objective.scoring().metrics, columns, strict=True) if np.isfinite(column).all())


def _metrics(objective: Objective, trial: Trial) -> dict[str, float]:
    return objective.scoring().combine(list(trial.scores.values()))


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, FloatArray]:
    return {key: np.array([row[key] for row in rows], dtype=np.float64) for key in rows[0]}


__all__ = [
    "OBJECTIVES",
    "SETS",
    "SPACE",
    "RunningMean",
    "SetAverages",
    "known_metrics",
    "running_mean",
    "set_averages",
    "student_t",
]
