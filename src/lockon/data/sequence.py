"""`VideoSequence`, the data type of annotated videos for training and evaluation.

A sequence is lazy: frames and masks are read when they are indexed. Readers of benchmark layouts live in
`lockon.data.datasets` and translate each benchmark's conventions (1-based boxes, polygons, masks) to this one.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError
from lockon.pictures import read_pixels
from lockon.types import FloatArray, Frame

T = TypeVar("T")


def read_image(path: Path) -> Frame:
    """Read the (H, W, 3) uint8 RGB pixels of an image file, as `lockon.pictures.read_pixels` does.

    Raises:
        LockonError: The file is missing, no image, or several.
    """
    image = read_pixels(path)
    if image is None:
        state = "is not a readable image" if path.exists() else "does not exist"
        raise LockonError(f"{path} {state}; run `lockon data check` to list every broken frame of a dataset")
    return image


@dataclass(frozen=True, slots=True)
class LazyPaths(Sequence[Path]):
    """A sequence of paths, each made when it is indexed: a path object per frame costs more than the annotation.

    Attributes:
        make: Makes the path of an index.
        length: Number of paths.
    """

    make: Callable[[int], Path]
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> Any:
        numbers = range(self.length)[index]
        return self.make(numbers) if isinstance(numbers, int) else [self.make(number) for number in numbers]


@dataclass(frozen=True, slots=True)
class LazyList(Generic[T]):
    """A list whose items are read when they are indexed; nothing is kept.

    Attributes:
        paths: The file of each item.
        read: Reads an item from its file.
    """

    paths: Sequence[Path]
    read: Callable[[Path], T]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> T:
        return self.read(self.paths[index])


def check_command(source: str) -> str:
    """Return the command that lists what is wrong with a dataset, as it can be typed.

    Args:
        source: NAME or NAME:ROOT.

    >>> check_command("folder:my videos")
    "lockon data check 'folder:my videos'"
    """
    return f"lockon data check {shlex.quote(source)}"


@dataclass(frozen=True, slots=True)
class VideoSequence:
    """An annotated target in a video (two targets in one video are two sequences that share frames).

    Attributes:
        name: Name, unique within the dataset.
        dataset: Name of the dataset.
        frames: T lazy frames, (H, W, 3) uint8 RGB.
        boxes: (T, 4) float64 x, y, w, h, 0-based, continuous, in frame pixels; NaN rows where there is no annotation.
        visible: (T,) bool, False where the target is absent; None when the dataset does not state it.
        masks: T lazy (H, W) bool masks, or None.
        polygons: (T, 8) corner coordinates, 0-based, where the benchmark scores polygons, or None.
        attributes: The benchmark's attribute names that hold for this sequence (for example "occlusion").
        anchors: Frames that a multi-start protocol (VOT2020) starts on, ascending, from 0; None where the benchmark has none.
        backward: Those of `anchors` from which the tracker runs to the first frame; from the others it runs to the last.
        frame_size: (width, height) in pixels where the annotation states it; None where it has to be read from the images.
        fps: Frames per second where the annotation or the benchmark's name states it.
        source: NAME:ROOT that it was loaded from; empty for one that was made otherwise.
    """

    name: str
    dataset: str
    frames: LazyList[Frame]
    boxes: FloatArray
    visible: NDArray[np.bool_] | None = None
    masks: LazyList[NDArray[np.bool_]] | None = None
    polygons: FloatArray | None = None
    attributes: frozenset[str] = field(default_factory=frozenset)
    anchors: tuple[int, ...] | None = None
    backward: frozenset[int] = field(default_factory=frozenset)
    frame_size: tuple[int, int] | None = None
    fps: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise LockonError(f"sequence {self.name}: {problem}")

    def _problems(self) -> Iterator[str]:
        """Yield the fields that do not fit; what comes after the first one may be wrong."""
        count, size, anchors = len(self.boxes), self.frame_size, self.anchors or ()
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4:
            yield f"boxes of shape {self.boxes.shape}, expected (T, 4)"
        if len(self.frames) != count:
            yield f"{len(self.frames)} frames but {count} boxes; run `{check_command(self.source or self.dataset)}`"
        if self.visible is not None and self.visible.shape != (count,):
            yield f"visible of shape {self.visible.shape}, expected ({count},)"
        if self.polygons is not None and self.polygons.shape != (count, 8):
            yield f"polygons of shape {self.polygons.shape}, expected ({count}, 8)"
        if self.masks is not None and len(self.masks) != count:
            yield f"{len(self.masks)} masks, expected {count}"
        if list(anchors) != sorted(set(anchors)) or any(not 0 <= frame < count for frame in anchors):
            yield f"anchors {list(anchors)}, expected ascending frames from 0 to {count - 1}"
        if not self.backward <= set(anchors):
            yield f"backward {sorted(self.backward)}, expected some of the anchors {list(anchors)}"
        if size is not None and (len(size) != 2 or min(size) < 1):
            yield f"frame_size {size}, expected (width, height) of at least 1 pixel"
        if self.fps is not None and not (math.isfinite(self.fps) and self.fps > 0):
            yield f"fps {self.fps}, expected a positive number"

    def __len__(self) -> int:
        return len(self.frames)


def usable_rows(sequence: VideoSequence) -> NDArray[np.bool_]:
    """Return where (T,) a tracker can be started: on a box of positive size on a target that is not absent."""
    usable = np.asarray(np.isfinite(sequence.boxes).all(axis=1) & (sequence.boxes[:, 2:] > 0).all(axis=1))
    return usable if sequence.visible is None else usable & sequence.visible


def first_annotated(sequence: VideoSequence) -> int:
    """Return the index of the first frame with a box of positive size on a target that is not absent.

    Raises:
        LockonError: There is none.
    """
    usable = usable_rows(sequence)
    if not usable.any():
        raise LockonError(
            f"sequence {sequence.name} has no frame with a usable box; run `{check_command(sequence.source or sequence.dataset)}`"
        )
    return int(np.argmax(usable))
