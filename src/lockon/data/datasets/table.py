"""The datasets that lockon knows by name: collected from the files of this folder, with their other names and the pooled sets."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache
from pathlib import Path
from typing import NoReturn

from lockon.data import datasets as _folder
from lockon.data.datasets import stills
from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, list_folders
from lockon.data.datasets.lists import Official, official, plain
from lockon.errors import LockonError, unknown_name

# The order of the datasets is that of a pool's sequences, and so of what a seed draws from them. Files that are not named come last.
_FIRST = ("otb", "uav123", "uavdt", "tc128", "nfs", "vot", "got10k", "lasot", "trackingnet", "tnl2k", "davis", "folder")
POOLS: dict[str, tuple[str, ...]] = {  # several datasets, scored as one
    "NUO323": ("NFS30", "UAV123", "OTB100"),  # DuML
    "TC128+NFS30+UAV123": ("TC128", "NFS30", "UAV123"),  # RBO, table 4
}
FOLDER = "folder"
POOL = "pool"
STILLS = "stills"


@cache
def known_datasets() -> dict[str, Dataset]:
    """Return all single datasets by name: those of each module of this folder that has a tuple `DATASETS`.

    Raises:
        LockonError: Two of them have the same name.
    """
    known: dict[str, Dataset] = {}
    for name in sorted((module.name for module in pkgutil.iter_modules(_folder.__path__)), key=_place):
        for dataset in getattr(importlib.import_module(f"{_folder.__name__}.{name}"), "DATASETS", ()):
            if dataset.name in known:
                raise LockonError(f"two datasets are called {dataset.name}; rename the one in {_folder.__name__}.{name}")
            known[dataset.name] = dataset
    return known


def _place(module: str) -> tuple[int, str]:
    return _FIRST.index(module) if module in _FIRST else len(_FIRST), module


def members(root: Path) -> dict[str, Path]:
    """Return the benchmark folders under a root by dataset name: root/OTB100, root/VOT2018, ... in any spelling."""
    known, folders = known_datasets(), dict[str, Path]()
    for child in list_folders(root):
        name = child.name if child.name in known else resolve(child.name)
        if name is not None and (name not in folders or child.name == name):
            folders[name] = child
    return {
        name: folders[name]
        for name, dataset in known.items()
        if name != FOLDER and name in folders and dataset.layout.is_root(folders[name])
    }


def _no_sequences(place: object) -> NoReturn:
    raise TypeError(f"{place} belongs to a layout without sequences")


_POOL_EXPECTS = "several benchmark folders by their names, such as OTB100/ and VOT2018/"
_SPECIAL = {
    POOL: Layout(POOL, _POOL_EXPECTS, lambda root: bool(members(root)), _no_sequences, _no_sequences),
    STILLS: Layout(STILLS, f"SET/{stills.ANNOTATIONS} and SET/images/", stills.is_root, _no_sequences, _no_sequences),
}


def known_names() -> list[str]:
    """Return all names: of single datasets, of pooled sets, "pool" and "stills"."""
    return [*known_datasets(), *POOLS, *_SPECIAL]


def squeezed(name: str) -> str:
    """Return a name without case and separators: GOT-10k_val and got10kval are the same."""
    return plain(name).replace("_", "")


def resolve(name: str) -> str | None:
    """Return the dataset that a name means in any spelling, or None if there is none."""
    names, known = known_names(), known_datasets()
    if name in names:
        return name
    wanted = squeezed(name)
    for candidate in names:
        aliases = known[candidate].aliases if candidate in known else ()
        if "+" not in name and wanted in map(squeezed, (candidate, *aliases)):
            return candidate
    return None


def canonical_name(name: str) -> str:
    """Return the name as lockon spells it; of A+B, a pooled set, the names of both.

    Raises:
        LockonError: The name is unknown; the nearest ones are suggested.
    """
    if name in POOLS:
        return name
    names = []
    for part in name.split("+"):
        canonical = resolve(part)
        if canonical is None or ("+" in name and canonical not in known_datasets()):
            raise unknown_dataset(part)
        names.append(canonical)
    return "+".join(names)


def unknown_dataset(name: str) -> LockonError:
    """Return the error for a name that no dataset has, with the nearest names in any spelling."""
    by_plain = {squeezed(known): known for known in known_names()}
    wanted = squeezed(name)
    near = [known for plain_name, known in by_plain.items() if wanted and plain_name.startswith(wanted)]
    near += [by_plain[match] for match in difflib.get_close_matches(wanted, by_plain, n=3, cutoff=0.5) if by_plain[match] not in near]
    if not near:
        return unknown_name("dataset", name, known_names())
    choice = " or ".join(repr(known) for known in near[:3])
    return LockonError(f"unknown dataset {name!r}; did you mean {choice}? known: {', '.join(known_names())}")


def pool_members(name: str) -> tuple[str, ...] | None:
    """Return the datasets of a pooled set, by its name or as A+B; None for a single dataset."""
    if name in POOLS:
        return POOLS[name]
    return tuple(name.split("+")) if "+" in name else None


def layout_of(name: str) -> Layout:
    """Return the layout of a dataset.

    Raises:
        LockonError: The name is unknown; the nearest ones are suggested.
    """
    canonical = resolve(name) or ""
    if canonical in _SPECIAL:
        return _SPECIAL[canonical]
    if canonical not in known_datasets():
        raise unknown_dataset(name)
    return known_datasets()[canonical].layout


def origin(name: str) -> int:
    """Return the number of the first pixel, 0 or 1, in a dataset's annotation files (and in result files that toolkits write for it).

    It is 1 for a pooled set of both kinds.

    Raises:
        LockonError: The name is unknown.
    """
    return max(layout_of(part).origin for part in pool_members(name) or (name,))


def official_list(name: str) -> Official | None:
    """Return the list with the lengths and attributes of a dataset's sequences, or None where none is kept."""
    dataset = known_datasets().get(name)
    return official(dataset.listing if dataset is not None and dataset.listing is not None else name)


def official_sequences(name: str) -> list[str] | None:
    """Return the names of the sequences that the complete benchmark has, or None where no list is kept."""
    complete = official(name)
    return None if complete is None else list(complete.sequences)
