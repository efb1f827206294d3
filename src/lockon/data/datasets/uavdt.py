"""The layout of the single-object part of UAVDT (D. Du et al., ECCV 2018).

    ROOT/NAME/img000001.jpg ...       or ROOT/UAV-benchmark-S/NAME/..., as the archive unpacks, or ROOT/data_seq/NAME/...
    ROOT/anno/NAME_gt.txt             or ROOT/UAV-benchmark-SOT_v1.0/anno/...: x,y,w,h per line

The first pixel is numbered 0: boxes that touch the upper border have y = 0.
"""

from __future__ import annotations

from pathlib import Path

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, list_folders
from lockon.data.datasets.parsing import read_table

EXPECTS = "UAV-benchmark-S/NAME/img000001.jpg and UAV-benchmark-SOT_v1.0/anno/NAME_gt.txt (or NAME/ and anno/)"
_PATTERN = "img{:06d}.jpg"


def _annotations(root: Path) -> Path | None:
    """Return the folder of the annotations, or None."""
    candidates = [root / "anno", *(root.glob("UAV-benchmark-SOT*/anno")), *(root.glob("UAV-benchmark-SOT*/*/anno"))]
    return next((folder for folder in candidates if any(folder.glob("S[0-9]*.txt"))), None)


def is_root(folder: Path) -> bool:
    """Return whether the folder has the annotations of this benchmark."""
    return not folder.name.startswith("UAV-benchmark-SOT") and _annotations(folder) is not None


def scan(root: Path) -> list[SequenceFiles]:
    """List the files of every annotated sequence, sorted by name."""
    annotations = _annotations(root)
    truths = {path.stem.removesuffix("_gt"): path for path in annotations.glob("*.txt")} if annotations is not None else {}
    places = [folder for folder in (root / "UAV-benchmark-S", root / "data_seq", root) if folder.is_dir()]
    images = next((folder for folder in places if any(child.name in truths for child in list_folders(folder))), root)
    return [SequenceFiles.of(name, images / name, truths[name], first=1, pattern=_PATTERN) for name in sorted(truths)]


def truth(files: SequenceFiles) -> Truth:
    """Read the boxes of one sequence; `visible` is None unless some line says NaN."""
    return Truth.of_table(read_table(files.annotation, (4,), files.length))


LAYOUT = Layout("uavdt", EXPECTS, is_root, scan, truth, origin=0)
DATASETS = (Dataset("UAVDT", LAYOUT, "test"),)
