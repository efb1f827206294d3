"""`load_dataset`: sequences of a benchmark by name, wherever it lies.

>>> sequences = load_dataset("OTB100:/data/OTB100")      # doctest: +SKIP
>>> sequences = load_dataset("VOT2018")                  # root from LOCKON_DATA or the TOML file   # doctest: +SKIP
>>> sequences = load_dataset("pool:/data/validation")    # every benchmark folder there, as one list   # doctest: +SKIP
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

from lockon.data.datasets.table import FOLDER, POOL, STILLS, layout_of, members
from lockon.data.paths import find_root
from lockon.data.sequence import Sequence
from lockon.errors import LockonError


def split_spec(spec: str) -> tuple[str, Path | None]:
    """Name and root of "NAME" or "NAME:ROOT".

    Raises:
        LockonError: an empty name or an empty root.
    """
    name, colon, root = spec.partition(":")
    if not name or (colon and not root):
        raise LockonError(f"dataset {spec!r}; expected NAME or NAME:ROOT, for example OTB100:/data/OTB100")
    return name, Path(root).expanduser() if root else None


def load_dataset(name_or_spec: str, root: Path | str | None = None) -> list[Sequence]:
    """All sequences of a dataset, sorted by name; frames and masks stay on disk until they are indexed.

    Args:
        name_or_spec: a name of `lockon data list`, or NAME:ROOT. "pool" takes every benchmark folder under its root as
            one list; "folder" reads your own data.
        root: the dataset's folder or one that holds it; default: see `lockon.data.paths`.

    Raises:
        LockonError: unknown name, no such folder, or the first sequence that is incomplete or wrongly annotated.
    """
    name, given = split_spec(name_or_spec)
    if given is not None and root is not None:
        raise LockonError(f"dataset {name_or_spec!r} names its root and a root {root} was given too; give one of them")
    layout = layout_of(name)
    if name == STILLS:
        raise LockonError("stills are single images, not sequences; they serve training only: lockon train --help")
    folder = find_root(name, given if given is not None else root)
    if name == POOL:
        return _load_pool(folder)
    sequences = layout.load(folder, name)
    _check_unique(sequences, folder)
    return sequences


def load_videos(root: Path | str) -> list[Sequence]:
    """All sequences in a folder: of the benchmarks that lie there under their names ("pool"), else your own data ("folder").

    Raises:
        LockonError: as `load_dataset`.
    """
    return load_dataset(POOL if members(Path(root)) else FOLDER, root)


def _load_pool(root: Path) -> list[Sequence]:
    """The sequences of all benchmark folders; names that occur in several (whatever the case) become DATASET-NAME."""
    pooled = [sequence for name, folder in members(root).items() for sequence in layout_of(name).load(folder, name)]
    counts = Counter(sequence.name.lower() for sequence in pooled)
    renamed = [
        dataclasses.replace(sequence, name=f"{sequence.dataset}-{sequence.name}") if counts[sequence.name.lower()] > 1 else sequence
        for sequence in pooled
    ]
    _check_unique(renamed, root)
    return renamed


def _check_unique(sequences: list[Sequence], root: Path) -> None:
    names = Counter(sequence.name for sequence in sequences)
    double = [name for name, count in names.items() if count > 1]
    if double:
        raise LockonError(f"{root}: sequence names {', '.join(double[:5])} occur more than once; rename the folders")
