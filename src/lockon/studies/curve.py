"""How fast runs learn: average overlap on the validation videos after parts of a run, against the pairs seen until then.

The weights of a curve are the averaged ones of the same run after fewer updates. Where the learning rate is constant but for its warm-up,
these are the weights of a run of that length.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lockon._documents import read_json_object
from lockon._files import write_bytes
from lockon.bench.metrics import average_overlap, bootstrap_interval
from lockon.bench.tables.markdown import text_table
from lockon.bench.tables.model import mean_spread, signed
from lockon.bench.tables.records import nulls
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.session import SteppedTracker
from lockon.studies.metrics import METRICS
from lockon.studies.spec import BASE, Row, StudySpec
from lockon.studies.summary import RowScores
from lockon.train.config import TrainConfig
from lockon.train.validation import judged, track_batched
from lockon.types import FloatArray

METRIC = "AO"


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """One row's way to its last update: M points of K seeds on S sequences.

    Attributes:
        row: Which.
        seeds: Rising.
        pairs: (M,) seen at each point, rising; the last one is the whole run.
        values: (M, K, S) overlaps; of the sequences that all points of all seeds were judged on.
    """

    row: Row
    seeds: tuple[int, ...]
    pairs: tuple[int, ...]
    values: FloatArray

    @property
    def by_seed(self) -> FloatArray:
        """(M, K) means over sequences."""
        return np.asarray(self.values.mean(axis=2))

    def seen_at(self, level: float) -> int | None:
        """Return the pairs of the first point whose mean over seeds reaches a level; None if none does."""
        reached = np.flatnonzero(self.by_seed.mean(1) >= level)
        return self.pairs[reached[0]] if len(reached) else None


def marks_of(config: TrainConfig, shares: Sequence[float]) -> tuple[int, ...]:
    """Return the updates of a run after which its curve has points, for shares of the run; the last update is not among them."""
    steps = config.resolved().steps
    marks = sorted({max(1, round(share * steps)) for share in shares})
    return tuple(mark for mark in marks if mark < steps)


def pairs_seen(training: Mapping[str, Any], step: int) -> int:
    """Return the pairs that `step` updates see, those that come again counted again; by the JSON values of a `TrainConfig`."""
    return int(step * training["batch_size"] * training["gradients"]["accumulate"])


def curve_file(out: Path, label: str) -> Path:
    """Return where the curve of a run of the study in `out` lies: beside its weights."""
    return out / "runs" / label / "curve.json"


def measure_overlap(tracker: SteppedTracker[Any], sequences: Sequence[VideoSequence]) -> dict[str, float]:
    """Track all sequences from their first annotated frames; return each one's average overlap, by its name."""
    found = {}
    for sequence, boxes in zip(sequences, track_batched(tracker, sequences), strict=True):
        tracked, truth, known = judged(boxes, sequence)
        found[sequence.name] = average_overlap(tracked, truth, visible=known)
    return found


class CurvePoint(NamedTuple):
    """Updates, pairs seen until then, and overlaps by sequence."""

    step: int
    pairs: int
    sequences: Mapping[str, float]


def write_curve(path: Path, points: Sequence[CurvePoint]) -> None:
    """Keep a curve."""
    content = [{**point._asdict(), "sequences": dict(point.sequences)} for point in points]
    write_bytes(path, (json.dumps(nulls({"metric": METRIC, "points": content}), indent=1) + "\n").encode())


def read_curve(path: Path, names: Sequence[str]) -> tuple[tuple[int, ...], FloatArray] | None:
    """Read a curve: pairs (M,), and overlaps (M, S) of the named sequences; None without a file, or with one of other sequences.

    Raises:
        LockonError: A damaged file.
    """
    if not path.is_file():
        return None
    content = read_json_object(path, "remove it and give the same command again without --report")
    try:
        points = [(int(point["pairs"]), point["sequences"]) for point in content["points"]]
        if any(set(values) != set(names) for _, values in points):
            return None
        table = np.array([[np.float64(values[name]) for name in names] for _, values in points]).reshape(len(points), len(names))
        return tuple(pairs for pairs, _ in points), table
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LockonError(f"{path} lacks points of the curve ({error!r}); remove it and give the same command again") from None


def read_curves(out: Path, rows: Sequence[RowScores], names: Sequence[str]) -> list[LearningCurve]:
    """Read the curves of rows, of the seeds that have one, completed by the scores at the end; rows without a curve are left out.

    Raises:
        LockonError: A damaged file.
    """
    curves = []
    for one in rows:
        found = {}
        for number, seed in enumerate(one.seeds):
            curve = read_curve(curve_file(out, f"{one.row.name}.s{seed}"), names)
            if curve is not None:
                found[seed] = (curve[0], np.concatenate([curve[1], one.values[METRIC][number : number + 1]]))  # (M, S)
        points = {pairs for pairs, _ in found.values()}
        if len(points) == 1 and (whole := _whole(out, one.row, one.seeds)):
            values = np.stack([value for _, value in found.values()], axis=1)  # (M, K, S)
            values = values[:, :, ~np.isnan(values).any((0, 1))]
            curves.append(LearningCurve(one.row, tuple(found), (*points.pop(), whole), values))
    return curves


def _whole(out: Path, row: Row, seeds: Sequence[int]) -> int:
    """Return the pairs of a whole run, as its settings say; 0 where they are not there."""
    for seed in seeds:
        states = sorted((out / "runs" / f"{row.name}.s{seed}").glob("checkpoints/step-*/state.json"))
        if states:
            state = read_json_object(states[-1], "remove that folder")
            return pairs_seen(state["settings"]["train"], int(state["step"]))
    return 0


def curve_section(curves: Sequence[LearningCurve], kind: StudySpec) -> str:
    """Return the section of a page: every row's points, what it takes to reach the baseline's end, and what the last doubling brought."""
    parts = []
    for tracker in dict.fromkeys(curve.row.tracker for curve in curves):
        own = [curve for curve in curves if curve.row.tracker == tracker]
        points = sorted({pairs for curve in own for pairs in curve.pairs})
        base = next((curve for curve in own if curve.row.variant == BASE), None)
        lines = [[kind.title_of(curve.row), *(_cell(curve, pairs) for pairs in points), _reached(curve, base)] for curve in own]
        table = text_table([kind.column, *(f"{pairs:,}" for pairs in points), "pairs to the baseline's end"], lines)
        parts.append(f"**{tracker}**, {METRIC} by pairs seen\n\n{table}\n\n" + "\n".join(map(_last_step(kind), own)))
    return "\n\n".join(parts)


def _cell(curve: LearningCurve, pairs: int) -> str:
    if pairs not in curve.pairs:
        return ""
    return mean_spread(curve.by_seed[curve.pairs.index(pairs)], METRICS[METRIC].digits)


def _reached(curve: LearningCurve, base: LearningCurve | None) -> str:
    if base is None:
        return ""
    seen = curve.seen_at(base.by_seed[-1].mean())
    return f"{seen:,} ({seen / base.pairs[-1]:.2f})" if seen is not None else "not reached"


def _last_step(kind: StudySpec) -> Callable[[LearningCurve], str]:
    def line(curve: LearningCurve) -> str:
        if len(curve.pairs) < 2:
            return ""
        change = curve.values[-1].mean(0) - curve.values[-2].mean(0)  # (S,) of the mean over seeds
        interval = bootstrap_interval(change)
        ends = f"95 % interval {signed(interval.low)} to {signed(interval.high)}"
        return f"- {kind.title_of(curve.row)}: from {curve.pairs[-2]:,} to {curve.pairs[-1]:,} pairs {signed(interval.mean)} ({ends})."

    return line


__all__ = [
    "CurvePoint",
    "LearningCurve",
    "curve_file",
    "curve_section",
    "marks_of",
    "measure_overlap",
    "pairs_seen",
    "read_curve",
    "read_curves",
    "write_curve",
]
