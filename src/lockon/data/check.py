"""Checks of a dataset on disk for missing and broken parts: the work behind `lockon data check`.

Everything is listed, nothing stops at the first fault. A problem would make a score wrong or a run stop; a note is a fact
worth knowing (targets that are absent, boxes that reach over the border).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockon.data.check_sequence import Faults, check_sequence
from lockon.data.check_stills import check_set
from lockon.data.completeness import completeness
from lockon.data.datasets import stills
from lockon.data.datasets.bare import json_of
from lockon.data.datasets.parsing import read_text
from lockon.data.datasets.registry import load_readable, scan_dataset
from lockon.data.datasets.table import POOL, STILLS, canonical_name, members, official_list, official_sequences, pool_members
from lockon.data.paths import find_root
from lockon.errors import LockonError

_SHOWN = 10  # names in one line; beyond, their number is enough
Progress = Callable[[int, int, str], None]
"""Called with (items done, items in all, name of the current item)."""


@dataclass(slots=True)
class DataReport:
    """The report on one dataset.

    Attributes:
        dataset: Name of the dataset.
        root: Its folder.
        sequences: Number of sequences that were found (sets for stills).
        frames: Number of frames that were found (images for stills).
        problems: A line each, starting with the sequence's name.
        notes: A line each, starting with the sequence's name.
        listed: Whether the files could be listed at all; the only problem says why not.
    """

    dataset: str
    root: Path
    sequences: int = 0
    frames: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    listed: bool = True

    def add(self, name: str, faults: Faults) -> None:
        """Add the faults of one sequence or set."""
        self.problems += [f"{name}: {text}" for text in faults.problems]
        self.notes += [f"{name}: {text}" for text in faults.notes]
        self.frames += faults.frames


def check_dataset(
    name: str, root: Path | None, *, full: bool = False, subset: bool = False, progress: Progress | None = None
) -> list[DataReport]:
    """Check a dataset; return one report, or one per member for "pool" and pooled sets.

    Args:
        name: Dataset name, a single one or a pooled set.
        root: Its folder, as `lockon.data.paths.find_root` returns it; of a pooled set the folder that holds its members, or
            None to find each of them.
        full: Decode every image and mask instead of the first image of each sequence.
        subset: Sequences of the official list that are not there, cut, or of another size are a note, not a problem.
        progress: Called after each sequence.

    Raises:
        LockonError: Unknown dataset.
    """
    name = canonical_name(name)
    parts = pool_members(name)
    if parts is not None or root is None:
        folders = {part: find_root(part, root) for part in parts or (name,)}
    else:
        folders = members(root) if name == POOL else {name: root}
    return [_check_one(DataReport(member, folder), full, subset, progress) for member, folder in folders.items()]


def _check_one(report: DataReport, full: bool, subset: bool, progress: Progress | None) -> DataReport:
    try:
        if report.dataset == STILLS:
            _check_stills(report, full, progress)
        elif report.root.is_file() and json_of(report.root, report.dataset) is not None:
            sequences, broken = load_readable(report.dataset, report.root)
            if not sequences:
                raise broken[0].error
            report.problems += [str(one.error) for one in broken]
            report.sequences, report.frames = len(sequences), sum(map(len, sequences))
            lengths = {sequence.name: len(sequence) for sequence in sequences} | {one.name: 0 for one in broken}
            _check_list(report, lengths, subset)
        else:
            _check_layout(report, full, subset, progress)
    except LockonError as error:
        report.problems, report.listed = [str(error)], False
    return report


def _check_layout(report: DataReport, full: bool, subset: bool, progress: Progress | None) -> None:
    layout, scanned = scan_dataset(report.dataset, report.root)
    report.sequences = sum(bool(files.frames or files.video) for files in scanned)
    names = Counter(files.name for files in scanned)
    report.problems += [f"{name}: the name occurs {count} times; rename the folders" for name, count in names.items() if count > 1]
    report.notes += layout.overlooked(report.root)
    if not scanned:
        report.problems.append(f"no sequences; expected {layout.expects}")
    complete = official_list(report.dataset)
    total = sum(len(files.frames) for files in scanned)
    lengths: dict[str, int] = {}
    resized = []
    for files in scanned:
        listed = complete.sequences.get(files.name) if complete is not None else None
        faults = check_sequence(files, layout, full=full, listed=listed)
        report.add(files.name, faults)
        lengths[files.name] = faults.boxes
        if listed is not None and listed.size is not None and faults.size not in (None, listed.size):
            resized.append("{} ({}x{} instead of {}x{})".format(files.name, *(faults.size or ()), *listed.size))
        if progress is not None:
            progress(report.frames, total, files.name)
    _check_list(report, lengths, subset)
    if resized:
        text = f"images of another size than the benchmark's: {', '.join(resized[:_SHOWN])}{_more(resized)}"
        (report.notes if subset else report.problems).append(text)


def _check_list(report: DataReport, lengths: Mapping[str, int], subset: bool) -> None:
    """Check for sequences that are missing from, or not in, the dataset's own list.txt or else the official list; and cut ones."""
    faults = report.notes if subset else report.problems
    state = completeness(lengths, report.dataset)
    if state.missing or state.cut:
        report.notes.append(f"{state}, by the list of the complete benchmark")
    listing = report.root / "list.txt"
    expected = read_text(listing).split() if listing.is_file() else official_sequences(report.dataset)
    if expected is not None:
        missing = [name for name in expected if name not in lengths]
        text = f"{len(missing)} of {len(expected)} sequences of the benchmark are missing"
        if missing and not subset:
            names = ", ".join(missing)
            report.problems.append(f"{text}: {names}; if that is meant, add --subset or list what should be there in list.txt")
        elif missing and listing.is_file():
            report.notes.append(f"{text}, by {listing}")
        extra = sorted(name for name in lengths if name not in expected)
        if extra:
            report.notes.append(f"{len(extra)} sequences are not in the benchmark's list: {', '.join(extra)}")
    cut = [f"{sequence.name} ({sequence.frames} of {sequence.expected})" for sequence in state.cut if sequence.frames]
    if cut:
        faults.append(f"other numbers of frames than the benchmark's: {', '.join(cut[:_SHOWN])}{_more(cut)}")


def _more(texts: list[str]) -> str:
    return f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""


def _check_stills(report: DataReport, full: bool, progress: Progress | None) -> None:
    names = stills.list_sets(report.root)
    for done, name in enumerate(names, start=1):
        report.add(name, check_set(report.root / name, full=full))
        report.sequences += 1
        if progress is not None:
            progress(done, len(names), name)
