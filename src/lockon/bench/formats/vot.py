"""The VOT toolkits' result files: the Python toolkit since 2020, the MATLAB one before it, and PySOT's tests on VOT.

    TRACKER/EXPERIMENT/VIDEO/VIDEO_001.txt          baseline (resets), realtime, unsupervised; .bin is the toolkit's binary form
    TRACKER/EXPERIMENT/VIDEO/VIDEO_00000042.txt     the run of VOT2020's baseline that was started on frame 42, from 0
    TRACKER/EXPERIMENT/VIDEO/VIDEO_001_time.value   seconds per frame; VIDEO_001_confidence.value

A line is a region (4 numbers, 8 numbers, or a mask) or a code: 1 started here, 2 failed here, 0 nothing or skipped. The rows
of a run from an anchor begin at the anchor; a backward one goes to the first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from lockon.bench.formats import tree
from lockon.bench.formats.rows import FAILED_CODE, NOTHING_CODE, STARTED_CODE
from lockon.bench.formats.toolkit import Toolkit, number_text, safe_name
from lockon.bench.formats.tree import Parts, ResultFile
from lockon.bench.protocols.trajectory import FAILED, SKIPPED, STARTED
from lockon.bench.store import Record
from lockon.types import FloatArray

_EXPERIMENT = {"reset": "baseline", "anchors": "baseline", "realtime": "realtime", "one-pass": "unsupervised"}


def find(root: Path, files: list[Parts]) -> list[ResultFile]:
    """All experiments below `root`; files in folders per video without an experiment's name count as unsupervised."""
    return tree.experiments(root, files) or tree.nested(root, files)


def with_start(record: Record) -> FloatArray:
    """(T, 4) boxes of a run with its start box in the frames before the start, which other toolkits' files have no NaN for."""
    boxes: FloatArray = record.run.boxes.copy()
    boxes[: record.run.start] = boxes[record.run.start]
    return boxes


def write(tracker: str, records: Sequence[Record], origin: Callable[[str], int]) -> Iterator[tuple[Parts, str]]:
    """The files of one tracker, in text form."""
    for record in records:
        sequence = safe_name(record.sequence)
        number = f"{record.repetition:03d}" if record.anchor is None else f"{record.anchor:08d}"
        folder = (safe_name(tracker), _EXPERIMENT[record.protocol], sequence)
        yield (*folder, f"{sequence}_{number}.txt"), _trajectory(record, origin(record.dataset))
        if np.isfinite(record.run.times).any():
            yield (*folder, f"{sequence}_{number}_time.value"), _values(record.run.times)
        if record.protocol == "one-pass" and np.isfinite(record.run.scores).any():
            yield (*folder, f"{sequence}_{number}_confidence.value"), _values(record.run.scores)


def _trajectory(record: Record, origin: int) -> str:
    run = record.run
    shifted = run.boxes + np.array([origin, origin, 0.0, 0.0])
    corners = np.full((len(run), 8), np.nan) if run.polygons is None else run.polygons + origin
    lines = []
    for index, row in enumerate(shifted.tolist()):
        mask = None if run.masks is None else run.masks[index]
        event = None if run.events is None else int(run.events[index])
        if index == run.start or event == STARTED:
            lines.append(str(STARTED_CODE))
        elif event == FAILED:
            lines.append(str(FAILED_CODE))
        elif event == SKIPPED or index < run.start or (mask is None and not np.isfinite(row).all()):
            lines.append(str(NOTHING_CODE))
        else:
            turned = corners[index].tolist() if np.isfinite(corners[index]).all() else row
            lines.append(mask if mask is not None else ",".join(map(number_text, turned)))
    return "\n".join(lines) + "\n"


def _values(values: FloatArray) -> str:
    """One number per line, an empty line where there is none, as the toolkit writes properties."""
    return "".join(f"{'' if np.isnan(value) else format(value, '.8f')}\n" for value in values.tolist())


TOOLKIT = Toolkit("vot", "TRACKER/EXPERIMENT/VIDEO/VIDEO_001.txt", find, write)
