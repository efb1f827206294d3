"""Result files of one tracker to records: names, first pixel, lines; whatever cannot be used is noted and left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from lockon.bench.formats.align import guess_origin
from lockon.bench.formats.build import UNKNOWN_SIZE, ImportTarget, build_record, protocol_of
from lockon.bench.formats.names import Matched, match_names
from lockon.bench.formats.notes import Note
from lockon.bench.formats.recognise import RecognisedFormat
from lockon.bench.formats.rows import BOX, Rows, read_rows
from lockon.bench.formats.tree import ResultFile
from lockon.bench.protocols.one_pass import first_annotated
from lockon.bench.protocols.plan import MaskTexts
from lockon.bench.store import Record
from lockon.data.datasets.table import origin as annotation_origin, pool_members
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError

_Table = tuple[ResultFile, VideoSequence, Rows]


@dataclass(frozen=True, slots=True)
class Read:
    """What the files of one tracker gave.

    Attributes:
        records: by file. missing: sequences without a usable result. unknown: results without a sequence.
        origin: number of the first pixel in the files. told: whether their first lines, or the caller, say so.
        notes: what was odd.
    """

    records: tuple[Record, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    origin: int
    told: bool
    notes: tuple[Note, ...]


def read_tracker(
    found: RecognisedFormat,
    tracker: str,
    sequences: Sequence[VideoSequence],
    *,
    origin: int | None = None,
    tick: Callable[[ResultFile], None] | None = None,
) -> Read:
    """The results of one tracker on one dataset.

    Args:
        found: the result files. tracker: its name in them. sequences: the dataset's; images are not needed.
        origin: number of the first pixel in the files; default: as their first lines tell, else that of the dataset's annotation.
        tick: called before each file is read.
    """
    files = [file for file in found.files if file.tracker == tracker]
    by_name = {sequence.name: sequence for sequence in sequences}
    matched = match_names((file.sequence for file in files), by_name)
    wanted = {name: by_name[sequence] for sequence, name in matched.pairs.items()}
    notes = _name_notes(matched)
    tables: list[_Table] = []
    for file in files:
        if tick is not None:
            tick(file)
        if file.sequence in wanted:
            try:
                tables.append((file, wanted[file.sequence], read_rows(file.path)))
            except LockonError as error:
                notes.append(Note("left out", file.sequence, str(error).replace(f"{found.root}/", "")))
    first, told = origin, True
    if first is None:
        first, told = guess_origin(_first_lines(tables), usual_origin(sequences[0].dataset) if sequences else 1)
    records, masks = [], MaskTexts()
    for file, sequence, rows in tables:
        source = {"format": found.format, "file": file.path.relative_to(found.root).as_posix(), "origin": first}
        try:
            target = ImportTarget(sequence, first_annotated(sequence), first, _frame_size(sequence), masks)
            record, more = build_record(rows, file, target, {"imported": source})
        except LockonError as error:
            notes.append(Note("left out", file.sequence, str(error).removeprefix(f"{file.sequence}: ")))
            continue
        records.append(record)
        notes += more
    have = {record.sequence for record in records}
    return Read(tuple(records), tuple(name for name in sorted(by_name) if name not in have), matched.unknown, first, told, tuple(notes))


def usual_origin(dataset: str) -> int:
    """Number of the first pixel in the dataset's own annotation files, and so in most result files; 1 for a pool of both kinds."""
    members = pool_members(dataset)
    return max(map(annotation_origin, members)) if members else annotation_origin(dataset)


def _first_lines(tables: list[_Table]) -> Iterable[tuple[Any, Any]]:
    """First box and start box of the files that have a line per frame and begin with a box."""
    for file, sequence, rows in tables:
        if len(rows) == len(sequence) and protocol_of(file, rows) == "one-pass":
            start = first_annotated(sequence)
            if rows.kinds[start] == BOX:
                yield rows.boxes[start], sequence.boxes[start]


def _frame_size(sequence: VideoSequence) -> tuple[int, int]:
    """(width, height) from the annotation, else from the first image, else unknown."""
    if sequence.frame_size is not None:
        return sequence.frame_size
    try:
        frame = sequence.frames[0]
    except LockonError:
        return UNKNOWN_SIZE
    return frame.shape[1], frame.shape[0]


def _name_notes(matched: Matched) -> list[Note]:
    other = [Note("other name", name, f"taken for {sequence}") for sequence, name in matched.pairs.items() if name != sequence]
    return [*other, *(Note("doubtful name", text.split()[0], text) for text in matched.doubtful)]


__all__ = ["Read", "read_tracker", "usual_origin"]
