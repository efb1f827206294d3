"""The datasets that lockon knows by name, and the layout of each."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from lockon.data.datasets import davis, folder, otb, stills, uav123, vot
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth
from lockon.errors import unknown_name

DATASETS: dict[str, Layout] = {
    "OTB100": otb.LAYOUT,
    "OTB50": otb.LAYOUT,
    "TinyTLP": otb.LAYOUT,
    "TLP": otb.LAYOUT,
    "DTB70": otb.LAYOUT,
    "AntiUAV": otb.LAYOUT,
    "UAV123": uav123.LAYOUT,
    "UAV123_10fps": uav123.LAYOUT,
    "VOT2016": vot.LAYOUT,
    "VOT2017": vot.LAYOUT,
    "VOT2018": vot.LAYOUT,
    "VOT2019": vot.LAYOUT,
    "DAVIS2016": davis.LAYOUT_2016,
    "DAVIS2017": davis.LAYOUT_2017,
    "folder": folder.LAYOUT,  # your own data
}
OFFICIAL_LISTS = {"UAV123_10fps": "UAV123"}  # datasets whose list has another's name
FOLDER = "folder"
POOL = "pool"
STILLS = "stills"


def members(root: Path) -> dict[str, Path]:
    """The benchmark folders under a root, by dataset name: root/OTB100, root/VOT2018, ..."""
    return {name: root / name for name, layout in DATASETS.items() if name != FOLDER and layout.is_root(root / name)}


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
    return [*DATASETS, *_SPECIAL]


def layout_of(name: str) -> Layout:
    """The layout of a dataset.

    Raises:
        LockonError: unknown name; the nearest ones are suggested.
    """
    if name in DATASETS:
        return DATASETS[name]
    if name in _SPECIAL:
        return _SPECIAL[name]
    raise unknown_name("dataset", name, known_names())


def official_sequences(name: str) -> list[str] | None:
    """Names of the sequences that the complete benchmark has, or None where no list is kept."""
    listing = resources.files("lockon.data") / "lists" / f"{OFFICIAL_LISTS.get(name, name)}.txt"
    return listing.read_text(encoding="utf-8").split() if listing.is_file() else None
