"""The datasets that lockon knows by name: the layout of each, and what else they are called."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lockon.data.datasets import davis, folder, got10k, lasot, nfs, otb, stills, tc128, trackingnet, uav123, uavdt, vot
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, list_folders
from lockon.data.datasets.lists import Official, official, plain
from lockon.errors import LockonError, unknown_name

Select = Callable[[list[str]], list[str]]


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset.

    Attributes:
        layout: how it lies on disk.
        aliases: other names of it and of its folder.
        shares: names of folders that hold it together with others.
        inside: where in its folder it lies, if not at the top.
        listing: the list in `data/lists` with its sequences' lengths and attributes, where that has another dataset's name.
        select: which names of a folder of NAME.txt belong to it, where that are not all.
    """

    layout: Layout
    aliases: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    listing: str | None = None
    select: Select | None = None


def _listed(names: list[str], name: str) -> list[str]:
    complete = official(name)
    return [one for one in names if complete is None or complete.get(one) is not None]


def _uav(name: str, shares: tuple[str, ...] = ()) -> Dataset:
    return Dataset(uav123.layout(name), shares=shares, select=partial(uav123.select, dataset=name))


def _vot(year: int) -> Dataset:
    return Dataset(vot.LAYOUT, (f"VOT{year % 100}", f"VOT-ST{year}"), inside=("sequences",))  # as the VOT toolkit unpacks it


def _got10k(part: got10k.Part) -> Dataset:
    name = part.lower()
    return Dataset(got10k.layout(part), shares=("GOT10k",), inside=(name, f"full_data/{name}"))


DATASETS: dict[str, Dataset] = {
    "OTB100": Dataset(otb.layout("OTB100"), ("OTB2015", "TB100")),
    "OTB50": Dataset(otb.layout("OTB100"), ("TB50",), listing="OTB100"),
    "TinyTLP": Dataset(otb.layout()),
    "TLP": Dataset(otb.layout()),
    "DTB70": Dataset(otb.layout("DTB70", "{:05d}.jpg"), ("DTB",)),
    "AntiUAV": Dataset(otb.layout()),
    "UAV123": _uav("UAV123"),
    "UAV123_10fps": _uav("UAV123_10fps"),
    "UAV20L": _uav("UAV20L", shares=("UAV123",)),
    "UAVDT": Dataset(uavdt.LAYOUT),
    "TC128": Dataset(tc128.LAYOUT, ("TempleColor128", "TempleColor", "TColor128")),
    "NFS30": Dataset(nfs.layout(30), shares=("NFS", "NeedForSpeed")),
    "NFS240": Dataset(nfs.layout(240), shares=("NFS", "NeedForSpeed")),
    "VOT2016": _vot(2016),
    "VOT2017": _vot(2017),
    "VOT2018": _vot(2018),
    "VOT2019": _vot(2019),
    "VOT2020": _vot(2020),
    "GOT10k_val": _got10k("Val"),
    "GOT10k_test": _got10k("Test"),
    "GOT10k_train": _got10k("Train"),
    "LaSOT": Dataset(lasot.layout("test"), ("LaSOT_test", "LaSOTBenchmark", "LaSOTTesting"), select=partial(_listed, name="LaSOT")),
    "LaSOT_train": Dataset(lasot.layout("train"), shares=("LaSOT", "LaSOTBenchmark")),
    "TrackingNet": Dataset(trackingnet.layout(test=True), ("TrackingNet_test",)),
    "TrackingNet_train": Dataset(trackingnet.layout(test=False), shares=("TrackingNet",)),
    "TNL2K": Dataset(lasot.TNL2K, ("TNL2K_test", "TNL2K_test_subset"), inside=("TNL2K_test_subset",)),
    "DAVIS2016": Dataset(davis.LAYOUT_2016, ("DAVIS16",), shares=("DAVIS",)),
    "DAVIS2017": Dataset(davis.LAYOUT_2017, ("DAVIS17",), shares=("DAVIS",)),
    "folder": Dataset(folder.LAYOUT),  # your own data
}
POOLS: dict[str, tuple[str, ...]] = {  # several datasets, scored as one
    "NUO323": ("NFS30", "UAV123", "OTB100"),  # DuML
    "TC128+NFS30+UAV123": ("TC128", "NFS30", "UAV123"),  # RBO, table 4
}
FOLDER = "folder"
POOL = "pool"
STILLS = "stills"


def members(root: Path) -> dict[str, Path]:
    """The benchmark folders under a root, by dataset name: root/OTB100, root/VOT2018, ... in any spelling."""
    folders: dict[str, Path] = {}
    for child in list_folders(root):
        name = child.name if child.name in DATASETS else resolve(child.name)
        if name is not None and (name not in folders or child.name == name):
            folders[name] = child
    return {
        name: folders[name]
        for name, dataset in DATASETS.items()
        if name != FOLDER and name in folders and dataset.layout.is_root(folders[name])
    }


def _no_files(_: Path) -> list[SequenceFiles]:
    return []


def _no_truth(files: SequenceFiles) -> Truth:
    raise TypeError(f"{files.name} belongs to a layout without sequences")


_SPECIAL = {
    POOL: Layout(
        "pool",
        "several benchmark folders by their names, such as OTB100/ and VOT2018/",
        lambda root: bool(members(root)),
        _no_files,
        _no_truth,
    ),
    STILLS: Layout("stills", f"SET/{stills.ANNOTATIONS} and SET/images/", stills.is_root, _no_files, _no_truth),
}


def known_names() -> list[str]:
    """All dataset names, in the order of the table."""
    return [*DATASETS, *POOLS, *_SPECIAL]


def squeezed(name: str) -> str:
    """A name without case and separators: GOT-10k_val and got10kval are the same."""
    return plain(name).replace("_", "")


def resolve(name: str) -> str | None:
    """The dataset that a name means in any spelling, or None if there is none."""
    names = known_names()
    if name in names:
        return name
    wanted = squeezed(name)
    for one in names:
        aliases = DATASETS[one].aliases if one in DATASETS else ()
        if "+" not in name and wanted in map(squeezed, (one, *aliases)):
            return one
    return None


def canonical_name(name: str) -> str:
    """The name as lockon spells it; of A+B, a pooled set, the names of both.

    Raises:
        LockonError: unknown name; the nearest ones are suggested.
    """
    if name in POOLS:
        return name
    found = []
    for part in name.split("+"):
        one = resolve(part)
        if one is None or ("+" in name and one not in DATASETS):
            raise unknown_dataset(part)
        found.append(one)
    return "+".join(found)


def unknown_dataset(given: str) -> LockonError:
    """The error for a name that no dataset has, with the nearest names in any spelling."""
    by_plain = {squeezed(name): name for name in known_names()}
    wanted = squeezed(given)
    near = [name for plain_name, name in by_plain.items() if wanted and plain_name.startswith(wanted)]
    near += [by_plain[one] for one in difflib.get_close_matches(wanted, by_plain, n=3, cutoff=0.5) if by_plain[one] not in near]
    if not near:
        return unknown_name("dataset", given, known_names())
    choice = " or ".join(repr(name) for name in near[:3])
    return LockonError(f"unknown dataset {given!r}; did you mean {choice}? known: {', '.join(known_names())}")


def pool_members(name: str) -> tuple[str, ...] | None:
    """The datasets of a pooled set, by its name or as A+B; None for a single dataset."""
    if name in POOLS:
        return POOLS[name]
    return tuple(name.split("+")) if "+" in name else None


def dataset_of(name: str) -> Dataset:
    """A single dataset by its name.

    Raises:
        LockonError: unknown name; the nearest ones are suggested.
    """
    found = resolve(name)
    if found is None or found not in DATASETS:
        raise unknown_dataset(name)
    return DATASETS[found]


def layout_of(name: str) -> Layout:
    """The layout of a dataset.

    Raises:
        LockonError: unknown name; the nearest ones are suggested.
    """
    found = resolve(name)
    if found in _SPECIAL:
        return _SPECIAL[found]
    return dataset_of(name).layout


def origin(name: str) -> int:
    """Number of the first pixel, 0 or 1, in the annotation files of a dataset (and in result files that toolkits write for it).

    Raises:
        LockonError: unknown name.
    """
    return layout_of(name).origin


def official_list(name: str) -> Official | None:
    """The list with the lengths and attributes of a dataset's sequences, or None where none is kept."""
    dataset = DATASETS.get(name)
    return official(dataset.listing if dataset is not None and dataset.listing is not None else name)


def official_sequences(name: str) -> list[str] | None:
    """Names of the sequences that the complete benchmark has, or None where no list is kept."""
    complete = official(name)
    return None if complete is None else list(complete.sequences)
