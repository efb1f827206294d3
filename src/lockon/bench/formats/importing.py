"""Result files into a store, so that `lockon bench report` scores them without running anything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lockon.bench.formats.reading import Read, read_tracker
from lockon.bench.formats.recognise import RecognisedFormat, find_results
from lockon.bench.formats.tree import ResultFile
from lockon.bench.store import Store
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError, unknown_name

CONFIGURATION = "result files"
_NOT_IN_LABELS = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True, slots=True)
class Imported:
    """One tracker whose results were read.

    Attributes:
        label: its name in the store. name: as the results call it. dataset: name.
        records: how many there are, by protocol. same: how many the store had already, with the same answers.
        expected: sequences of the dataset. read: what was read, with notes and what is missing.
    """

    label: str
    name: str
    dataset: str
    records: dict[str, int]
    same: int
    expected: int
    read: Read

    @property
    def sequences(self) -> int:
        """How many of the `expected` sequences it has."""
        return self.expected - len(self.read.missing)

    @property
    def partial(self) -> bool:
        """Whether its figures are of a part of the dataset."""
        return bool(self.read.missing)


def import_results(
    root: str | Path,
    sequences: Sequence[VideoSequence],
    out: str | Path,
    *,
    form: str = "auto",
    trackers: Sequence[str] | None = None,
    origin: int | None = None,
    overwrite: bool = False,
    found: RecognisedFormat | None = None,
    report: Callable[[Imported], None] | None = None,
    tick: Callable[[ResultFile], None] | None = None,
) -> list[Imported]:
    """Read the result files of one dataset into a store.

    Args:
        root: folder of the results. sequences: the dataset's, images not needed.
        out: folder of the store.
        form: a name of `TOOLKITS`, or "auto".
        trackers: names to read, as the results or the store call them; default all.
        origin: number of the first pixel in the files, 0 or 1; default: as their first lines tell.
        overwrite: replace results of the same sequence with other answers.
        found: what `find_results` said, where it was asked already.
        report: called after each tracker. tick: called after each file.

    Returns:
        One value per tracker, by label.

    Raises:
        LockonError: no result files, unknown trackers, an origin that is neither 0 nor 1, no sequences or several datasets, or
            results in the store that differ.
    """
    datasets = {sequence.dataset for sequence in sequences}
    if len(datasets) != 1:
        raise LockonError(f"sequences of {len(datasets)} datasets given ({', '.join(sorted(datasets))}); import one dataset at a time")
    if origin not in (None, 0, 1):
        raise LockonError(f"first pixel {origin}; expected 0 or 1")
    dataset = datasets.pop()
    found = found or find_results(root, form, dataset)
    labels = _labels({file.tracker for file in found.files})
    done = []
    for name in _chosen(trackers, labels):
        read = read_tracker(found, name, sequences, origin=origin, tick=tick)
        same = _save(Store(out), labels[name], name, read, overwrite)
        counts = dict(Counter(str(record.protocol) for record in read.records))
        done.append(Imported(labels[name], name, dataset, counts, same, len(sequences), read))
        if report is not None:
            report(done[-1])
    return done


def _labels(names: Iterable[str]) -> dict[str, str]:
    """A label for each tracker: its name, with an underscore for what a label may not have.

    Raises:
        LockonError: two names have one label.
    """
    labels = {name: _NOT_IN_LABELS.sub("_", name).lstrip("_.-+") or "tracker" for name in sorted(names)}
    double = [label for label, count in Counter(labels.values()).items() if count > 1]
    if double:
        names = [name for name, label in labels.items() if label == double[0]]
        raise LockonError(f"trackers {' and '.join(map(repr, names))} would both be called {double[0]}; rename one of the folders")
    return labels


def _chosen(wanted: Sequence[str] | None, labels: dict[str, str]) -> list[str]:
    """Names of the trackers to read."""
    if not wanted:
        return list(labels)
    known = {**{label: name for name, label in labels.items()}, **{name: name for name in labels}}
    for name in wanted:
        if name not in known:
            raise unknown_name("tracker in these results", name, known)
    return [known[name] for name in dict.fromkeys(wanted)]


def _save(store: Store, label: str, name: str, read: Read, overwrite: bool) -> int:
    """Writes what is new; the number of records that were there already.

    Raises:
        LockonError: the store has other answers for one of them, or other results under the label.
    """
    if not read.records:
        return 0
    store.claim(label, {"name": name, "imported": CONFIGURATION}, 0, overwrite=overwrite)
    protocols = {record.protocol for record in read.records}
    old = {(one.dataset, one.sequence, one.run_key): one for protocol in protocols for one in store.records(label, protocol)}
    same = 0
    for record in read.records:
        there = old.get((record.dataset, record.sequence, record.run_key))
        if there is not None and there.same_answers(record) and np.array_equal(there.truth, record.truth, equal_nan=True):
            same += 1
        elif there is not None and not overwrite:
            path = store.path(label, record.dataset, record.sequence, record.run_key)
            raise LockonError(f"{path} holds other answers of {label}; give --overwrite or another --out")
        else:
            store.save(label, record)
    return same


__all__ = ["CONFIGURATION", "Imported", "import_results"]
