"""What a run was measured by beside tracking, sequence by sequence, in a file that appears when it is complete.

Of a tracker, how well its scores agree with how good its boxes are. Of a refiner, what it makes of the truth after jitter, and of the
boxes that trackers gave.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lockon._documents import read_json_object
from lockon._files import write_bytes
from lockon.analysis.alignment import alignment_frames, candidate_alignment
from lockon.bench.report.one_pass import OnePassScoring
from lockon.bench.store import Record, Store
from lockon.bench.tables.records import nulls
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.refiners.combine import RefineConfig
from lockon.refiners.protocol import Refiner
from lockon.refiners.stored import StoredBoxes
from lockon.refiners.wrapper import with_refiner
from lockon.session import Tracker
from lockon.tracker import CandidateTracker
from lockon.types import Result

COUNTED = ("AO", "SR75")  # of the refined boxes of trackers
EVERY = 5  # annotated frames of which one is looked at


def measured_file(out: Path, label: str) -> Path:
    """Return where the measurement of a run of the study in `out` lies: beside its weights."""
    return out / "runs" / label / "measured.json"


def write_measured(path: Path, content: Mapping[str, Any]) -> None:
    """Keep a measurement; NaN becomes null.

    Args:
        path: Of the file.
        content: JSON values; "sequences" holds values by sequence and name.
    """
    write_bytes(path, (json.dumps(nulls(content), indent=1) + "\n").encode())


def read_measured(path: Path, names: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Read the metrics of each sequence that has been measured, NaN where it has none; nothing without a measurement.

    Args:
        path: Of the file.
        names: The metrics, and how they are named in it.

    Raises:
        LockonError: A damaged file.
    """
    if not path.is_file():
        return {}
    content = read_json_object(path, "remove it and give the same command again without --report")
    try:
        found = content["sequences"].items()
        return {sequence: {name: float(np.float64(values[key])) for name, key in names.items()} for sequence, values in found}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LockonError(f"{path} lacks metrics of the run ({error!r}); remove it and give the same command again") from None


def measure_alignment(tracker: Tracker, sequences: Sequence[VideoSequence], on_progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure all candidates' scores against their IoU.

    Args:
        tracker: Of the run.
        sequences: That it is judged on.
        on_progress: Told how far it is.

    Raises:
        LockonError: A tracker without a network, or sequences that cannot be used.
    """
    if not isinstance(tracker, CandidateTracker):
        raise LockonError(f"{type(tracker).__name__} is no tracker with a network: it has no candidates whose scores have an IoU")
    total, done = alignment_frames(sequences, EVERY), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        on_progress(f"measuring {done}/{total} frames")

    return {"every": EVERY, **candidate_alignment(tracker, sequences, every=EVERY, advance=advance).metrics()}


def refine_records(refiner: Refiner, sequence: VideoSequence, records: Sequence[Record]) -> list[Record]:
    """Return the records of one sequence with refined boxes; frame by frame, and nothing of it goes back to the trackers.

    Args:
        refiner: Takes n targets at once.
        sequence: With the frames.
        records: Of trackers that were started on the same frame.
    """
    start = records[0].run.start
    boxes = np.stack([record.run.boxes for record in records])  # (n, T, 4)
    scores = np.nan_to_num(np.stack([record.run.scores for record in records]), nan=1.0)  # (n, T)
    said = {row: tuple(record.run.states[row] or "tracked" for record in records) for row in range(start, boxes.shape[1])}
    stored = StoredBoxes({row: Result(boxes[:, row].copy(), scores[:, row], states) for row, states in said.items()})
    tracker = with_refiner(stored, refiner, RefineConfig(write_back=False))
    tracker.init(sequence.frames[start], boxes[:, start])
    for row in range(start + 1, boxes.shape[1]):
        stored.number = row
        boxes[:, row] = tracker.track(sequence.frames[row]).box
    return [replace(record, run=replace(record.run, boxes=own)) for record, own in zip(records, boxes, strict=True)]


def overlap_metrics(record: Record) -> dict[str, float]:
    """Return AO and SR75 of a record, NaN where they are not known."""
    values = OnePassScoring("pysot").score([record]).values
    return {name: values[name] for name in COUNTED}


def measure_refiner(
    refiner: Refiner,
    jittered: Mapping[str, Mapping[str, float]],
    sequences: Sequence[VideoSequence],
    on_progress: Callable[[str], None],
    *,
    store: Store,
    names: Sequence[str],
) -> dict[str, Any]:
    """Measure all metrics of a refiner by sequence.

    Args:
        refiner: That has learnt.
        jittered: Metrics of the jittered truth by sequence.
        sequences: To refine.
        on_progress: Told how far it is.
        store: Where the boxes of trackers are.
        names: Of these trackers.

    Raises:
        LockonError: A sequence that a tracker has no result of.
    """
    found: dict[str, Any] = {}
    for number, sequence in enumerate(sequences, start=1):
        on_progress(f"refining {number}/{len(sequences)} videos")
        records = [_boxes_of(store, name, sequence) for name in names]
        one: dict[str, float | None] = {name: jittered.get(sequence.name, {}).get(name) for name in ("IoU", "SR75", "J", "given")}
        for name, record in zip(names, refine_records(refiner, sequence, records), strict=True):
            one |= {f"{metric} {name}": value for metric, value in overlap_metrics(record).items()}
        found[sequence.name] = one
    return {"sequences": found}


def _boxes_of(store: Store, name: str, sequence: VideoSequence) -> Record:
    record = store.find(name, sequence)
    if record is None:
        raise LockonError(f"{store.folder} has no boxes of {name} on {sequence.name}; give the same command again")
    return record


__all__ = ["measure_alignment", "measure_refiner", "measured_file", "overlap_metrics", "read_measured", "refine_records", "write_measured"]
