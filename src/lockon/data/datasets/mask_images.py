"""Masks in image files: single targets, multi-object masks with palette colours or grey values, and the box around a mask."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.data.image_files import decode_image
from lockon.errors import LockonError
from lockon.types import FloatArray


def read_mask(path: Path, target: int | None = None) -> NDArray[np.bool_]:
    """Read the (H, W) bool mask of a PNG: everything that is not 0, or the object number `target` of a multi-object mask.

    Multi-object masks are palette images, whose indices are the object numbers (images without a palette are taken to have the colours
    of PASCAL VOC, as DAVIS has them), or grey images whose values are.

    Raises:
        LockonError: The file is missing or no image.
    """
    image = read_mask_image(path)
    if target is None:
        return np.asarray(image != 0 if image.ndim == 2 else (image != 0).any(axis=2))
    if image.ndim == 2:
        return np.asarray(image == target)
    palette = png_palette(path)
    colour = voc_colour(target) if palette is None else palette[target] if target < len(palette) else None
    if colour is None:
        return np.zeros(image.shape[:2], np.bool_)
    return np.asarray((image == np.array(colour, dtype=np.uint8)).all(axis=2))


def read_mask_image(path: Path) -> NDArray[np.uint8]:
    """Read the pixels of a mask file: (H, W) grey values or (H, W, 3) RGB palette colours.

    Raises:
        LockonError: The file is missing or no image.
    """
    image = decode_image(path, cv2.IMREAD_UNCHANGED)
    if image is None:
        state = "is not a readable mask image" if path.exists() else "does not exist"
        raise LockonError(f"{path} {state}; run `lockon data check` to list every broken file of a dataset")
    return np.asarray(image if image.ndim == 2 else image[..., 2::-1], dtype=np.uint8)


def png_palette(path: Path) -> NDArray[np.uint8] | None:
    """Read the (n, 3) RGB palette of a PNG file; None for images of other kinds."""
    with path.open("rb") as file:
        if file.read(8) != b"\x89PNG\r\n\x1a\n":
            return None
        while len(head := file.read(8)) == 8:
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            if kind == b"PLTE":
                return np.frombuffer(file.read(length), np.uint8).reshape(-1, 3)
            if kind == b"IDAT":  # the palette comes before the pixels
                return None
            file.seek(length + 4, 1)  # content and checksum
    return None


def mask_targets(path: Path) -> list[int]:
    """List the object numbers in a multi-object mask file, ascending, without the background 0."""
    image = read_mask_image(path)
    if image.ndim == 2:
        return [int(value) for value in np.unique(image) if value != 0]
    packed = image.astype(np.int32) @ np.array([65536, 256, 1], dtype=np.int32)  # (H, W)
    colours = {(int(value) >> 16, int(value) >> 8 & 255, int(value) & 255) for value in np.unique(packed)}
    palette = png_palette(path)
    known = range(1, 256 if palette is None else len(palette))
    return [number for number in known if (voc_colour(number) if palette is None else tuple(palette[number].tolist())) in colours]


def voc_colour(number: int) -> tuple[int, int, int]:
    """Return the RGB of entry `number` of the PASCAL VOC palette: its bits, three at a time, from the top bit of each channel down.

    >>> voc_colour(1), voc_colour(2), voc_colour(3)
    ((128, 0, 0), (0, 128, 0), (128, 128, 0))
    """
    red, green, blue = (sum(((number >> (3 * bit + channel)) & 1) << (7 - bit) for bit in range(8)) for channel in range(3))
    return red, green, blue


def mask_to_box(mask: NDArray[np.bool_]) -> FloatArray:
    """Return (4,) x, y, w, h of the pixels of a mask (w = last - first + 1), NaN for an empty one."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if columns.size == 0:
        return np.full(4, np.nan)
    return np.array([columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1], dtype=np.float64)
