"""Still images with boxes, and short videos of a few frames: training data that are no full sequences.

Layout, one folder per set::

    ROOT/SET/annotations.jsonl
    ROOT/SET/images/00000.webp

Each line of `annotations.jsonl` is one image::

    {"image": "images/00000.webp", "video": id or null, "frame": number or null, "width": W, "height": H, "objects": [
        {"id": 7, "class": "dog", "box": [x, y, w, h], "mask_rle": "compressed COCO RLE", "mask_size": [H0, W0]}]}

Boxes are 0-based pixels of the image. Masks are optional and may have the size of the original image; they are resized
after decoding. Pixels and masks are read only when they are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon._documents import MALFORMED, parse_json
from lockon._names import inside
from lockon.data.rle import decode_rle
from lockon.data.sequence import read_image
from lockon.errors import LockonError, unknown_name
from lockon.types import Frame

ANNOTATIONS = "annotations.jsonl"


@dataclass(frozen=True, slots=True)
class StillObject:
    """One annotated object of a still image.

    Attributes:
        id: Identifies the object within its video (the same id in another frame is the same object).
        category: Class name as the set gives it.
        box: (x, y, w, h), 0-based, in image pixels; as annotated, so possibly degenerate or over the border.
        mask_rle: Compressed COCO RLE, or None.
        mask_size: (height, width) of the encoded mask, or None.
    """

    id: str
    category: str
    box: tuple[float, float, float, float]
    mask_rle: str | None = None
    mask_size: tuple[int, int] | None = None

    @property
    def has_mask(self) -> bool:
        """Whether a mask was annotated."""
        return self.mask_rle is not None


@dataclass(frozen=True, slots=True)
class StillImage:
    """One annotated image.

    Attributes:
        path: The image file.
        width: Width in pixels as annotated.
        height: Height in pixels as annotated.
        objects: The annotated objects, possibly none (backgrounds).
        set: Name of the set (the folder).
        video: The short video that the image belongs to, or None.
        frame: Its frame number there, or None.
    """

    path: Path
    width: int
    height: int
    objects: tuple[StillObject, ...]
    set: str
    video: str | None = None
    frame: int | None = None

    def read(self) -> Frame:
        """Read the (height, width, 3) uint8 RGB pixels.

        Raises:
            LockonError: The file is missing or unreadable, or has another size than annotated.
        """
        image = read_image(self.path)
        if image.shape[:2] != (self.height, self.width):
            height, width = image.shape[:2]
            raise LockonError(f"{self.path} is {width}x{height}, annotated as {self.width}x{self.height}; mend its {ANNOTATIONS}")
        return image

    def mask(self, index: int) -> NDArray[np.bool_] | None:
        """Return the (height, width) bool mask of object `index`, resized from the size it is stored at; None if it has none.

        Raises:
            LockonError: The stored mask is malformed.
        """
        item = self.objects[index]
        if item.mask_rle is None or item.mask_size is None:
            return None
        try:
            mask = decode_rle(item.mask_rle, *item.mask_size)
        except LockonError as error:
            raise LockonError(f"{self.path}: object {item.id}: {error}") from error
        if mask.shape == (self.height, self.width):
            return mask
        shrinks = mask.shape[0] * mask.shape[1] > self.height * self.width
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        grey = cv2.resize(mask.astype(np.uint8) * 255, (self.width, self.height), interpolation=interpolation)
        return np.asarray(grey > 127)


@dataclass(frozen=True, slots=True)
class ShortVideo:
    """One object followed through the annotated frames of one short video.

    Attributes:
        set: Name of the set that it comes from.
        video: Name of the video in the set.
        object_id: Name of the object in the video.
        images: Its images in frame order, two or more.
        indices: For each image the index of the object in `images[i].objects`.
    """

    set: str
    video: str
    object_id: str
    images: tuple[StillImage, ...]
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.images)


def is_root(folder: Path) -> bool:
    """Return whether the folder holds at least one set of stills."""
    return folder.is_dir() and any((child / ANNOTATIONS).is_file() for child in folder.iterdir())


def list_sets(root: Path) -> list[str]:
    """List the names of the sets under a folder, sorted.

    Raises:
        LockonError: The folder does not exist or holds no set.
    """
    if not root.is_dir():
        raise LockonError(f"{root} is no folder; expected ROOT/SET/{ANNOTATIONS}")
    names = sorted(path.parent.name for path in root.glob(f"*/{ANNOTATIONS}"))
    if names:
        return names
    if (root / ANNOTATIONS).is_file():
        raise LockonError(f"{root} is one set of stills, one level too deep; give the folder above it: {root.parent}")
    deeper = sorted(root.glob(f"*/*/{ANNOTATIONS}"))
    if deeper:
        raise LockonError(f"{root} is one level too high for stills; give {deeper[0].parent.parent}")
    raise LockonError(f"{root} holds no stills; expected ROOT/SET/{ANNOTATIONS}")


def load_stills(root: Path | str, sets: Collection[str] | None = None, exclude: Collection[str] = ()) -> list[StillImage]:
    """Load all annotated images of the given sets (default: every set), less the excluded ones; sorted by set, then as listed.

    Raises:
        LockonError: No stills there, an unknown set name, or a malformed line (FILE:LINE is named).
    """
    root = Path(root)
    known = list_sets(root)
    for name in (*(sets or ()), *exclude):
        if name not in known:
            raise unknown_name("set of stills", name, known)
    wanted = [name for name in known if (sets is None or name in sets) and name not in exclude]
    return [image for name in wanted for image in _read_set(root / name)]


def short_videos(images: Iterable[StillImage]) -> list[ShortVideo]:
    """Group images with a `video` id into one `ShortVideo` per object that is seen in two or more of its frames.

    Frames are ordered by `frame`; an object that is listed twice in one image keeps its first box.
    """
    groups: dict[tuple[str, str, str], dict[Path, tuple[StillImage, int]]] = {}
    for image in images:
        for index, item in enumerate(image.objects if image.video is not None else ()):
            groups.setdefault((image.set, image.video or "", item.id), {}).setdefault(image.path, (image, index))
    videos = []
    for key, found in groups.items():
        members = sorted(found.values(), key=lambda member: (member[0].frame or 0, member[0].path.name))
        if len(members) >= 2:
            videos.append(ShortVideo(*key, *zip(*members, strict=True)))
    return videos


def _read_set(folder: Path) -> list[StillImage]:
    file = folder / ANNOTATIONS
    with file.open(encoding="utf-8") as lines:
        return [parse_line(line, folder, where=f"{file}:{number}") for number, line in enumerate(lines, start=1) if line.strip()]


def parse_line(line: str, folder: Path, where: str) -> StillImage:
    """Parse one line of `annotations.jsonl`; `where` (FILE:LINE) is what an error names.

    Raises:
        LockonError: No JSON, a missing key, a box that is not four finite numbers, a mask without its size.
    """
    try:
        record = parse_json(line)
    except ValueError as error:
        raise LockonError(f"{where}: no JSON: {error}") from error
    try:
        video, frame = record.get("video"), record.get("frame")
        return StillImage(
            path=inside(folder, record["image"], where),
            width=int(record["width"]),
            height=int(record["height"]),
            objects=tuple(_parse_object(item) for item in record["objects"]),
            set=folder.name,
            video=None if video is None else str(video),
            frame=None if frame is None else int(frame),
        )
    except KeyError as error:
        raise LockonError(f"{where}: key {error} is missing") from error
    except LockonError as error:
        raise error if str(error).startswith(where) else LockonError(f"{where}: {error}") from error
    except MALFORMED as error:
        raise LockonError(f"{where}: {error}") from error


def _parse_object(item: dict[str, Any]) -> StillObject:
    box = tuple(float(value) for value in item["box"])
    if len(box) != 4 or not np.isfinite(box).all():
        raise LockonError(f"box {item['box']} is not four finite numbers x, y, w, h")
    rle, size = item.get("mask_rle"), item.get("mask_size")
    if (rle is None) != (size is None):
        raise LockonError("mask_rle and mask_size must be given together")
    return StillObject(
        id=str(item["id"]),
        category=str(item["class"]),
        box=(box[0], box[1], box[2], box[3]),
        mask_rle=None if rle is None else str(rle),
        mask_size=None if size is None else (int(size[0]), int(size[1])),
    )
