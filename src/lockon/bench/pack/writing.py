"""`lockon bench pack`: stored results as a submission."""

from __future__ import annotations

import json
import platform
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lockon import __version__
from lockon._names import file_name
from lockon.bench.formats.exporting import all_records, boxes_text, with_start, write_got10k, write_vot
from lockon.bench.pack.archive import write_submission
from lockon.bench.pack.servers import Server, get_server
from lockon.bench.store import Record, Store
from lockon.data.datasets.table import origin
from lockon.errors import LockonError, LockonWarning, unknown_name
from lockon.types import FloatArray


@dataclass(frozen=True, slots=True)
class Packed:
    """A written submission: its path, the tracker, how many sequences and files it has, and the sequences that it lacks."""

    path: Path
    label: str
    sequences: int
    files: int
    missing: tuple[str, ...]


def pack(
    store: Store, server: str, out: str | Path, *, tracker: str | None = None, dataset: str | None = None, partial: bool = False
) -> Packed:
    """Write the submission of one tracker.

    Args:
        store: The results.
        server: A name of `SERVERS`.
        out: A .zip file, or a folder.
        tracker: Label; may be left out where the store has one tracker.
        dataset: Name; may be left out where the store has one that the server scores.
        partial: Write it although sequences are missing, which no server scores fully.

    Raises:
        LockonError: Unknown names, a choice that is missing, no results for this server, or missing sequences.
    """
    rules = get_server(server)
    label = _only("tracker", tracker, store.trackers(), "--tracker")
    records = [one for one in all_records(store, label) if rules.name == "vot" or one.protocol == "one-pass"]
    name = _dataset(rules, dataset, sorted({one.dataset for one in records}), label)
    records = [one for one in records if one.dataset == name]
    have = {one.sequence for one in records}
    wanted = rules.names or _names_of(store, name)
    missing = tuple(one for one in wanted if one not in have)
    short = rules.count - len(have) if rules.count and not rules.names else len(missing)
    if short > 0 and not partial:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        of = rules.count or len(wanted)
        raise LockonError(
            f"{label} has {len(have)} of {of} sequences of {name}{f' (missing: {shown})' if shown else ''}; "
            f"run the rest with `lockon bench run`, or give --partial"
        )
    files = [(path, text.encode()) for path, text in _FILES[rules.name](label, records, rules)]
    write_submission(Path(out), files)
    return Packed(Path(out), label, len(have), len(files), missing)


def _only(kind: str, given: str | None, known: Sequence[str], option: str) -> str:
    """Return the one that was named, or the only one."""
    if given is not None:
        if given not in known:
            raise unknown_name(f"{kind} in these results", given, known)
        return given
    if len(known) != 1:
        raise LockonError(f"these results are of {len(known)} {kind}s ({', '.join(known)}); choose one with {option}")
    return known[0]


def _dataset(rules: Server, given: str | None, known: Sequence[str], label: str) -> str:
    fitting = [name for name in known if not rules.dataset or name == rules.dataset]
    if given is None and not fitting:
        wanted = rules.dataset or "any dataset"
        raise LockonError(
            f"{label} has no results on {wanted}, which {rules.title} scores, but on {', '.join(known) or 'nothing'}; "
            "run it there, or name what to send with --dataset"
        )
    return _only("dataset", given, known if given is not None else fitting, "--dataset")


def _names_of(store: Store, dataset: str) -> tuple[str, ...]:
    """Return the sequences that any tracker of the store has, where the server's own names are not known."""
    return tuple(sorted({one.sequence for label in store.trackers() for one in all_records(store, label) if one.dataset == dataset}))


def _filled(record: Record) -> FloatArray:
    """Return the (T, 4) boxes with the last known one in frames that have none: servers do not take NaN."""
    boxes = with_start(record)
    known = np.isfinite(boxes).all(axis=1)
    last = np.maximum.accumulate(np.where(known, np.arange(len(boxes)), 0))
    if not known.all():
        text = f"{record.sequence}: {int((~known).sum())} frames without a box got the one before, because the server takes no NaN"
        warnings.warn(text, LockonWarning, stacklevel=2)
    filled: FloatArray = boxes[last]
    return filled


def _got10k(label: str, records: Sequence[Record], rules: Server) -> Iterator[tuple[str, str]]:
    whole = [replace(one, run=replace(one.run, boxes=_filled(one), times=np.nan_to_num(one.run.times))) for one in records]
    for parts, text in write_got10k(label, whole, origin):
        yield "/".join(parts[1:]), text
    for record in records:
        if record.repetition == 1 and not np.isfinite(record.run.times).any():
            warnings.warn(f"{record.sequence}: no times are known; {rules.title} wants them", LockonWarning, stacklevel=2)


def _trackingnet(label: str, records: Sequence[Record], rules: Server) -> Iterator[tuple[str, str]]:
    for record in records:
        if record.repetition == 1:
            yield f"{file_name(record.sequence)}.txt", boxes_text(_filled(record), origin(record.dataset))


def _vot(label: str, records: Sequence[Record], rules: Server) -> Iterator[tuple[str, str]]:
    for parts, text in write_vot(label, records, origin):
        yield "/".join(parts[1:]), text
    year = records[0].dataset.lower()
    described = {
        "identifier": label,
        "toolkit": f"lockon {__version__}",
        "stack": year if year in ("vot2013", "vot2014", "vot2017") else f"{year}/shortterm",
        "platform": sys.platform,
        "python": platform.python_version(),
    }
    yield "manifest.yml", "".join(f"{key}: {json.dumps(value)}\n" for key, value in described.items())


_FILES = {"got10k": _got10k, "trackingnet": _trackingnet, "vot": _vot}

__all__ = ["Packed", "pack"]
