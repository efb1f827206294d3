"""How much does a tracker depend on one of its parameters: metrics over a sweep of values.

As SiamLA, Fig. 14 (Learning Localization-aware Target Confidence for Siamese Visual Tracking): success AUC against the influence of the
cosine window; and as DuML, Fig. 4 (Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization): EAO and AUC against the
fusion weight. A tracker whose score alone finds the target stays level; one that needs the window falls where it goes. Every value is a
tracker of its own in the folder of results, so a sweep can be stopped, continued and made finer.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np

from lockon.bench.external import is_external
from lockon.bench.publish import KeptStore
from lockon.bench.report import Options, evaluate_all
from lockon.bench.report.significance import PairedComparison, compare, intervals
from lockon.bench.spec import Make, TrackerSpec, config_of
from lockon.bench.tables.records import nulls
from lockon.config import apply_overrides, field_names
from lockon.errors import LockonError, unknown_name
from lockon.types import FloatArray

PARAMETER = "localizer.rank.window_influence"  # what Fig. 14 sweeps
_MOST = 1000  # values of a range


@dataclass(frozen=True, slots=True)
class Curve:
    """One tracker over the values of a parameter.

    Attributes:
        label: The tracker.
        own: Its own value of the parameter; None where it is not known.
        values: (V,) ascending.
        metrics: Metric by key, such as "AUC", (V,) each; NaN for values without results.
        missing: (V,) sequences without a result, for each value.
        intervals: Metric by key, (V, 2) ends of each value's 95 % interval over sequences; NaN for one sequence alone.
        gains: Metric by key, (V, 3) difference to the tracker's own value, paired over sequences, with the ends of its 95 % interval;
            NaN at the own value. Empty where the own value is none of the values.
        falling: Keys of the metrics of which less is better.
    """

    label: str
    own: float | None
    values: FloatArray
    metrics: Mapping[str, FloatArray]
    missing: tuple[int, ...] = ()
    intervals: Mapping[str, FloatArray] = field(default_factory=dict)
    gains: Mapping[str, FloatArray] = field(default_factory=dict)
    falling: frozenset[str] = frozenset()

    def summary(self, metric: str) -> dict[str, float]:
        """Return best and worst of a metric, where they are, their difference, and the deviation over the values; NaN without any."""
        found = self.metrics[metric]
        known = np.flatnonzero(~np.isnan(found))
        if not len(known):
            return dict.fromkeys(("best", "best_at", "worst", "worst_at", "range", "deviation"), math.nan)
        lowest, highest = known[found[known].argmin()], known[found[known].argmax()]
        best, worst = (lowest, highest) if metric in self.falling else (highest, lowest)
        return {
            "best": float(found[best]),
            "best_at": float(self.values[best]),
            "worst": float(found[worst]),
            "worst_at": float(self.values[worst]),
            "range": float(found[highest] - found[lowest]),
            "deviation": float(found[known].std()),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the values and metrics as JSON values; None for NaN."""
        content = {
            "own": self.own,
            "values": self.values.tolist(),
            "metrics": {key: row.tolist() for key, row in self.metrics.items()},
            "summary": {key: self.summary(key) for key in self.metrics},
            "missing": list(self.missing),
            "intervals": {key: rows.tolist() for key, rows in self.intervals.items()},
            "gains": {key: rows.tolist() for key, rows in self.gains.items()},
        }
        return dict(nulls(content))


def parse_values(text: str) -> tuple[float, ...]:
    """Return the ascending numbers of a range START:STOP:STEP, the last one included, or of a list by commas.

    >>> parse_values("0:0.3:0.1")
    (0.0, 0.1, 0.2, 0.3)
    >>> parse_values("0.5,0")
    (0.0, 0.5)

    Raises:
        LockonError: Anything else, or a step that leads nowhere.
    """
    ranged = ":" in text
    try:
        numbers = [float(part) for part in text.split(":" if ranged else ",")]
    except ValueError:
        numbers = []
    if not numbers or not all(map(math.isfinite, numbers)) or (ranged and len(numbers) != 3):
        raise LockonError(f"--values {text!r} is neither START:STOP:STEP nor numbers by commas; for example 0:1:0.1 or 0,0.2,0.4")
    if ranged:
        start, stop, step = numbers
        if step <= 0 or stop < start or (stop - start) / step > _MOST:
            raise LockonError(f"--values {text!r}: expected a rising range of at most {_MOST} steps above 0, for example 0:1:0.1")
        numbers = [start + step * place for place in range(int((stop - start) / step + 1e-9) + 1)]
    return tuple(sorted({float(f"{number:.10g}") for number in numbers}))  # 3 * 0.1 is 0.3


def sweep(spec: TrackerSpec, parameter: str, values: Sequence[float], make: Make) -> tuple[list[TrackerSpec], float | None]:
    """Return the tracker with each value of a parameter, each under its own label; and its own value, None for somebody's own tracker.

    Args:
        spec: The tracker.
        parameter: Dotted name of a number, as `--set` takes it; for MODULE:FACTORY an argument of the factory.
        values: To try.
        make: Makes the tracker, once, to see what it has.

    Raises:
        LockonError: A tracker without this parameter, one that is no number, or a value that it refuses.
    """
    specs = [
        replace(spec, label=f"{spec.label}-{parameter}-{value:.10g}", overrides={**spec.overrides, parameter: value}) for value in values
    ]
    config = config_of(make(spec))
    if is_external(spec.name) and (config is None or parameter not in field_names(config)):
        make(specs[0])  # an argument of the factory, then
        return specs, None
    if config is None:
        raise LockonError(
            f"{spec.label} has no parameter {parameter}: it has no parameters; give a tracker with a network, such as lockon-s"
        )
    fields = {name: attrgetter(name)(config) for name in field_names(config)}
    known = [name for name, value in fields.items() if isinstance(value, (int, float)) and not isinstance(value, bool)]
    own = fields.get(parameter, math.inf)
    if own is not None and parameter not in known:  # None may be a number that is not set
        raise unknown_name(f"number among the parameters of {spec.label}", parameter, known)
    whole = isinstance(own, int)
    for place, value in enumerate(values):
        given = int(value) if whole and value.is_integer() else value
        apply_overrides(config, {parameter: given})
        specs[place] = replace(specs[place], overrides={**spec.overrides, parameter: given})
    return specs, None if own is None else float(own)


def curve(
    folder: Path,
    spec: TrackerSpec,
    sweeps: Sequence[TrackerSpec],
    values: Sequence[float],
    own: float | None,
    *,
    sequences: Collection[tuple[str, str]],
    options: Options | None = None,
) -> Curve:
    """Score what is stored of a sweep, with intervals over the sequences.

    Args:
        folder: Of the results.
        spec: The tracker.
        sweeps: What `sweep` made of it, one for each value.
        values: Of the parameter.
        own: The tracker's own value; None where it has none.
        sequences: (dataset, name) of those that count.
        options: Protocol and convention; None for one pass and the usual one.

    Raises:
        LockonError: No results at all, results of several datasets where metrics belong to one, or an unknown convention.
    """
    store, options = KeptStore(folder, sequences), options or Options()
    there = set(store.trackers())
    labels = [one.label for one in sweeps if one.label in there and store.records(one.label, options.protocol)]
    reports = evaluate_all(store, replace(options, trackers=labels or [sweeps[0].label]))
    if len(reports) > 1:
        names = ", ".join(name for one in reports for name in one.datasets)
        raise LockonError(f"metrics of {options.protocol} belong to one dataset, and these are sequences of {names}; choose one")
    (report,) = reports
    found = {item.label: item for item in report.trackers}
    rows = [found.get(one.label) for one in sweeps]
    between = intervals(report).of
    base = next((one.label for one, value in zip(sweeps, values, strict=True) if value == own and one.label in found), None)
    against = {} if base is None else {label: compare(report, label, base) for label in found if label != base}
    return Curve(
        label=spec.label,
        own=own,
        values=np.array(values, dtype=np.float64),
        metrics={
            metric.key: np.array([math.nan if row is None else row.values[metric.key] for row in rows], dtype=np.float64)
            for metric in report.metrics
        },
        missing=tuple(len(sequences) - (0 if row is None else len(row.sequences)) for row in rows),
        intervals={
            metric.key: np.array([between[row.label][metric.key] if row and len(row.sequences) > 1 else _UNKNOWN[:2] for row in rows])
            for metric in report.metrics
        },
        gains={metric.key: np.array([_gain(against.get(one.label), metric.key) for one in sweeps]) for metric in report.metrics}
        if base is not None
        else {},
        falling=frozenset(metric.key for metric in report.metrics if not metric.rising),
    )


def _gain(pair: PairedComparison | None, metric: str) -> tuple[float, float, float]:
    """Return a difference and its interval, which one sequence does not have."""
    found = None if pair is None else pair.metrics.get(metric)
    if pair is None or found is None:
        return _UNKNOWN
    return (found.difference, found.low, found.high) if pair.sequences > 1 else (found.difference, math.nan, math.nan)


_UNKNOWN = (math.nan, math.nan, math.nan)


__all__ = ["PARAMETER", "Curve", "curve", "parse_values", "sweep"]
