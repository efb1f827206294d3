"""Results on disk: one JSON file per tracker and sequence, with all that a report needs.

    DIR/TRACKER/tracker.json              which tracker this is: name, preset, overrides, sha256 of the weights, seed; its size
    DIR/TRACKER/DATASET/SEQUENCE.json     boxes, scores, states, times, ground truth, versions, machine
    DIR/TRACKER/DATASET/SEQUENCE.error.txt  traceback of the last attempt, where it failed

Files appear only when they are complete, so a run can be stopped at any moment and continued. Boxes are x, y, w, h in
frame pixels, 0-based, and belong to no metric's convention. NaN is null.
"""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from lockon._files import write_bytes
from lockon.bench.protocols.one_pass import Run
from lockon.config import differences
from lockon.data.sequence import Sequence
from lockon.errors import LockonError, LockonWarning
from lockon.types import FloatArray

FORMAT = 1
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True, slots=True)
class Record:
    """One tracker on one sequence.

    Attributes:
        sequence, dataset: names.
        run: the tracker's answers.
        truth: (T, 4) ground truth x, y, w, h. visible: (T,) bool or None.
        setup: versions of the packages, the machine, threads and workers: what may explain a difference.
    """

    sequence: str
    dataset: str
    run: Run
    truth: FloatArray
    visible: NDArray[np.bool_] | None
    setup: Mapping[str, Any]

    def fits(self, sequence: Sequence) -> bool:
        """Whether the sequence still has the ground truth that this was run with."""
        same_boxes = np.array_equal(self.truth, sequence.boxes, equal_nan=True)
        if self.visible is None or sequence.visible is None:
            return same_boxes and self.visible is None and sequence.visible is None
        return same_boxes and np.array_equal(self.visible, sequence.visible)


class Store:
    """A folder of results.

    Args:
        folder: made when the first result is written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def trackers(self) -> list[str]:
        """Labels of the trackers with results, in alphabetical order.

        Raises:
            LockonError: the folder does not exist or holds no results.
        """
        labels = sorted(path.parent.name for path in self.folder.glob("*/tracker.json"))
        if not labels:
            state = "holds no results" if self.folder.is_dir() else "does not exist"
            raise LockonError(
                f"{self.folder} {state}; make some with: lockon bench run --trackers NAME --data NAME:ROOT --out {self.folder}"
            )
        return labels

    def describe(self, label: str) -> dict[str, Any]:
        """The content of tracker.json: ``configuration`` and ``size`` (bytes of the weight files).

        Raises:
            LockonError: the file is missing or broken.
        """
        path = self.folder / label / "tracker.json"
        content = _read(path)
        if not isinstance(content.get("configuration"), dict):
            raise LockonError(f"{path} has no configuration; remove the folder {path.parent} and run it again")
        return content

    def claim(self, label: str, configuration: Mapping[str, Any], size: int, *, overwrite: bool = False) -> None:
        """Write tracker.json, or check that it says the same.

        Args:
            label: folder name of the tracker.
            configuration: JSON values that decide the results.
            size: bytes of the weight files.
            overwrite: drop the results of another configuration instead of refusing.

        Raises:
            LockonError: a label that is no folder name, or results of another configuration.
        """
        if not _LABEL.fullmatch(label):
            raise LockonError(f"tracker label {label!r}; expected letters, digits and ._+- only, because it names a folder")
        path = self.folder / label / "tracker.json"
        if path.is_file():
            changed = differences(self.describe(label)["configuration"], dict(configuration))
            if not changed:
                return
            if not overwrite:
                shown = re.sub(r"([0-9a-f]{8})[0-9a-f]{56}", r"\1..", ", ".join(changed[:3]))  # digests are told apart by their start
                raise LockonError(
                    f"{path.parent} holds results of another configuration: {shown}; "
                    "give --overwrite, another --out, or another label (LABEL=NAME)"
                )
            for old in path.parent.glob("*/*.json"):
                old.unlink()
        content = {"format": FORMAT, "label": label, "configuration": configuration, "size": size}
        write_bytes(path, (json.dumps(content, indent=1) + "\n").encode())

    def path(self, label: str, dataset: str, sequence: str) -> Path:
        """File of one result; characters that a file system may refuse are percent-encoded."""
        return self.folder / label / _file_name(dataset) / f"{_file_name(sequence)}.json"

    def save(self, label: str, record: Record) -> None:
        """Write one result atomically; the note of an earlier failure goes."""
        path = self.path(label, record.dataset, record.sequence)
        write_bytes(path, json.dumps(_to_json(record), separators=(",", ":"), allow_nan=False).encode())
        _error_file(path).unlink(missing_ok=True)

    def save_error(self, label: str, sequence: Sequence, text: str) -> None:
        """Keep the traceback of a failed attempt beside where the result would be."""
        write_bytes(_error_file(self.path(label, sequence.dataset, sequence.name)), text.encode())

    def finished(self, label: str, sequence: Sequence) -> bool:
        """Whether there is a usable result for this sequence. A broken file is reported and counts as none.

        Raises:
            LockonError: the result was made with other ground truth.
        """
        path = self.path(label, sequence.dataset, sequence.name)
        if not path.exists():
            return False
        try:
            record = load_record(path)
        except LockonError as error:
            warnings.warn(f"{error}; running it again", LockonWarning, stacklevel=2)
            return False
        if not record.fits(sequence):
            raise LockonError(f"{path} was made with other ground truth of {sequence.name}; give --overwrite or another --out")
        return True

    def records(self, label: str) -> list[Record]:
        """All results of a tracker by dataset and sequence. Broken files are left out, with a warning each."""
        found = []
        for path in sorted((self.folder / label).glob("*/*.json")):
            try:
                found.append(load_record(path))
            except LockonError as error:
                warnings.warn(f"{error}; left out of the report", LockonWarning, stacklevel=2)
        return found


def load_record(path: Path) -> Record:
    """One result file.

    Raises:
        LockonError: unreadable, cut off, or with arrays that do not belong together.
    """
    content = _read(path)
    try:
        truth = _floats(content["truth"], 4)
        count = len(truth)
        run = Run(
            boxes=_floats(content["boxes"], 4),
            scores=_floats(content["scores"]),
            states=tuple(content["states"]),
            times=_floats(content["times"]),
            start=int(content["start"]),
            frame_size=(int(content["frame_size"][0]), int(content["frame_size"][1])),
        )
        visible = None if content["visible"] is None else np.asarray(content["visible"], dtype=np.bool_)
        lengths = {len(run.boxes), len(run.scores), len(run.states), len(run.times), count if visible is None else len(visible)}
        if lengths != {count} or not 0 <= run.start < count:
            raise ValueError("rows")
        return Record(str(content["sequence"]), str(content["dataset"]), run, truth, visible, content["setup"])
    except (KeyError, IndexError, TypeError, ValueError):
        raise LockonError(f"{path} is not a complete result") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise LockonError(f"{path} is missing, cut off or not JSON") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise LockonError(f"{path} is not a result file of format {FORMAT}")
    return content


def _to_json(record: Record) -> dict[str, Any]:
    run = record.run
    return {
        "format": FORMAT,
        "sequence": record.sequence,
        "dataset": record.dataset,
        "start": run.start,
        "frame_size": list(run.frame_size),
        "setup": record.setup,
        "boxes": _nulls(run.boxes.tolist()),
        "scores": _nulls(run.scores.tolist()),
        "states": list(run.states),
        "times": _nulls(np.round(run.times, 7).tolist()),
        "truth": _nulls(record.truth.tolist()),
        "visible": None if record.visible is None else record.visible.astype(int).tolist(),
    }


def _nulls(values: Any) -> Any:
    if isinstance(values, list):
        return [_nulls(value) for value in values]
    return values if math.isfinite(values) else None


def _floats(values: Any, columns: int | None = None) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)  # None becomes NaN
    if array.shape[1:] != (() if columns is None else (columns,)):
        raise ValueError("columns")
    return array


def _error_file(path: Path) -> Path:
    return path.with_name(f"{path.name.removesuffix('.json')}.error.txt")


def _file_name(name: str) -> str:
    text = quote(name, safe=" +,=@()")
    return f"%2E{text[1:]}" if text.startswith(".") else text


__all__ = ["Record", "Store", "load_record"]
