"""`Record`: one tracker on one sequence once, with the truth beside the answers; and its JSON form.

One JSON object per record. Keys of what a record does not have are left out, so files of plain one-pass runs look as they
always did. NaN is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from lockon._documents import MALFORMED, read_json
from lockon.bench.machine import checked_setup
from lockon.bench.protocols.table import PROTOCOLS
from lockon.bench.protocols.trajectory import Trajectory
from lockon.data.sequence import VideoSequence
from lockon.data.vot_rle import encode_vot_mask
from lockon.errors import LockonError
from lockon.types import FloatArray, State

FORMAT = 1


@dataclass(frozen=True, slots=True)
class RunKey:
    """Which run of a tracker on a sequence: the protocol, the repetition from 1, and the anchor frame of the anchors protocol."""

    protocol: str = "one-pass"
    repetition: int = 1
    anchor: int | None = None


class MaskTexts:
    """True masks as text, each read once, because the runs from the anchors of one sequence share them."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], dict[int, str]] = {}

    def texts(self, sequence: VideoSequence, frames: list[int]) -> tuple[str | None, ...]:
        """Return the masks of some frames of a sequence that has masks."""
        kept = self._kept.setdefault((sequence.dataset, sequence.name), {})
        for frame in frames:
            if frame not in kept and sequence.masks is not None:
                kept[frame] = encode_vot_mask(sequence.masks[frame])
        return tuple(kept.get(frame) for frame in frames)


@dataclass(frozen=True, slots=True)
class Record:
    """One tracker on one sequence.

    Rows are in the order in which the frames were tracked. That is the order of the video, but for a backward run of the
    anchors protocol, whose row i is frame anchor - i; a forward one has frame anchor + i in row i (see `frames`).

    Attributes:
        sequence: Its name.
        dataset: Name of its dataset.
        run: The tracker's answers.
        truth: (T, 4) ground truth x, y, w, h.
        visible: (T,) bool or None.
        setup: Versions of the packages, the machine, threads and workers: what may explain a difference.
        polygons: (T, 8) ground truth corners, or None.
        truth_masks: T ground truth masks as VOT run-length text, or None.
        attributes: Names of the benchmark's attributes that hold for the sequence.
        repetition: From 1.
        protocol: Which protocol made the run.
        rules: Its settings, JSON values; empty for a plain one-pass run.
        anchor: Frame of the video that the run was started on, for the anchors protocol.
        backward: It went to the first frame.
    """

    sequence: str
    dataset: str
    run: Trajectory
    truth: FloatArray
    visible: NDArray[np.bool_] | None
    setup: Mapping[str, Any]
    polygons: FloatArray | None = None
    truth_masks: tuple[str | None, ...] | None = None
    attributes: tuple[str, ...] = ()
    repetition: int = 1
    protocol: str = "one-pass"
    rules: Mapping[str, Any] = field(default_factory=dict)
    anchor: int | None = None
    backward: bool = False

    @classmethod
    def of(
        cls,
        sequence: VideoSequence,
        order: range,
        run: Trajectory,
        setup: Mapping[str, Any],
        *,
        masks: MaskTexts,
        run_key: RunKey,
        rules: Mapping[str, Any] = MappingProxyType({}),
    ) -> Record:
        """Return what is kept of a run through the frames of `order`, with the truth of these frames."""
        frames = list(order)
        return cls(
            sequence.name,
            sequence.dataset,
            run,
            sequence.boxes[frames],
            None if sequence.visible is None else sequence.visible[frames],
            setup,
            polygons=None if sequence.polygons is None else sequence.polygons[frames],
            truth_masks=None if run.masks is None or sequence.masks is None else masks.texts(sequence, frames),
            attributes=tuple(sorted(sequence.attributes)),
            repetition=run_key.repetition,
            protocol=run_key.protocol,
            rules=rules,
            anchor=run_key.anchor,
            backward=order.step < 0,
        )

    @property
    def run_key(self) -> RunKey:
        """Where the store keeps it."""
        return RunKey(self.protocol, self.repetition, self.anchor)

    @property
    def frames(self) -> NDArray[np.intp]:
        """(T,) index of each row's frame in the video."""
        rows = np.arange(len(self.truth))
        if self.anchor is None:
            return rows
        return self.anchor - rows if self.backward else self.anchor + rows

    @property
    def has_truth(self) -> bool:
        """Whether any frame after the start is annotated; the test sets of servers have the first box alone."""
        return bool(np.isfinite(self.truth[self.run.start + 1 :]).all(axis=1).any())

    def fits(self, sequence: VideoSequence) -> bool:
        """Return whether the sequence still has the ground truth that this was run with."""
        frames = self.frames
        if len(frames) and (frames.min() < 0 or frames.max() >= len(sequence)):
            return False
        if self.anchor is None and len(frames) != len(sequence):
            return False
        boxes = _equal(self.truth, sequence.boxes[frames])
        corners = self.polygons is None or sequence.polygons is None or _equal(self.polygons, sequence.polygons[frames])
        return boxes and corners and _equal(self.visible, None if sequence.visible is None else sequence.visible[frames])

    def same_answers(self, other: Record) -> bool:
        """Return whether both runs gave the same boxes, masks and events, bit for bit; scores and times are not compared."""
        ours, theirs = self.run, other.run
        pairs = ((ours.boxes, theirs.boxes), (ours.events, theirs.events), (ours.polygons, theirs.polygons))
        return all(_equal(mine, its) for mine, its in pairs) and ours.masks == theirs.masks


def _equal(a: NDArray[Any] | None, b: NDArray[Any] | None) -> bool:
    return a is b if a is None or b is None else np.array_equal(a, b, equal_nan=True)


def load_record(path: Path) -> Record:
    """Load one result file.

    Raises:
        LockonError: Unreadable, cut off, or with arrays that do not belong together.
    """
    content = read_result(path)
    try:
        return _from_json(content)
    except MALFORMED:
        raise LockonError(f"{path} is not a complete result") from None


def read_result(path: Path) -> dict[str, Any]:
    """Return a JSON object of this format.

    Raises:
        LockonError: Missing, cut off, or another file.
    """
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise LockonError(f"{path} is missing, cut off or not JSON ({reason})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise LockonError(f"{path} is not a result file of format {FORMAT}")
    return content


def record_bytes(record: Record) -> bytes:
    """Return the content of a result file."""
    return json.dumps(_to_json(record), separators=(",", ":"), allow_nan=False).encode()


def _to_json(record: Record) -> dict[str, Any]:
    run = record.run
    content: dict[str, Any] = {
        "format": FORMAT,
        "sequence": record.sequence,
        "dataset": record.dataset,
        "start": run.start,
        "frame_size": run.frame_size,
        "setup": record.setup,
        "boxes": run.boxes,
        "scores": run.scores,
        "states": run.states,
        "times": np.round(run.times, 7),
        "truth": record.truth,
        "visible": None if record.visible is None else record.visible.astype(int),
    }
    optional = {
        "events": run.events,
        "masks": run.masks,
        "corners": run.polygons,
        "polygons": record.polygons,
        "truth_masks": record.truth_masks,
        "attributes": record.attributes or None,
        "repetition": record.repetition if record.repetition != 1 else None,
        "protocol": record.protocol if record.protocol != "one-pass" else None,
        "rules": dict(record.rules) or None,
        "anchor": record.anchor,
        "backward": record.backward or None,
    }
    content |= {key: value for key, value in optional.items() if value is not None}
    return {key: _nulls(value) if isinstance(value, np.ndarray) else value for key, value in content.items()}


def _from_json(content: Mapping[str, Any]) -> Record:
    truth, anchor = _floats(content["truth"], 4), content.get("anchor")
    width, height = content["frame_size"]
    run = Trajectory(
        boxes=_floats(content["boxes"], 4),
        scores=_floats(content["scores"]),
        states=_states(content["states"]),
        times=_floats(content["times"]),
        start=int(content["start"]),
        frame_size=(int(width), int(height)),
        events=None if content.get("events") is None else np.asarray(content["events"], dtype=np.int8),
        masks=_texts(content.get("masks")),
        polygons=None if content.get("corners") is None else _floats(content["corners"], 8),
    )
    record = Record(
        str(content["sequence"]),
        str(content["dataset"]),
        run,
        truth,
        None if content["visible"] is None else np.asarray(content["visible"], dtype=np.bool_),
        checked_setup(content["setup"]),
        None if content.get("polygons") is None else _floats(content["polygons"], 8),
        _texts(content.get("truth_masks")),
        tuple(map(str, content.get("attributes", ()))),
        int(content.get("repetition", 1)),
        str(content.get("protocol", "one-pass")),
        dict(content.get("rules", {})),
        None if anchor is None else int(anchor),
        bool(content.get("backward", False)),
    )
    answers = (run.boxes, run.scores, run.states, run.times, run.events, run.masks, run.polygons)
    columns = (*answers, record.visible, record.polygons, record.truth_masks)
    count = len(truth)
    if any(column is not None and len(column) != count for column in columns) or not 0 <= run.start < count:
        raise ValueError("rows")
    if any(isinstance(column, np.ndarray) and column.ndim > 1 for column in (record.visible, run.events)):
        raise ValueError("columns")
    if record.protocol not in PROTOCOLS or record.repetition < 1:
        raise ValueError("protocol")
    return record


def _nulls(values: NDArray[Any]) -> Any:
    return np.where(np.isfinite(values), values, np.asarray(None)).tolist()


def _floats(values: Any, columns: int | None = None) -> FloatArray:
    if columns is not None:
        values = [[math.nan] * columns if row is None else row for row in values]
    array = np.asarray(values, dtype=np.float64)  # None becomes NaN
    if array.shape[1:] != (() if columns is None else (columns,)) or np.isinf(array).any():
        raise ValueError("columns")
    return array


def _states(values: Any) -> tuple[State | None, ...]:
    if any(value not in (None, *get_args(State)) for value in values):
        raise ValueError("states")
    return tuple(values)


def _texts(values: Any) -> tuple[str | None, ...] | None:
    return None if values is None else tuple(None if value is None else str(value) for value in values)


__all__ = ["FORMAT", "MaskTexts", "Record", "RunKey", "load_record", "read_result", "record_bytes"]
