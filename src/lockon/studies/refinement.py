"""How good a refiner is: what it makes of the truth after jitter, and of the boxes that trackers gave. Kept beside the run's weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lockon.bench.report.one_pass import OnePassScoring
from lockon.bench.store import Record, Store
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.refiners.combine import RefineConfig
from lockon.refiners.protocol import Refiner
from lockon.refiners.stored import StoredBoxes
from lockon.refiners.wrapper import with_refiner
from lockon.types import Result

COUNTED = ("AO", "SR75")  # of the refined boxes of trackers


def refine_records(refiner: Refiner, sequence: VideoSequence, records: Sequence[Record]) -> list[Record]:
    """Return the records of one sequence with refined boxes; frame by frame, and nothing of it goes back to the trackers.

    Args:
        refiner: Takes n targets at once.
        sequence: With the frames.
        records: Of trackers that were started on the same frame.
    """
    start = records[0].run.start
    boxes = np.stack([record.run.boxes for record in records])  # (n, T, 4)
    stored = StoredBoxes({row: _result(records, row) for row in range(start, boxes.shape[1])})
    tracker = with_refiner(stored, refiner, RefineConfig(write_back=False))
    tracker.init(sequence.frames[start], boxes[:, start])
    for row in range(start + 1, boxes.shape[1]):
        stored.number = row
        boxes[:, row] = tracker.track(sequence.frames[row]).box
    return [replace(record, run=replace(record.run, boxes=own)) for record, own in zip(records, boxes, strict=True)]


def _result(records: Sequence[Record], row: int) -> Result:
    """Return what the trackers said of one frame, a target each."""
    runs = [record.run for record in records]
    scores = np.nan_to_num([run.scores[row] for run in runs], nan=1.0)
    return Result(np.stack([run.boxes[row] for run in runs]), scores, tuple(run.states[row] or "tracked" for run in runs))


def read_bases(store: Store, names: Sequence[str], sequences: Sequence[VideoSequence]) -> dict[str, dict[str, Record]]:
    """Return the boxes of the trackers `names` by sequence and tracker.

    Raises:
        LockonError: A sequence that a tracker has no result of.
    """
    found: dict[str, dict[str, Record]] = {}
    for sequence in sequences:
        for name in names:
            record = store.find(name, sequence)
            if record is None:
                raise LockonError(f"{store.folder} has no boxes of {name} on {sequence.name}; give the same command again")
            found.setdefault(sequence.name, {})[name] = record
    return found


def overlap_metrics(record: Record) -> dict[str, float | None]:
    """Return AO and SR75 of a record, None where they are not known."""
    values = OnePassScoring("pysot").score([record]).values
    return {name: values[name] if np.isfinite(values[name]) else None for name in COUNTED}


def measure_refiner(
    refiner: Refiner,
    jittered: Mapping[str, Mapping[str, float]],
    sequences: Sequence[VideoSequence],
    bases: Mapping[str, Mapping[str, Record]],
    on_progress: Callable[[str], None],
) -> dict[str, Any]:
    """Measure all metrics of a refiner by sequence, JSON values.

    Args:
        refiner: That has learnt.
        jittered: Metrics of the jittered truth by sequence.
        sequences: To refine.
        bases: Boxes of trackers by sequence and tracker.
        on_progress: Told how far it is.
    """
    found: dict[str, Any] = {}
    for number, sequence in enumerate(sequences, start=1):
        on_progress(f"refining {number}/{len(sequences)} videos")
        one: dict[str, float | None] = {name: jittered.get(sequence.name, {}).get(name) for name in ("IoU", "SR75", "J", "given")}
        own = bases[sequence.name]
        for name, record in zip(own, refine_records(refiner, sequence, list(own.values())), strict=True):
            one |= {f"{metric} {name}": value for metric, value in overlap_metrics(record).items()}
        found[sequence.name] = one
    return {"sequences": found}


__all__ = ["COUNTED", "measure_refiner", "overlap_metrics", "read_bases", "refine_records"]
