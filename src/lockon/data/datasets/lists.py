"""What complete benchmarks consist of: sequences, their lengths, image numbers, sizes and attributes, read from `data/lists`.

One JSON file per benchmark whose list has a named source; the key "source" of the file names it. Where there is no file,
the folder is the list.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Listed:
    """One sequence of a complete benchmark.

    Attributes:
        frames: Number of annotated frames.
        first: Number of the first of them in the names of the images.
        size: (width, height) of the frames, or None where the list does not say.
        attributes: Names of the benchmark's attributes that hold.
    """

    frames: int
    first: int = 1
    size: tuple[int, int] | None = None
    attributes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Official:
    """A complete benchmark.

    Attributes:
        source: Where the list comes from.
        attributes: Names of its attributes, in the order in which its attribute files have their flags.
        sequences: By name.
    """

    source: str
    attributes: tuple[str, ...]
    sequences: Mapping[str, Listed]

    def canonical(self, name: str) -> str:
        """Return the list's spelling of a sequence name that differs in case or separators (jogging-1 for Jogging.1); else the name."""
        if name in self.sequences:
            return name
        return _spellings(tuple(self.sequences)).get(plain(name), name)

    def get(self, name: str) -> Listed | None:
        """Return a sequence by any of its spellings, or None."""
        return self.sequences.get(self.canonical(name))


def plain(name: str) -> str:
    """Return a name without case and with one kind of separator, so that spellings can be compared.

    >>> plain("Skating2-1") == plain("Skating2.1") == plain("skating2_1")
    True
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


@cache
def _spellings(names: tuple[str, ...]) -> dict[str, str]:
    """Return names by their plain form, without those that share it."""
    counts = Counter(map(plain, names))
    return {plain(name): name for name in names if counts[plain(name)] == 1}


@cache
def _listed_benchmarks() -> frozenset[str]:
    return frozenset(file.name.removesuffix(".json") for file in (resources.files("lockon.data") / "lists").iterdir())


@cache
def official(name: str) -> Official | None:
    """Read the complete benchmark of a dataset's name; None where no list is kept."""
    if name not in _listed_benchmarks():  # a name of anybody's is no path
        return None
    content = json.loads((resources.files("lockon.data") / "lists" / f"{name}.json").read_text(encoding="utf-8"))
    names: dict[str, str] = content.get("attributes", {})
    sequences = {
        sequence: Listed(
            frames=entry["frames"],
            first=entry.get("first", 1),
            size=(entry["size"][0], entry["size"][1]) if "size" in entry else None,
            attributes=frozenset(names[code] for code in entry.get("attributes", "").split()),
        )
        for sequence, entry in content["sequences"].items()
    }
    return Official(content["source"], tuple(names.values()), sequences)
