"""A store's results as other toolkits' result files."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lockon._files import write_bytes
from lockon.bench.formats.reading import usual_origin
from lockon.bench.formats.recognise import TOOLKITS
from lockon.bench.protocols.table import PROTOCOLS, protocol_class
from lockon.bench.store import Record, Store
from lockon.errors import LockonError, LockonWarning, unknown_name


@dataclass(frozen=True, slots=True)
class Exported:
    """One tracker whose results were written: its label, how many records and files, and records that the format has no form for."""

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
        store: the results. form: a name of `TOOLKITS`. out: folder of the files; with several datasets one folder for each in it.
        trackers, datasets: which ones; default all.
        origin: number of the first pixel in the files, 0 or 1; default: that of each dataset's annotation files, as the toolkits have it.

    Raises:
        LockonError: unknown format, tracker or dataset, or nothing to write.
    """
    if form not in TOOLKITS:
        raise unknown_name("format", form, TOOLKITS)
    if origin not in (None, 0, 1):
        raise LockonError(f"first pixel {origin}; expected 0 or 1")
    records = {label: all_records(store, label) for label in chosen_labels(store, trackers)}
    names = sorted({one.dataset for found in records.values() for one in found})
    for name in datasets or ():
        if name not in names:
            raise unknown_name("dataset in these results", name, names)
    wanted = set(datasets or names)
    done = []
    for label, found in records.items():
        kept = [one for one in found if one.dataset in wanted]
        written = 0
        covered: Counter[str] = Counter()
        for dataset in sorted({one.dataset for one in kept}):
            folder = Path(out) / dataset if len(wanted) > 1 else Path(out)
            group = [one for one in kept if one.dataset == dataset]
            for parts, text in TOOLKITS[form].write(label, group, (lambda name: origin) if origin is not None else usual_origin):
                write_bytes(folder.joinpath(*parts), text.encode())
                written += 1
                covered[dataset] += is_boxes(parts)
        done.append(Exported(label, sum(covered.values()), written, len(kept) - sum(covered.values())))
    if not any(one.records for one in done):
        raise LockonError(f"{store.folder} has no results that {form} files can hold, but results of {', '.join(_protocols(store))}")
    for one in done:
        if one.left_out:
            warnings.warn(
                f"{one.label}: {one.left_out} results have no form in {form} files and were left out", LockonWarning, stacklevel=2
            )
    return done


def is_boxes(parts: tuple[str, ...]) -> bool:
    """Whether a written file holds boxes, not times or confidences."""
    return not parts[-1].endswith((".value", "_time.txt"))


def all_records(store: Store, label: str) -> list[Record]:
    """A tracker's results of all protocols but the oracle, whose answers know the truth: they belong into nobody else's files."""
    return [record for protocol in PROTOCOLS if not protocol_class(protocol).gives_truth for record in store.records(label, protocol)]


def chosen_labels(store: Store, trackers: Sequence[str] | None) -> list[str]:
    """The trackers that were named, or all.

    Raises:
        LockonError: no results, or an unknown tracker.
    """
    known = store.trackers()
    for label in trackers or ():
        if label not in known:
            raise unknown_name("tracker in these results", label, known)
    return list(dict.fromkeys(trackers or known))


def _protocols(store: Store) -> list[str]:
    return [name for name in PROTOCOLS if any(store.records(label, name) for label in store.trackers())]


__all__ = ["Exported", "all_records", "chosen_labels", "export_results", "is_boxes"]
