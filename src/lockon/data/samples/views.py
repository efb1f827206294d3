"""What a sample is made of: `View`, one object in one image, and `Views`, those of one sample by their roles."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.errors import LockonError
from lockon.types import FloatArray, Frame

TEMPLATE, SEARCH = "template", "search"
"""The roles of a pair."""

MIN_SIDE = 6.0  # pixels: smaller boxes say nothing about appearance
MIN_ASPECT = 1 / 8


@dataclass(frozen=True, slots=True)
class View:
    """One object in one image.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        box: (4,) xyxy in pixels of the image.
        id: Name for error reports, "SET/VIDEO/FRAME".
        mask: Makes the (H, W) mask of the object when it is called: bool, or uint8 from 0 to 255 where it was resampled; or None.
            None in place of the function where it is known that there is no mask.
    """

    image: Frame
    box: FloatArray
    id: str
    mask: Callable[[], NDArray[np.bool_] | NDArray[np.uint8] | None] | None = None

    @property
    def sides(self) -> FloatArray:
        """Return the (2,) width and height of the box."""
        return self.box[2:] - self.box[:2]

    def coverage(self) -> NDArray[np.uint8] | None:
        """Return the mask as (H, W) uint8, 255 where the object is; None where there is no mask.

        Raises:
            LockonError: The mask has another size than the image.
        """
        mask = None if self.mask is None else self.mask()
        if mask is None:
            return None
        if mask.shape != self.image.shape[:2]:
            raise LockonError(f"{self.id}: a mask of {mask.shape} for an image of {self.image.shape[:2]}; mend the annotation")
        return mask if mask.dtype == np.uint8 else mask.astype(np.uint8) * np.uint8(255)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Views:
    """The views of one sample.

    Attributes:
        roles: One or several views by the name of their role. The first role shows what the target looks like, the last one is searched.
        present: Whether all roles show the same object; False in a negative sample.
    """

    roles: Mapping[str, tuple[View, ...]]
    present: bool = True

    @classmethod
    def pair(cls, template: View, search: View, *, present: bool = True) -> Views:
        """Return the views of a template and a search image."""
        return cls({TEMPLATE: (template,), SEARCH: (search,)}, present)

    @property
    def searched(self) -> str:
        """Return the name of the last role."""
        return list(self.roles)[-1]

    def __iter__(self) -> Iterator[View]:
        """Iterate over all views, role by role."""
        return (view for views in self.roles.values() for view in views)

    def with_negative(self, other: Views) -> Views:
        """Return these views with the searched ones of another sample, which show another object."""
        return replace(self, roles={**self.roles, self.searched: other.roles[self.searched]}, present=False)

    @property
    def ids(self) -> str:
        """Return the names of all views in one text, for error reports."""
        return " -> ".join(" + ".join(view.id for view in views) for views in self.roles.values())


class Draw(Protocol):
    """Decides which frames make a sample."""

    def draw(self, rng: Generator, index: int = 0) -> Views:
        """Draw the views of one sample.

        Args:
            rng: Everything that is random comes from it.
            index: Number of the sample, for draws that go through lists.
        """


class ImageCache:
    """Decoded images by key, the least recently used dropped first above `limit` bytes. Decoding costs more than all else here."""

    def __init__(self, limit: int = 3_000_000_000) -> None:
        self.limit = limit
        self.size = 0
        self.items: OrderedDict[str, Frame] = OrderedDict()

    def get(self, key: str, read: Callable[[], Frame]) -> Frame:
        """Return the image under `key`, which is read on first use."""
        if key in self.items:
            self.items.move_to_end(key)
            return self.items[key]
        image = read()
        self.items[key] = image
        self.size += image.nbytes
        while self.size > self.limit and len(self.items) > 1:
            self.size -= self.items.popitem(last=False)[1].nbytes
        return image


def is_trainable(box_xywh: FloatArray, width: float, height: float) -> bool:
    """Return whether a box can train: finite, at least 6 px a side and 1:8 in aspect, and centred inside the image."""
    x, y, w, h = (float(value) for value in box_xywh)
    if not np.isfinite([x, y, w, h]).all() or min(w, h) < MIN_SIDE or min(w, h) / max(w, h) < MIN_ASPECT:
        return False
    return 0 <= x + w / 2 <= width and 0 <= y + h / 2 <= height


__all__ = ["SEARCH", "TEMPLATE", "Draw", "ImageCache", "View", "Views", "is_trainable"]
