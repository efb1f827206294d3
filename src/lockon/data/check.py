"""What is missing or broken in a dataset on disk: the work behind `lockon data check`.

Everything is listed, nothing stops at the first fault. A problem is what would make a score wrong or a run stop; a note is
what is worth knowing (targets that are absent, boxes that reach over the border).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lockon.data.check_sequence import check_sequence
from lockon.data.check_stills import check_set
from lockon.data.datasets import stills
from lockon.data.datasets.layout import SequenceFiles
from lockon.data.datasets.parsing import read_text
from lockon.data.datasets.table import FOLDER, POOL, STILLS, layout_of, members, official_sequences
from lockon.errors import LockonError

Progress = Callable[[int, int, str], None]
"""Called with (items done, items in all, what is being read)."""


@dataclass(slots=True)
class Report:
    """What was found in one dataset.

    Attributes:
        dataset, root: what was checked and where it lies.
        sequences, frames: how many of each were found (sets and images for stills).
        problems, notes: one line each, starting with the sequence's name.
    """

    dataset: str
    root: Path
    sequences: int = 0
    frames: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_dataset(name: str, root: Path, *, full: bool = False, subset: bool = False, progress: Progress | None = None) -> list[Report]:
    """Checks a dataset; one report, or one per member for "pool".

    Args:
        name: dataset name.
        root: its folder, as `lockon.data.paths.find_root` returns it.
        full: decode every image and mask instead of the first image of each sequence.
        subset: a sequence of the official list that is not there is a note, not a problem.
        progress: called after each sequence.

    Raises:
        LockonError: unknown dataset.
    """
    layout_of(name)
    if name == POOL:
        return [
            report
            for member, folder in members(root).items()
            for report in check_dataset(member, folder, full=full, subset=subset, progress=progress)
        ]
    report = Report(name, root)
    try:
        if name == STILLS:
            _check_stills(report, full, progress)
        else:
            _check_layout(report, full, subset, progress)
    except LockonError as error:  # the files cannot even be listed
        report.problems.append(str(error))
    return [report]


def _check_layout(report: Report, full: bool, subset: bool, progress: Progress | None) -> None:
    layout = layout_of(report.dataset)
    found = layout.scan(report.root)
    report.sequences = sum(bool(files.frames or files.video) for files in found)
    _check_names(report, found, subset)
    total = sum(len(files.frames) for files in found)
    for files in found:
        faults = check_sequence(files, layout, full=full, numbered=report.dataset != FOLDER)
        report.problems += [f"{files.name}: {text}" for text in faults.problems]
        report.notes += [f"{files.name}: {text}" for text in faults.notes]
        report.frames += faults.frames
        if progress is not None:
            progress(report.frames, total, files.name)


def _check_names(report: Report, found: list[SequenceFiles], subset: bool) -> None:
    """Sequences that are missing from, or not in, the dataset's own list.txt or else the official list."""
    names = Counter(files.name for files in found)
    report.problems += [f"{name}: the name occurs {count} times; rename the folders" for name, count in names.items() if count > 1]
    if not found:
        report.problems.append(f"no sequences; expected {layout_of(report.dataset).expects}")
    listing = report.root / "list.txt"
    expected = read_text(listing).split() if listing.is_file() else official_sequences(report.dataset)
    if expected is None:
        return
    missing = [name for name in expected if name not in names]
    if missing:
        text = f"{len(missing)} of {len(expected)} sequences of the benchmark are missing"
        if subset:
            report.notes.append(text)
        else:
            report.problems.append(f"{text}: {', '.join(missing)}; if that is meant, add --subset or list what should be there in list.txt")
    extra = sorted(name for name in names if name not in expected)
    if extra:
        report.notes.append(f"{len(extra)} sequences are not in the benchmark's list: {', '.join(extra)}")


def _check_stills(report: Report, full: bool, progress: Progress | None) -> None:
    names = stills.list_sets(report.root)
    for done, name in enumerate(names, start=1):
        faults = check_set(report.root / name, full=full)
        report.problems += [f"{name}: {text}" for text in faults.problems]
        report.notes += [f"{name}: {text}" for text in faults.notes]
        report.frames += faults.frames
        report.sequences += 1
        if progress is not None:
            progress(done, len(names), name)
