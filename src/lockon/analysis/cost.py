"""What a training run took until its validations reached a level: pairs seen, operations, and seconds.

RTrack (Zeng et al., Fig. 1) plots the average overlap on the validation videos over the pairs of template and search crop that training
saw: few pairs mean fast convergence. Pairs do not depend on the machine, seconds do, and operations say what a pair costs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lockon._documents import MALFORMED, parse_json, read_json_object
from lockon.errors import LockonError
from lockon.types import FloatArray

COLUMNS = (
    "run",
    "tracker",
    "pairs_per_update",
    "updates",
    "pairs",
    "forward_flops",
    "training_flops",
    "best",
    "best_pairs",
    "level",
    "level_updates",
    "level_pairs",
    "level_flops",
    "level_seconds",
)
"""Of a table with a row per run, see `RunCost.row`."""
POINT_COLUMNS = ("run", "update", "pairs", "value", "flops", "seconds")
"""Of a table with a row per validation of every run."""


@dataclass(frozen=True, slots=True)
class RunHistory:
    """What a folder of `lockon train` tells of a run.

    Attributes:
        label: Its name.
        settings: As state.json has them, JSON values.
        updates: Done so far.
        steps: (M,) updates before each validation, rising.
        values: (M,) what they measured.
        clock: (L, 2) updates and the seconds of training until then, rising, from 0, 0; validations and saving do not count.
    """

    label: str
    settings: Mapping[str, Any]
    updates: int
    steps: tuple[int, ...]
    values: tuple[float, ...]
    clock: FloatArray

    @property
    def pairs_per_update(self) -> int:
        """Pairs of all processes and forward passes of one update."""
        train = self.settings["train"]
        return int(train["batch_size"] * train["gradients"]["accumulate"] * self.settings.get("processes", 1))

    def seconds(self, step: int) -> float:
        """Return the seconds of training until after `step` updates, those after the last record at its speed; NaN without a record."""
        if len(self.clock) < 2:
            return math.nan
        (before, start), (last, end) = self.clock[-2:]
        beyond = max(step - last, 0) * (end - start) / (last - before)
        return float(np.interp(step, *self.clock.T) + beyond)

    def reached(self, level: float) -> int | None:
        """Return the updates before the first validation of at least `level`; None if none is."""
        return next((step for step, value in zip(self.steps, self.values, strict=True) if value >= level), None)


def read_history(run: Path, metric: str = "AO", label: str | None = None) -> RunHistory:
    """Read the log and the newest checkpoint of a run, and the curve that a study left beside them.

    Args:
        run: Folder of `lockon train`, or of a run of a study.
        metric: Of the validations.
        label: Name of the run; None for that of its folder.

    Raises:
        LockonError: No such run, a damaged file, or no validation with that metric.
    """
    states = sorted(run.glob("checkpoints/step-*/state.json"), key=lambda path: int(path.parent.name[5:] or 0))
    if not states or not (run / "log.jsonl").is_file():
        raise LockonError(f"{run} is no folder of a training run (log.jsonl and checkpoints/); give the --out of `lockon train`")
    state = read_json_object(states[-1], "remove that folder, the run goes on from the checkpoint before it")
    records = _records(run / "log.jsonl")
    try:
        settings = state["settings"]
        history = RunHistory(label or run.resolve().name, settings, int(state["step"]), (), (), np.zeros((1, 2)))
        pairs = history.pairs_per_update
        found = {**_curve(run / "curve.json", metric), **_validations(records, metric)}
        clock = _clock(records, pairs)
    except MALFORMED as error:
        raise LockonError(f"{run} lacks what a training run notes ({error!r}); give the --out of `lockon train`") from None
    if not found:
        known = sorted({name for record in records if record.get("kind") == "val" for name in record} - {"kind", "step"})
        advice = f"it has {', '.join(known)}: give --metric {known[0]}" if known else "train with --val"
        raise LockonError(f"{run} has no validation with {metric}; {advice}")
    steps = tuple(sorted(found))
    last = max(history.updates, int(clock[-1, 0]), steps[-1])
    return RunHistory(history.label, settings, last, steps, tuple(found[step] for step in steps), clock)


def _records(path: Path) -> list[dict[str, Any]]:
    """Return the records of a log; a line that a kill cut is left out."""
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            record = parse_json(line)
        except MALFORMED:
            continue
        if isinstance(record, dict):
            found.append(record)
    return found


def _validations(records: Sequence[Mapping[str, Any]], metric: str) -> dict[int, float]:
    found = {int(record["step"]): float(record[metric]) for record in records if record.get("kind") == "val" and metric in record}
    return {step: value for step, value in found.items() if math.isfinite(value)}


def _curve(path: Path, metric: str) -> dict[int, float]:
    """Return the means over sequences of the points of a study's curve; nothing without one of that metric."""
    if not path.is_file():
        return {}
    content = read_json_object(path, "remove it and give the study's command again")
    if content["metric"] != metric:
        return {}
    return {int(point["step"]): float(np.mean(list(point["sequences"].values()))) for point in content["points"] if point["sequences"]}


def _clock(records: Sequence[Mapping[str, Any]], pairs: int) -> FloatArray:
    """Return (L, 2) updates and seconds: the speed of each record holds for all updates since the one before."""
    rows = [(0.0, 0.0)]
    for record in records:
        step, speed = float(record["step"]), float(record.get("samples_per_second", math.nan))
        if record.get("kind") == "train" and step > rows[-1][0] and speed > 0:
            rows.append((step, rows[-1][1] + (step - rows[-1][0]) * pairs / speed))
    return np.array(rows)


@dataclass(frozen=True, slots=True)
class RunCost:
    """A run and what its pairs cost.

    Attributes:
        history: The run.
        tracker: Name of its network.
        forward: Operations of the network's output for one pair with all tokens.
        flops: Updates -> operations of all pairs until then, forward and backward passes.
        level: What the validations shall reach; None for the end of the run.
    """

    history: RunHistory
    tracker: str
    forward: int
    flops: Callable[[int], int]
    level: float | None = None

    def row(self) -> dict[str, Any]:
        """Return the values of `COLUMNS`; what was not reached is None.

        `training_flops` are those of a pair, forward and backward, as a mean over the updates that were made. `level_` is what it took
        until the first validation of at least `level`, or until the last update.
        """
        history, pairs = self.history, self.history.pairs_per_update
        best = int(np.argmax(history.values))
        at = history.updates if self.level is None else history.reached(self.level)
        return {
            "run": history.label,
            "tracker": self.tracker,
            "pairs_per_update": pairs,
            "updates": history.updates,
            "pairs": history.updates * pairs,
            "forward_flops": self.forward,
            "training_flops": self.flops(history.updates) / max(history.updates * pairs, 1),
            "best": history.values[best],
            "best_pairs": history.steps[best] * pairs,
            "level": self.level,
            "level_updates": at,
            "level_pairs": None if at is None else at * pairs,
            "level_flops": None if at is None else self.flops(at),
            "level_seconds": None if at is None else history.seconds(at),
        }

    def points(self) -> list[dict[str, Any]]:
        """Return the values of `POINT_COLUMNS` of each validation."""
        history, pairs = self.history, self.history.pairs_per_update
        return [
            {
                "run": history.label,
                "update": step,
                "pairs": step * pairs,
                "value": value,
                "flops": self.flops(step),
                "seconds": history.seconds(step),
            }
            for step, value in zip(history.steps, history.values, strict=True)
        ]


def distinct_labels(runs: Sequence[Path]) -> list[str]:
    """Return a name for each folder: its own, or its whole path where several have the same one."""
    names = [run.resolve().name for run in runs]
    count = Counter(names)
    return [str(run) if count[name] > 1 else name for run, name in zip(runs, names, strict=True)]


__all__ = ["COLUMNS", "POINT_COLUMNS", "RunCost", "RunHistory", "distinct_labels", "read_history"]
