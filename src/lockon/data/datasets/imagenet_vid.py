"""ImageNet VID (O. Russakovsky et al., IJCV 2015), as it is unpacked, for training.

    ROOT/Annotations/VID/train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00000000/000000.xml ...
    ROOT/Data/VID/train/ILSVRC2015_VID_train_0000/ILSVRC2015_train_00000000/000000.JPEG ...

A track is what has one trackid in one video, less the frames that stand alone (neither the frame before nor the one after has it), as
in PySOT's data. All runs of frames are kept; PySOT's files have the last run of each track alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.data.datasets.imagenet_xml import folders_of_files, read_objects
from lockon.data.tracks import ImageFiles, Track, TrackSet
from lockon.errors import LockonError

EXPECTS = "Annotations/VID/train/FOLDERS/VIDEO/000000.xml and Data/VID/train/FOLDERS/VIDEO/000000.JPEG"
_ANNOTATIONS, _IMAGES = Path("Annotations", "VID", "train"), Path("Data", "VID", "train")


def is_root(root: Path) -> bool:
    """Return whether the folder holds the training annotations."""
    return (root / _ANNOTATIONS).is_dir()


def read(root: Path, name: str = "VID", skip: Collection[str] = ()) -> TrackSet:
    """Read the training part.

    Raises:
        LockonError: Not this layout, or a malformed annotation.
    """
    if not is_root(root):
        raise LockonError(f"{root} does not look like ImageNet VID; expected {EXPECTS}")
    return TrackSet.build(name, _tracks(root / _ANNOTATIONS), ImageFiles(root / _IMAGES, "{video}/{frame:06d}.JPEG"), skip=skip)


def _tracks(top: Path) -> Iterator[Track]:
    for folder, names in folders_of_files(top):
        video = folder.relative_to(top).as_posix()
        by_track: dict[int, list[tuple[int, tuple[float, ...]]]] = {}
        for frame in names:
            if not frame.isdigit():
                raise LockonError(f"{folder / frame}.xml: the name is no frame number; expected 000000.xml")
            for item in read_objects(folder / f"{frame}.xml"):
                if item.track is None:
                    raise LockonError(f"{folder / frame}.xml: an object without trackid; expected annotations of VID, not of DET")
                by_track.setdefault(item.track, []).append((int(frame), item.box))
        for number, members in sorted(by_track.items()):
            frames, boxes = np.array([frame for frame, _ in members]), np.array([box for _, box in members])
            kept = _in_runs(frames)
            if kept.any():
                yield Track(video, f"{number:02d}", frames[kept], boxes[kept])


def _in_runs(frames: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (n,) whether the frame before or after is there too; `frames` ascend."""
    near = np.diff(frames) == 1
    return np.asarray(np.append(near, False) | np.append(False, near))
