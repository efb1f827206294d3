"""`Sequence`: the only data type for training and evaluation.

A sequence is lazy: frames and masks are read when they are indexed. Readers of benchmark layouts live in
`lockon.data.datasets` and translate each benchmark's conventions (1-based boxes, polygons, masks) to this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence as Items
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError
from lockon.types import FloatArray, Frame

T = TypeVar("T")


def read_image(path: Path) -> Frame:
    """(H, W, 3) uint8 RGB pixels of an image file.

    Raises:
        LockonError: the file is missing or no image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        state = "is not a readable image" if path.exists() else "does not exist"
        raise LockonError(f"{path} {state}; run `lockon data check` to list every broken frame of a dataset")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class LazyList(Generic[T]):
    """len() items, each made by `read(paths[i])` when it is indexed; nothing is kept."""

    paths: Items[Path]
    read: Callable[[Path], T]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> T:
        return self.read(self.paths[index])


@dataclass(frozen=True, slots=True)
class Sequence:
    """One annotated target in one video (two targets in one video are two sequences that share frames).

    Attributes:
        name: unique within the dataset; `dataset` names the dataset.
        frames: T lazy frames, (H, W, 3) uint8 RGB.
        boxes: (T, 4) float64 x, y, w, h, 0-based, continuous, in frame pixels; NaN rows where there is no annotation.
        visible: (T,) bool, False where the target is absent; None when the dataset does not say.
        masks: T lazy (H, W) bool masks, or None.
        polygons: (T, 8) corner coordinates, 0-based, where the benchmark scores polygons, or None.
        attributes: the benchmark's attribute names that hold for this sequence (for example "occlusion").
    """

    name: str
    dataset: str
    frames: LazyList[Frame]
    boxes: FloatArray
    visible: NDArray[np.bool_] | None = None
    masks: LazyList[NDArray[np.bool_]] | None = None
    polygons: FloatArray | None = None
    attributes: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4:
            raise LockonError(f"sequence {self.name}: boxes of shape {self.boxes.shape}, expected (T, 4)")
        if len(self.frames) != len(self.boxes):
            raise LockonError(
                f"sequence {self.name}: {len(self.frames)} frames but {len(self.boxes)} boxes; run `lockon data check {self.dataset}`"
            )

    def __len__(self) -> int:
        return len(self.frames)
