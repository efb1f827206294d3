"""`lockon bench validate`: what a server would refuse, found before the upload."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lockon.bench.formats.matching import canonical
from lockon.bench.formats.rows import BOX, CODE, Rows, line_numbers, parse_rows
from lockon.bench.formats.vot_binary import binary_lines
from lockon.bench.pack.archive import read_submission
from lockon.bench.pack.servers import Server, get_server
from lockon.data.datasets.table import origin
from lockon.data.sequence import VideoSequence, first_annotated
from lockon.errors import LockonError
from lockon.types import FloatArray

INIT_TOLERANCE = 1.0  # pixels that the first line may differ from the start box: toolkits round


@dataclass(frozen=True, slots=True)
class Validation:
    """What was found in a submission.

    Attributes:
        server: Its name.
        sequences: How many it has.
        files: How many files of boxes.
        problems: What is wrong, a line each.
        notes: What is worth knowing and no mistake.
    """

    server: str
    sequences: int
    files: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


_Expected = tuple[int, FloatArray]  # the frames of a sequence, and its start box as the files number pixels


def validate(path: str | Path, server: str, sequences: Sequence[VideoSequence] | None = None) -> Validation:
    """Check a submission.

    Args:
        path: A zip file or a folder.
        server: A name of `SERVERS`.
        sequences: The dataset (images not needed), for names, numbers of lines and first boxes.

    Raises:
        LockonError: Unknown server, or nothing that can be read at `path`.
    """
    rules = get_server(server)
    expected = {sequence.name: _expected(sequence) for sequence in sequences or ()}
    notes: list[str] = []
    files = dict(read_submission(Path(path)))
    if not files:
        raise LockonError(f"{path} is empty; pack it again")
    files = _without_folder(files, rules, notes)
    problems: list[str] = []
    found: dict[str, list[str]] = {}
    for name, content in files.items():
        boxes = rules.boxes.fullmatch(name)
        if boxes is not None:
            found.setdefault(boxes["name"], []).append(name)
            problems += _check_boxes(name, content, rules, expected.get(boxes["name"]), notes)
        elif not rules.others.fullmatch(name):
            problems.append(f"{name} has no place in a submission to {rules.title}; take it out")
    problems += _check_names(set(found), rules, set(expected), notes)
    problems += () if rules.codes else _check_repetitions(found, files)
    problems += _check_times(found, files) if rules.needs_times else ()
    if rules.name == "vot" and "manifest.yml" not in files:
        problems.append("manifest.yml is missing; the VOT toolkit needs it to know the tracker")
    return Validation(rules.name, len(found), sum(map(len, found.values())), tuple(problems), tuple(dict.fromkeys(notes)))


def _expected(sequence: VideoSequence) -> _Expected:
    return len(sequence), sequence.boxes[first_annotated(sequence)] + np.array([1, 1, 0, 0]) * origin(sequence.dataset)


def _without_folder(files: dict[str, bytes], rules: Server, notes: list[str]) -> dict[str, bytes]:
    """Return the files without the one folder that some packers put around everything."""
    tops = {name.partition("/")[0] for name in files}
    if len(tops) != 1 or any(rules.boxes.fullmatch(name) for name in files):
        return files
    inner = {name.partition("/")[2]: content for name, content in files.items()}
    if not any(rules.boxes.fullmatch(name) for name in inner):
        return files
    notes.append(f"everything lies in a folder {tops.pop()}/ inside; {rules.title} expects it at the top")
    return inner


def _check_names(found: set[str], rules: Server, dataset: set[str], notes: list[str]) -> Iterator[str]:
    wanted = dataset or set(rules.names)
    if not wanted:
        if rules.count and len(found) != rules.count:
            yield f"{len(found)} sequences, expected {rules.count}; give --data NAME:ROOT to learn which"
        notes.append("names of the sequences were not checked; give --data NAME:ROOT")
        return
    missing, extra = sorted(wanted - found), sorted(found - wanted)
    if missing:
        yield f"{len(missing)} of {len(wanted)} sequences are missing: {_some(missing)}"
    if extra:
        near = {canonical(name): name for name in missing}
        meant = [f"{name} (meant {near[canonical(name)]}?)" if canonical(name) in near else name for name in extra]
        yield f"{len(extra)} sequences do not belong to the benchmark: {_some(meant)}"
    if rules.count and dataset and len(dataset) != rules.count:
        notes.append(f"--data has {len(dataset)} sequences, {rules.title} scores {rules.count}")


def _check_boxes(name: str, content: bytes, rules: Server, expected: _Expected | None, notes: list[str]) -> Iterator[str]:
    """Yield everything wrong with one file of boxes."""
    try:
        rows = parse_rows("\n".join(binary_lines(content, name)) if name.endswith(".bin") else _text(content, name), name)
    except LockonError as error:
        yield str(error)
        return
    yield from (str(note) for note in rows.notes)
    if not rules.codes:
        yield from _check_plain(name, content, rows)
    numbers = np.arange(1, len(rows) + 1)
    flat = (rows.kinds == BOX) & ~(rows.boxes[:, 2:] > 0).all(axis=1)
    if flat.any():
        yield f"{name}: width or height is not positive in {line_numbers(numbers[flat].tolist())}"
    anchored = re.search(r"_\d{8}\.", name) is not None
    if expected is None or anchored:
        return
    frames, start = expected
    if len(rows) != frames:
        yield f"{name}: {len(rows)} lines, the sequence has {frames} frames"
    if rules.codes:
        if rows.codes[0] != 1:
            yield f"{name}: line 1 is no code 1, which a run begins with"
    elif rows.kinds[0] == BOX and np.abs(rows.boxes[0] - start).max() > INIT_TOLERANCE:
        shown = [",".join(f"{value:g}" for value in box.tolist()) for box in (rows.boxes[0], start)]
        yield f"{name}: line 1 is {shown[0]}, the start box is {shown[1]}"


def _check_plain(name: str, content: bytes, rows: Rows) -> Iterator[str]:
    """Yield what servers that take boxes alone would refuse: no finite numbers, no commas between them, codes or corners."""
    numbers = np.arange(1, len(rows) + 1)
    empty = rows.kinds != BOX
    codes = rows.kinds == CODE
    if codes.any():
        yield f"{name}: a single number in {line_numbers(numbers[codes].tolist())}, expected x,y,w,h"
    if (empty & ~codes).any():
        yield f"{name}: no finite box in {line_numbers(numbers[empty & ~codes].tolist())}; the server takes no NaN"
    if rows.polygons is not None or rows.masks is not None:
        yield f"{name}: corners or masks, expected x,y,w,h"
    first = content.split(b"\n", 1)[0]
    if first.count(b",") != 3:
        yield f"{name}: the numbers are not separated by commas: {first[:40].decode('ascii', 'replace')!r}"


def _check_repetitions(found: dict[str, list[str]], files: dict[str, bytes]) -> Iterator[str]:
    for name, boxes in sorted(found.items()):
        lengths = sorted({_count(files[path]) for path in boxes})
        if len(lengths) > 1:
            yield f"{name}: repetitions of {lengths[0]} and {lengths[-1]} lines are not of one video"


def _check_times(found: dict[str, list[str]], files: dict[str, bytes]) -> Iterator[str]:
    missing = []
    for name, boxes in sorted(found.items()):
        times = f"{name}/{name}_time.txt"
        if times not in files:
            missing.append(name)
        elif _count(files[times]) != _count(files[boxes[0]]):
            yield f"{times}: {_count(files[times])} lines, {boxes[0]} has {_count(files[boxes[0]])}"
    if missing:
        yield f"the file NAME_time.txt is missing for {len(missing)} sequences: {_some(missing)}"


def _count(content: bytes) -> int:
    return sum(1 for line in content.splitlines() if line.strip())


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LockonError(f"{name} is no text file") from None


def _some(names: Sequence[str], shown: int = 5) -> str:
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")


__all__ = ["Validation", "validate"]
