"""How much of each benchmark a folder of results is of: a subset, cut sequences or resized images must not pass for the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lockon.bench.report.model import Coverage
from lockon.bench.store import Record
from lockon.data.completeness import completeness
from lockon.data.datasets.lists import Listed
from lockon.data.datasets.table import official_list


def coverage(records: Iterable[Record]) -> tuple[Coverage, ...]:
    """Return one entry per dataset, by name.

    Args:
        records: Of all trackers.
    """
    found: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        found.setdefault(record.dataset, {}).setdefault(own_name(record), []).append(record)
    return tuple(_coverage(dataset, sequences) for dataset, sequences in sorted(found.items()))


def _coverage(dataset: str, sequences: Mapping[str, Sequence[Record]]) -> Coverage:
    frames = {name: max(int(record.frames.max()) + 1 for record in records) for name, records in sequences.items()}
    resized = []
    for name, records in sequences.items():
        listed = listed_sequence(records[0])
        if listed is not None and listed.size is not None and records[0].run.bounds not in (None, listed.size):
            resized.append(name)
    return Coverage(completeness(frames, dataset), tuple(resized))


def listed_sequence(record: Record) -> Listed | None:
    """Return what the benchmark's list says of a sequence, if there is a list and it has it."""
    whole = official_list(record.dataset)
    return None if whole is None else whole.get(own_name(record))


def own_name(record: Record) -> str:
    """Return the name in the benchmark: a pool of several writes DATASET-NAME where two have a sequence of one name."""
    return record.sequence.removeprefix(f"{record.dataset}-")


def coverage_note(item: Coverage, shown: int = 5) -> str:
    """Return half a sentence.

    >>> from lockon.data.completeness import Completeness, Cut
    >>> coverage_note(Coverage(Completeness("OTB100", 1, 3, ("Biker", "Bird1"), (Cut("Dog1", 200, 1350),))))
    'OTB100: 1 of 3 sequences (missing: Biker, Bird1), 1 of another length (Dog1: 200 of 1350 frames)'
    """
    there = item.there
    if there.expected is None:
        return f"{there.dataset}: {there}"
    text = f"{there.dataset}: {there.found} of {there.expected} sequences"
    if there.missing:
        text += f" (missing: {_some(there.missing, shown)})"
    if there.cut:
        cut = [f"{one.name}: {one.frames} of {one.expected} frames" for one in there.cut]
        text += f", {len(cut)} of another length ({_some(cut, shown)})"
    if item.resized:
        text += f", {len(item.resized)} with images of another size ({_some(item.resized, shown)})"
    if there.extra:
        text += f", {len(there.extra)} that are not in its list ({_some(there.extra, shown)})"
    return text


def _some(names: Sequence[str], shown: int) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")


__all__ = ["coverage", "coverage_note", "listed_sequence", "own_name"]
