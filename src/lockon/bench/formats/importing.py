"""Result files into a store, so that `lockon bench report` scores them without running anything.

Names are matched, the first pixel is guessed, lines become records; whatever cannot be used is noted and left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lockon.bench.formats.finding import ResultFile, ResultFolder, find_results
from lockon.bench.formats.matching import guess_origin, match_names
from lockon.bench.formats.notes import Note
from lockon.bench.formats.records import UNKNOWN_SIZE, ImportTarget, build_record, protocol_of
from lockon.bench.formats.rows import BOX, Rows, read_rows
from lockon.bench.record import MaskTexts
from lockon.bench.store import Record, Store
from lockon.data.datasets.table import origin as annotation_origin
from lockon.data.sequence import VideoSequence, first_annotated
from lockon.errors import LockonError, unknown_name
from lockon.types import FloatArray

CONFIGURATION = "result files"
_NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9._+-]+")
_Table = tuple[ResultFile, VideoSequence, Rows]
OnFile = Callable[[ResultFile], None]


@dataclass(frozen=True, slots=True)
class TrackerFiles:
    """The contents of one tracker's files.

    Attributes:
        records: One per file.
        missing: Sequences without a usable result.
        unknown: Results without a sequence.
        origin: Number of the first pixel in the files.
        certain: Whether their first lines, or the caller, decided it.
        notes: What was odd.
    """

    records: tuple[Record, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    origin: int
    certain: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """One tracker whose results were read.

    Attributes:
        label: Its name in the store.
        name: Its name in the results.
        dataset: Name of the dataset.
        records: Number of results by protocol.
        same: Number of results that the store had already, with the same boxes.
        expected: Number of sequences of the dataset.
        files: What was read, with notes and what is missing.
    """

    label: str
    name: str
    dataset: str
    records: dict[str, int]
    same: int
    expected: int
    files: TrackerFiles

    @property
    def sequences(self) -> int:
        """How many of the `expected` sequences it has."""
        return self.expected - len(self.files.missing)

    @property
    def partial(self) -> bool:
        """Whether its metrics are of a part of the dataset."""
        return bool(self.files.missing)


def import_results(
    results: str | Path | ResultFolder,
    sequences: Sequence[VideoSequence],
    out: str | Path,
    *,
    form: str = "auto",
    trackers: Sequence[str] | None = None,
    origin: int | None = None,
    overwrite: bool = False,
    on_file: OnFile | None = None,
) -> list[Imported]:
    """Read the result files of one dataset into a store.

    Args:
        results: Folder of the results, or what `find_results` found there.
        sequences: The dataset's sequences; images are not needed.
        out: Folder of the store.
        form: A name of `TOOLKITS`, or "auto"; for a folder.
        trackers: Names to read, as the results or the store call them; default: all.
        origin: Number of the first pixel in the files, 0 or 1; default: as their first lines decide.
        overwrite: Replace results of the same sequence with other boxes.
        on_file: Called before each file is read.

    Returns:
        One value per tracker, by label.

    Raises:
        LockonError: There are no result files, no sequences, several datasets, unknown trackers, an origin that is neither 0 nor 1, or
            results in the store that differ.
    """
    datasets = {sequence.dataset for sequence in sequences}
    if len(datasets) != 1:
        raise LockonError(f"sequences of {len(datasets)} datasets given ({', '.join(sorted(datasets))}); import one dataset at a time")
    if origin not in (None, 0, 1):
        raise LockonError(f"first pixel {origin}; expected 0 or 1")
    dataset = datasets.pop()
    folder = results if isinstance(results, ResultFolder) else find_results(results, form, dataset)
    labels = _labels({file.tracker for file in folder.files})
    imported = []
    for name in _chosen(trackers, labels):
        files = read_tracker(folder, name, sequences, origin=origin, on_file=on_file)
        same = _save(Store(out), labels[name], name, files, overwrite)
        counts = dict(Counter(str(record.protocol) for record in files.records))
        imported.append(Imported(labels[name], name, dataset, counts, same, len(sequences), files))
    return imported


def read_tracker(
    folder: ResultFolder, tracker: str, sequences: Sequence[VideoSequence], *, origin: int | None = None, on_file: OnFile | None = None
) -> TrackerFiles:
    """Read the results of one tracker on one dataset.

    Args:
        folder: The result files.
        tracker: Its name in them.
        sequences: The dataset's sequences; images are not needed.
        origin: Number of the first pixel in the files; default: as their first lines decide, else that of the dataset's annotation.
        on_file: Called before each file is read.
    """
    files = [file for file in folder.files if file.tracker == tracker]
    by_name = {sequence.name: sequence for sequence in sequences}
    matched = match_names((file.sequence for file in files), by_name)
    wanted = {name: by_name[sequence] for sequence, name in matched.pairs.items()}
    notes = [Note("other name", name, f"taken for {sequence}") for sequence, name in matched.pairs.items() if name != sequence]
    notes += [Note("doubtful name", text.split()[0], text) for text in matched.doubtful]
    tables: list[_Table] = []
    for file in files:
        if on_file is not None:
            on_file(file)
        if file.sequence in wanted:
            try:
                tables.append((file, wanted[file.sequence], read_rows(file.path)))
            except LockonError as error:
                notes.append(Note("left out", file.sequence, str(error).replace(f"{folder.root}/", "")))
    first, certain = origin, True
    if first is None:
        first, certain = guess_origin(_first_lines(tables), annotation_origin(sequences[0].dataset) if sequences else 1)
    records, masks = [], MaskTexts()
    for file, sequence, rows in tables:
        source = {"format": folder.format, "file": file.path.relative_to(folder.root).as_posix(), "origin": first}
        try:
            target = ImportTarget(sequence, first_annotated(sequence), first, _frame_size(sequence), masks)
            record, more = build_record(rows, file, target, {"imported": source})
        except LockonError as error:
            notes.append(Note("left out", file.sequence, str(error).removeprefix(f"{file.sequence}: ")))
            continue
        records.append(record)
        notes += more
    have = {record.sequence for record in records}
    missing = tuple(name for name in sorted(by_name) if name not in have)
    return TrackerFiles(tuple(records), missing, matched.unknown, first, certain, tuple(notes))


def _first_lines(tables: list[_Table]) -> Iterable[tuple[FloatArray, FloatArray]]:
    """Yield first box and start box of the files that have a line per frame and begin with a box."""
    for file, sequence, rows in tables:
        if len(rows) == len(sequence) and protocol_of(file, rows) == "one-pass":
            start = first_annotated(sequence)
            if rows.kinds[start] == BOX:
                yield rows.boxes[start], sequence.boxes[start]


def _frame_size(sequence: VideoSequence) -> tuple[int, int]:
    """Return (width, height) from the annotation, else from the first image, else unknown."""
    if sequence.frame_size is not None:
        return sequence.frame_size
    try:
        frame = sequence.frames[0]
    except LockonError:
        return UNKNOWN_SIZE
    return frame.shape[1], frame.shape[0]


def _labels(names: Iterable[str]) -> dict[str, str]:
    """Return a label for each tracker: its name, with an underscore for what a label may not have.

    Raises:
        LockonError: Two names have one label.
    """
    labels = {name: _NOT_IN_LABELS.sub("_", name).lstrip("_.-+") or "tracker" for name in sorted(names)}
    double = [label for label, count in Counter(labels.values()).items() if count > 1]
    if double:
        names = [name for name, label in labels.items() if label == double[0]]
        raise LockonError(f"trackers {' and '.join(map(repr, names))} would both be called {double[0]}; rename one of the folders")
    return labels


def _chosen(wanted: Sequence[str] | None, labels: dict[str, str]) -> list[str]:
    """Return the names of the trackers to read."""
    if not wanted:
        return list(labels)
    known = {**{label: name for name, label in labels.items()}, **{name: name for name in labels}}
    for name in wanted:
        if name not in known:
            raise unknown_name("tracker in these results", name, known)
    return [known[name] for name in dict.fromkeys(wanted)]


def _save(store: Store, label: str, name: str, files: TrackerFiles, overwrite: bool) -> int:
    """Write what is new, and return the number of records that were there already.

    Raises:
        LockonError: The store has other boxes for one of them, or other results under the label.
    """
    if not files.records:
        return 0
    store.claim(label, {"name": name, "imported": CONFIGURATION}, 0, overwrite=overwrite)
    protocols = {record.protocol for record in files.records}
    old = {(record.dataset, record.sequence, record.run_key): record for protocol in protocols for record in store.records(label, protocol)}
    same = 0
    for record in files.records:
        there = old.get((record.dataset, record.sequence, record.run_key))
        if there is not None and there.same_answers(record) and np.array_equal(there.truth, record.truth, equal_nan=True):
            same += 1
        elif there is not None and not overwrite:
            path = store.path(label, record.dataset, record.sequence, record.run_key)
            raise LockonError(f"{path} holds other answers of {label}; give --overwrite or another --out")
        else:
            store.save(label, record)
    return same


__all__ = ["CONFIGURATION", "Imported", "TrackerFiles", "import_results", "read_tracker"]
