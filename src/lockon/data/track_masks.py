"""Masks of the objects in a `TrackSet`, read when they are asked for: functions of what they look up, and of video, track and frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.data.image_files import decode_image
from lockon.data.rle import decode_rle, fill_runs
from lockon.data.tracks import ImageFiles
from lockon.errors import LockonError

Mask = NDArray[np.bool_]
_SHIFT = 4  # fractional bits of polygon corners


@dataclass(frozen=True, slots=True)
class Segment:
    """A mask as COCO stores it: polygons, each x, y, x, y, ... in pixels from the image's corner, or runs of a column-wise RLE.

    Attributes:
        size: (height, width).
        parts: Arrays of polygon corners, or one array of run lengths, or one compressed string.
    """

    size: tuple[int, int]
    parts: tuple[NDArray[np.float32], ...] | NDArray[np.int64] | str

    @classmethod
    def parse(cls, segmentation: Any, height: int, width: int) -> Segment:
        """Parse a `segmentation` of an instances file.

        Args:
            segmentation: Polygons or RLE.
            height: Height of the image in pixels.
            width: Width of the image in pixels.

        Raises:
            LockonError: Neither polygons nor RLE.
        """
        if isinstance(segmentation, dict):
            counts = segmentation["counts"]
            size = (int(segmentation["size"][0]), int(segmentation["size"][1]))
            return cls(size, counts if isinstance(counts, str) else np.array(counts, np.int64))
        if not isinstance(segmentation, list) or any(len(part) % 2 for part in segmentation):
            raise LockonError(f"segmentation {str(segmentation)[:40]!r} is neither a list of polygons nor an RLE")
        return cls((height, width), tuple(np.array(part, np.float32) for part in segmentation))

    def draw(self) -> Mask:
        """Draw the mask, (H, W) bool.

        Raises:
            LockonError: Runs that do not fill the image.
        """
        if isinstance(self.parts, str):
            return decode_rle(self.parts, *self.size)
        if isinstance(self.parts, np.ndarray):
            return fill_runs(self.parts, *self.size)
        canvas = np.zeros(self.size, np.uint8)
        for part in self.parts:
            corners = np.rint((part.reshape(-1, 1, 2) - 0.5) * 2**_SHIFT).astype(np.int32)  # OpenCV counts from pixel centres
            cv2.fillPoly(canvas, [corners], 1, shift=_SHIFT)
        return canvas.astype(bool)


def segment_mask(segments: Mapping[tuple[str, str], Segment], video: str, track: str, frame: int) -> Mask | None:
    """Draw the mask of an object in a still image from the segments by (video, track); None where it has none."""
    segment = segments.get((video, track))
    return None if segment is None else segment.draw()


def patch_mask(files: ImageFiles, video: str, track: str, frame: int) -> Mask | None:
    """Read the (511, 511) mask beside a patch, where the object is white; None where there is no file."""
    path = files.path(video, track, frame)
    image = decode_image(path, cv2.IMREAD_GRAYSCALE)
    return None if image is None else np.asarray(image > 127)


__all__ = ["Mask", "Segment", "patch_mask", "segment_mask"]
