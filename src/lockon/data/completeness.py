"""Completeness of a benchmark on disk: missing and cut sequences, by the lists of `lockon.data.datasets.lists`.

A metric over a part of a benchmark is not the benchmark's metric. Reports show it with `Completeness`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lockon.data.datasets.lists import Official, official
from lockon.data.datasets.table import known_datasets, pool_members
from lockon.data.sequence import VideoSequence


@dataclass(frozen=True, slots=True)
class Cut:
    """A sequence whose number of frames differs from the benchmark's.

    Attributes:
        name: Name of the sequence.
        frames: Number of frames at hand.
        expected: Number of frames in the benchmark.
    """

    name: str
    frames: int
    expected: int


@dataclass(frozen=True, slots=True)
class Completeness:
    """The completeness of one benchmark.

    Attributes:
        dataset: Name of the benchmark.
        found: Number of sequences that are there and belong to it; all that are there where no list is kept.
        expected: Number of sequences of the complete benchmark, or None where no list is kept.
        missing: Names of the sequences that are not there.
        cut: Sequences with fewer (or more) frames than the benchmark has.
        extra: Names of sequences that do not belong to it.
    """

    dataset: str
    found: int
    expected: int | None
    missing: tuple[str, ...] = ()
    cut: tuple[Cut, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def complete(self) -> bool | None:
        """Whether it is exactly the benchmark; None where no list is kept."""
        return None if self.expected is None else not (self.missing or self.cut or self.extra)

    def __str__(self) -> str:
        """Return the state for a report: "100 of 100 sequences", "41 of 100 sequences, 3 cut", "41 sequences (no list to compare with)"."""
        if self.expected is None:
            return f"{self.found} sequences (no list to compare with)"
        parts = [f"{self.found} of {self.expected} sequences"]
        parts += [f"{len(self.cut)} cut"] if self.cut else []
        parts += [f"{len(self.extra)} that are not in the list"] if self.extra else []
        return ", ".join(parts)


def completeness(sequences: Iterable[VideoSequence] | Mapping[str, int], dataset: str) -> Completeness:
    """Compare the sequences at hand with the complete benchmark.

    Args:
        sequences: Sequences, or their names with their numbers of frames (results know those without the data).
        dataset: The benchmark, a single one or a pooled set; a name that is no benchmark has no list.
    """
    frames = dict(sequences) if isinstance(sequences, Mapping) else {sequence.name: len(sequence) for sequence in sequences}
    listed = _expected(dataset)
    if listed is None:
        return Completeness(dataset, len(frames), None)
    there = {listed.canonical(name): count for name, count in frames.items()}
    cut = [Cut(name, count, full.frames) for name, count in there.items() if (full := listed.sequences.get(name)) and full.frames != count]
    missing = tuple(name for name in listed.sequences if name not in there)
    extra = tuple(sorted(name for name in there if name not in listed.sequences))
    return Completeness(dataset, len(there) - len(extra), len(listed.sequences), missing, tuple(cut), extra)


def _expected(dataset: str) -> Official | None:
    """Return the list of a dataset, or of all members of a pooled set; None if any of them has none."""
    parts = pool_members(dataset)
    if parts is None:
        return official(dataset) if dataset in known_datasets() else None
    lists = {part: full for part in parts if (full := official(part)) is not None}
    if len(lists) < len(parts):
        return None
    named = [(part, name, listed) for part, full in lists.items() for name, listed in full.sequences.items()]
    counts = Counter(name.lower() for _, name, _ in named)
    return Official(
        " and ".join(lists), (), {f"{part}-{name}" if counts[name.lower()] > 1 else name: listed for part, name, listed in named}
    )
