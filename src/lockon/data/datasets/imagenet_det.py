"""ImageNet DET (O. Russakovsky et al., IJCV 2015), as it is unpacked, for training: every object of an image is a track of one frame.

    ROOT/Annotations/DET/train/ILSVRC2013_train/n01440764/n01440764_18.xml ...
    ROOT/Annotations/DET/train/ILSVRC2014_train_0000/ILSVRC2014_train_00000001.xml ...
    ROOT/Data/DET/train/...                       the images, with the ending JPEG

Only the training part is read: PySOT keeps the validation part for validation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from lockon.data.datasets.imagenet_xml import folders_of_files, read_objects
from lockon.data.tracks import ImageFiles, Track, TrackSet
from lockon.errors import LockonError

EXPECTS = "Annotations/DET/train/FOLDERS/IMAGE.xml and Data/DET/train/FOLDERS/IMAGE.JPEG"
_ANNOTATIONS, _IMAGES = Path("Annotations", "DET", "train"), Path("Data", "DET", "train")


def is_root(root: Path) -> bool:
    """Return whether the folder holds the training annotations."""
    return (root / _ANNOTATIONS).is_dir()


def read(root: Path, name: str = "DET", skip: Collection[str] = ()) -> TrackSet:
    """Read the training part.

    Raises:
        LockonError: Not this layout, or a malformed annotation.
    """
    if not is_root(root):
        raise LockonError(f"{root} does not look like ImageNet DET; expected {EXPECTS}")
    return TrackSet.build(name, _tracks(root / _ANNOTATIONS), ImageFiles(root / _IMAGES, "{video}.JPEG"), skip=skip)


def _tracks(top: Path) -> Iterator[Track]:
    for folder, names in folders_of_files(top):
        for image in names:
            video = (folder / image).relative_to(top).as_posix()
            for number, item in enumerate(read_objects(folder / f"{image}.xml")):
                yield Track(video, f"{number:02d}", [0], [item.box])
