"""A store's results as other toolkits' result files.

Where the files lie is in `lockon.bench.formats.finding`; here is what stands in them. All but VOT's hold x, y, w, h per frame, pixels
numbered as in the benchmark's annotation. Toolkits name the targets of one video in their own ways: Skating2.1 is Skating2-1 for PySOT
and Skating2_1 for pytracking.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from lockon._files import write_bytes
from lockon._names import check_part, file_name, quoted
from lockon.bench.formats.finding import DEFAULT
from lockon.bench.formats.rows import FAILED_CODE, NOTHING_CODE, STARTED_CODE
from lockon.bench.protocols.table import PROTOCOLS, protocol_class
from lockon.bench.protocols.trajectory import FAILED, SKIPPED, STARTED, Trajectory
from lockon.bench.store import Record, Store
from lockon.data.datasets.table import origin as annotation_origin
from lockon.errors import LockonError, LockonWarning, unknown_name
from lockon.types import FloatArray

DIGITS = 6  # of written coordinates
Origin = Callable[[str], int]
"""Name of a dataset -> number of the first pixel in the written files, 0 or 1."""
Files = Iterator[tuple[tuple[str, ...], str]]
"""Parts of a path below the output folder, and the text, of each file."""
_PYTRACKING_PREFIXES = {"UAV123": "uav_", "NFS30": "nfs_", "NFS240": "nfs_"}  # of the names of sequences, by dataset
_VOT_EXPERIMENTS = {"reset": "baseline", "anchors": "baseline", "realtime": "realtime", "one-pass": "unsupervised"}


@dataclass(frozen=True, slots=True)
class Exported:
    """One tracker whose results were written.

    Attributes:
        label: Its name in the store.
        records: Number of results that were written.
        files: Number of files.
        left_out: Number of results that the format has no form for.
    """

    label: str
    records: int
    files: int
    left_out: int


def export_results(
    store: Store,
    form: str,
    out: str | Path,
    *,
    trackers: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    origin: int | None = None,
) -> list[Exported]:
    """Write result files of a toolkit.

    Args:
        store: The results.
        form: A name of `WRITERS`.
        out: Folder of the files; with several datasets one folder for each in it.
        trackers: Labels of the trackers to write; default: all.
        datasets: Names of the datasets to write; default: all.
        origin: Number of the first pixel in the files, 0 or 1; default: that of each dataset's annotation files, as the toolkits have it.

    Raises:
        LockonError: The format, a tracker or a dataset is unknown, or there is nothing to write.
    """
    if form not in WRITERS:
        raise unknown_name("format", form, WRITERS)
    if origin not in (None, 0, 1):
        raise LockonError(f"first pixel {origin}; expected 0 or 1")
    known = store.trackers()
    for label in trackers or ():
        if label not in known:
            raise unknown_name("tracker in these results", label, known)
    records = {label: all_records(store, label) for label in trackers or known}
    names = sorted({record.dataset for group in records.values() for record in group})
    for name in datasets or ():
        if name not in names:
            raise unknown_name("dataset in these results", name, names)
    wanted = set(datasets or names)
    for label, record in ((label, record) for label, group in records.items() for record in group):
        check_part(record.dataset, f"the dataset of the result of {label} on {quoted(record.sequence)}")
    first_pixel: Origin = annotation_origin if origin is None else lambda _: origin
    exported, written = [], set[Path]()
    for label, group in records.items():
        kept = [record for record in group if record.dataset in wanted]
        count, covered = 0, Counter[str]()
        for dataset in sorted({record.dataset for record in kept}):
            folder = Path(out) / dataset if len(wanted) > 1 else Path(out)
            for parts, text in WRITERS[form](label, [record for record in kept if record.dataset == dataset], first_pixel):
                _write_once(folder.joinpath(*parts), text, written)
                count += 1
                covered[dataset] += not parts[-1].endswith((".value", "_time.txt"))
        exported.append(Exported(label, sum(covered.values()), count, len(kept) - sum(covered.values())))
    if not any(done.records for done in exported):
        others = [name for name in PROTOCOLS if any(store.records(label, name) for label in store.trackers())]
        raise LockonError(f"{store.folder} has no results that {form} files can hold, but results of {', '.join(others)}")
    for done in exported:
        if done.left_out:
            text = f"{done.label}: {done.left_out} results have no form in {form} files and were left out"
            warnings.warn(text, LockonWarning, stacklevel=2)
    return exported


def _write_once(path: Path, text: str, written: set[Path]) -> None:
    """Write a file that is none of those written before: two names may become one where characters are replaced."""
    if path in written:
        raise LockonError(f"two results would be written to {path}; their names differ only in characters that no file name has")
    written.add(path)
    write_bytes(path, text.encode())


def all_records(store: Store, label: str) -> list[Record]:
    """Return a tracker's results of all protocols but the oracle, whose boxes use the truth: they belong into nobody else's files."""
    return [record for protocol in PROTOCOLS if not protocol_class(protocol).gives_truth for record in store.records(label, protocol)]


def _times_file(folder: tuple[str, ...], sequence: str, run: Trajectory) -> Files:
    """Yield the file with one number of seconds per line, where times are known; NaN is 0 as the toolkits have it."""
    if np.isfinite(run.times).any():
        yield (*folder, f"{sequence}_time.txt"), "".join(f"{value:.8f}\n" for value in np.nan_to_num(run.times).tolist())


def write_pysot(tracker: str, records: Sequence[Record], origin: Origin) -> Files:
    """Yield PySOT's files: VOT's codes for runs with resets or anchors, folders for GOT-10k, flat files for the rest."""
    for record in records:
        sequence = target_name(record.sequence, "-")
        folder = (file_name(tracker), sequence)
        if record.protocol != "one-pass":
            yield from write_vot(tracker, [record], origin)
        elif record.dataset.lower().startswith("got"):
            yield (*folder, f"{sequence}_{record.repetition:03d}.txt"), boxes_text(with_start(record), origin(record.dataset))
            if record.repetition == 1:
                yield from _times_file(folder, sequence, record.run)
        elif record.repetition == 1:
            yield (folder[0], f"{sequence}.txt"), boxes_text(with_start(record), origin(record.dataset))


def write_pytracking(tracker: str, records: Sequence[Record], origin: Origin) -> Files:
    """Yield pytracking's files; the format has one-pass runs only."""
    for record in records:
        if record.protocol != "one-pass":
            continue
        folder = (file_name(tracker), f"{DEFAULT}_{record.repetition - 1:03d}")
        sequence = _PYTRACKING_PREFIXES.get(record.dataset, "") + target_name(record.sequence, "_")
        yield (*folder, f"{sequence}.txt"), boxes_text(with_start(record), origin(record.dataset), "\t")
        yield from _times_file(folder, sequence, record.run)


def write_got10k(tracker: str, records: Sequence[Record], origin: Origin) -> Files:
    """Yield the GOT-10k toolkit's files; the format has one-pass runs only.

    Raises:
        LockonError: Repetitions of different lengths.
    """
    chosen = [record for record in records if record.protocol == "one-pass"]
    chosen.sort(key=lambda record: (record.dataset, record.sequence, record.repetition))
    for (dataset, name), group in groupby(chosen, key=lambda record: (record.dataset, record.sequence)):
        sequence, repetitions = file_name(name), list(group)
        folder = (file_name(tracker), sequence)
        lengths = sorted({len(record.run) for record in repetitions})
        if len(lengths) > 1:
            text = f"{tracker} on {quoted(name)}: repetitions of {lengths[0]} and {lengths[-1]} frames are not of one video"
            raise LockonError(f"{text}; run them again with --overwrite")
        for record in repetitions:
            yield (*folder, f"{sequence}_{record.repetition:03d}.txt"), boxes_text(with_start(record), origin(dataset))
        times = np.stack([record.run.times for record in repetitions], axis=1)  # (T, R)
        if np.isfinite(times).any():
            lines = [",".join(f"{value:.8f}" for value in row) for row in np.nan_to_num(times).tolist()]
            yield (*folder, f"{sequence}_time.txt"), "\n".join(lines) + "\n"


def write_vot(tracker: str, records: Sequence[Record], origin: Origin) -> Files:
    """Yield the VOT toolkit's files, in text form."""
    for record in records:
        sequence = file_name(record.sequence)
        number = f"{record.repetition:03d}" if record.anchor is None else f"{record.anchor:08d}"
        folder = (file_name(tracker), _VOT_EXPERIMENTS[record.protocol], sequence)
        yield (*folder, f"{sequence}_{number}.txt"), _vot_regions(record, origin(record.dataset))
        if np.isfinite(record.run.times).any():
            yield (*folder, f"{sequence}_{number}_time.value"), _vot_values(record.run.times)
        if record.protocol == "one-pass" and np.isfinite(record.run.scores).any():
            yield (*folder, f"{sequence}_{number}_confidence.value"), _vot_values(record.run.scores)


WRITERS: dict[str, Callable[[str, Sequence[Record], Origin], Files]] = {
    "pysot": write_pysot,
    "pytracking": write_pytracking,
    "got10k": write_got10k,
    "vot": write_vot,
}


def _vot_regions(record: Record, origin: int) -> str:
    """Return a region per line: 4 numbers, 8 numbers, a mask, or a code (1 started here, 2 failed here, 0 nothing or skipped)."""
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
            lines.append(mask if mask is not None else ",".join(map(_number_text, turned)))
    return "\n".join(lines) + "\n"


def _vot_values(values: FloatArray) -> str:
    """Return one number per line, an empty line where there is none, as the toolkit writes properties."""
    return "".join(f"{'' if np.isnan(value) else format(value, '.8f')}\n" for value in values.tolist())


def with_start(record: Record) -> FloatArray:
    """Return the (T, 4) boxes of a run with its start box in the frames before the start, which other files have no NaN for."""
    boxes: FloatArray = record.run.boxes.copy()
    boxes[: record.run.start] = boxes[record.run.start]
    return boxes


def boxes_text(boxes: FloatArray, origin: int, separator: str = ",") -> str:
    """Return one line x, y, w, h per row of (T, 4) 0-based boxes, with at most `DIGITS` digits; NaN rows say nan four times."""
    shifted = boxes + np.array([origin, origin, 0.0, 0.0])
    return "".join(separator.join(map(_number_text, row)) + "\n" for row in shifted.tolist())


def _number_text(value: float) -> str:
    """Return a number without needless zeros.

    >>> _number_text(12.0), _number_text(0.1 + 0.2), _number_text(float("nan"))
    ('12', '0.3', 'nan')
    """
    text = f"{value:.{DIGITS}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def target_name(name: str, separator: str) -> str:
    """Return the file name of a sequence, with the toolkit's way to number the targets of one video.

    >>> target_name("Skating2.1", "-"), target_name("Skating1", "-")
    ('Skating2-1', 'Skating1')
    """
    return file_name(re.sub(r"\.(\d+)$", rf"{separator}\1", name))


__all__ = ["WRITERS", "Exported", "all_records", "boxes_text", "export_results", "with_start", "write_got10k", "write_vot"]
