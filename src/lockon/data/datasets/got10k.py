"""The layout of GOT-10k (L. Huang, X. Zhao, K. Huang, TPAMI 2021), one of its parts train, val and test.

    ROOT/GOT-10k_Val_000001/00000001.jpg ...
    ROOT/GOT-10k_Val_000001/groundtruth.txt      x,y,w,h per line, taken from 0 as they are; in the test part the first alone
    ROOT/GOT-10k_Val_000001/cover.label          how much of the target is in sight, from 0 to 8; absent at 0
    ROOT/GOT-10k_Val_000001/absence.label        1 where the target is absent; used where there is no cover.label
    ROOT/GOT-10k_Val_000001/cut_by_image.label   1 where the border of the image cuts the target
    ROOT/GOT-10k_Val_000001/meta_info.ini        resolution: (1920, 1080), anno_fps: 10Hz

`visible` follows cover.label, as the benchmark's own evaluation does. A sequence has the attributes "absence" and
"cut_by_image" where some frame has the label.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Literal

from lockon.data.datasets.dataset import Dataset, Role
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, first_box, list_folders
from lockon.data.datasets.parsing import read_flags, read_table, read_text
from lockon.errors import LockonError

Part = Literal["Train", "Val", "Test"]
_RESOLUTION = re.compile(r"^resolution\s*:\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)", re.MULTILINE)
_FPS = re.compile(r"^anno_fps\s*:\s*([\d.]+)", re.MULTILINE)


def is_root(folder: Path, part: Part) -> bool:
    """Return whether any sub-folder is a sequence of this part."""
    return any(_belongs(child, part) for child in list_folders(folder))


def _belongs(folder: Path, part: Part) -> bool:
    return folder.name.startswith(f"GOT-10k_{part}_")


def scan(root: Path, part: Part) -> list[SequenceFiles]:
    """List the files of every sequence of the part, sorted by name."""
    folders = [folder for folder in list_folders(root) if _belongs(folder, part)]
    return [SequenceFiles.of(folder.name, folder, folder / "groundtruth.txt", first=1) for folder in folders]


def truth(files: SequenceFiles, part: Part) -> Truth:
    """Read the boxes of one sequence, NaN after the first in the test part; `visible` is None where there are no labels."""
    table = read_table(files.annotation, (4,), files.length)
    folder = files.annotation.parent
    size, fps, problems = _read_meta(folder / "meta_info.ini")
    if part == "Test" and len(table) and not table.widths[1:].any():
        return first_box(files, table, problems=problems, frame_size=size, fps=fps)
    count = len(table)
    labels = {name: read_flags(folder / f"{name}.label", count) for name in ("cover", "absence", "cut_by_image")}
    cover, absence, cut = (flags for flags, _ in labels.values())
    empty = table.widths == 0
    absent = cover == 0 if cover is not None else absence != 0 if absence is not None else empty
    visible = ~(absent | empty) if cover is not None or absence is not None or empty.any() else None
    held = {"absence": visible is not None and not visible.all(), "cut_by_image": cut is not None and bool((cut != 0).any())}
    return Truth(
        table.values,
        table.lines,
        (*table.problems, *problems, *(fault for _, faults in labels.values() for fault in faults)),
        visible,
        wrong=table.wrong,
        frame_size=size,
        fps=fps,
        attributes=frozenset(name for name, holds in held.items() if holds),
    )


def _read_meta(path: Path) -> tuple[tuple[int, int] | None, float | None, tuple[str, ...]]:
    """Read frame size, frames per second of the annotation, and what is wrong with meta_info.ini."""
    if not path.is_file():
        return None, None, ()
    try:
        text = read_text(path)
    except LockonError as error:
        return None, None, (str(error),)
    size, fps = _RESOLUTION.search(text), _FPS.search(text)
    try:
        rate = float(fps[1]) if fps else None
    except ValueError:
        return None, None, (f"{path}: expected anno_fps as a number, found {fps[1] if fps else ''!r}",)
    return (int(size[1]), int(size[2])) if size else None, rate or None, ()


def layout(part: Part) -> Layout:
    """Return the layout of one part."""
    expects = f"GOT-10k_{part}_000001/00000001.jpg and GOT-10k_{part}_000001/groundtruth.txt"
    return Layout("got10k", expects, partial(is_root, part=part), partial(scan, part=part), partial(truth, part=part), origin=0)


def _dataset(part: Part, role: Role) -> Dataset:
    name = part.lower()
    return Dataset(f"GOT10k_{name}", layout(part), role, shares=("GOT10k",), inside=(name, f"full_data/{name}"))


DATASETS = (_dataset("Val", "validation"), _dataset("Test", "test"), _dataset("Train", "train"))
