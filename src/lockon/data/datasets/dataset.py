"""`Dataset`: what a file of this folder says of the datasets that it reads, so that they are known by name.

A module of this folder with a tuple `DATASETS` is found by `lockon.data.datasets.table`; nothing else has to be edited.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lockon.data.datasets.layout import Layout

Role = Literal["test", "validation", "train", "mixed"]
"""What a dataset is there for. Test sets are there to report on, and no search may see them; "mixed" has parts of several kinds, or is
anybody's own data, so that the names of its folders decide."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset that is known by name.

    Attributes:
        name: How lockon spells it.
        layout: How it lies on disk.
        role: What it is there for. It has no default: a test set that is taken for something else spoils every number on it.
        aliases: Other names of it and of its folder.
        shares: Names of folders that hold it together with others.
        inside: Where in its folder it lies, if not at the top.
        listing: The list in `data/lists` with its sequences' lengths and attributes, where that has another dataset's name.
        select: Returns those of the names in a folder of NAME.txt files that belong to it; None where all do.
    """

    name: str
    layout: Layout
    role: Role
    aliases: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    listing: str | None = None
    select: Callable[[list[str]], list[str]] | None = None


__all__ = ["Dataset", "Role"]
