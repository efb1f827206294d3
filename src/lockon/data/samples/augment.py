"""Augmentations of training crops: pure functions of (rng, image), uint8 in and out.

Each takes a `numpy.random.Generator` first, so a sample is reproducible from its index alone. All work on small crops
(about 256 x 256) and cost well under a millisecond there.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator

from lockon.types import FloatArray, Frame


def jitter_color(rng: Generator, image: Frame, *, brightness: float, contrast: float, saturation: float, hue: float) -> Frame:
    """Change gain, offset, saturation and hue at random.

    Args:
        rng: Everything that is random comes from it.
        image: (H, W, 3) uint8 RGB.
        brightness: Largest offset, as a fraction of 255.
        contrast: Largest relative gain.
        saturation: Largest relative change; 1 may reach grey.
        hue: Largest rotation in degrees.
    """
    gain = 1 + rng.uniform(-contrast, contrast)
    offset = 255 * rng.uniform(-brightness, brightness)
    levels = np.arange(256, dtype=np.float32)
    table = np.clip((levels - 128) * gain + 128 + offset, 0, 255).astype(np.uint8)
    out: Frame = cv2.LUT(image, table)  # type: ignore[assignment]
    if hue:
        hsv = cv2.cvtColor(out, cv2.COLOR_RGB2HSV)
        turn = round(rng.uniform(-hue, hue) / 2)  # OpenCV's hue runs 0..179
        hsv[..., 0] = cv2.LUT(np.ascontiguousarray(hsv[..., 0]), ((np.arange(256) + turn) % 180).astype(np.uint8))
        out = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)  # type: ignore[assignment]
    if saturation:
        keep = 1 + rng.uniform(-saturation, saturation)
        out = cv2.addWeighted(out, keep, to_gray(out), 1 - keep, 0)  # type: ignore[assignment]
    return out


def brighten(rng: Generator, image: Frame, strength: float) -> Frame:
    """Multiply all channels by a random factor from 1 - `strength` to 1 + `strength`, cut at 255."""
    table = np.clip(np.arange(256) * rng.uniform(1 - strength, 1 + strength) + 0.5, 0, 255).astype(np.uint8)
    return cv2.LUT(image, table)  # type: ignore[return-value]


def to_gray(image: Frame) -> Frame:
    """Return the luminance, repeated in three channels."""
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]


def gaussian_blur(rng: Generator, image: Frame, max_sigma: float = 2.5) -> Frame:
    """Blur as out of focus: by a Gaussian with a random standard deviation in pixels."""
    return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, max_sigma))  # type: ignore[return-value]


def motion_blur(rng: Generator, image: Frame, max_length: int = 19) -> Frame:
    """Blur as by motion of the camera or the target: a line kernel of random length (pixels) and direction."""
    length = int(rng.integers(3, max_length + 1))
    angle = rng.uniform(0, math.pi)
    kernel = np.zeros((length, length), np.float32)
    middle, reach = (length - 1) / 2, (length - 1) / 2
    dx, dy = reach * math.cos(angle), reach * math.sin(angle)
    start, end = (round(middle - dx), round(middle - dy)), (round(middle + dx), round(middle + dy))
    cv2.line(kernel, start, end, 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())  # type: ignore[return-value]


def jpeg(rng: Generator, image: Frame, low: int = 15, high: int = 80) -> Frame:
    """Encode the image as JPEG of random quality and decode it again."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(low, high))])
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)  # type: ignore[arg-type, return-value]


def low_resolution(rng: Generator, image: Frame, max_factor: float = 4.0) -> Frame:
    """Shrink the image by a random factor and enlarge it again: a target seen from afar."""
    factor = rng.uniform(1.2, max_factor)
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(8, round(width / factor)), max(8, round(height / factor))), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def noise(rng: Generator, image: Frame, max_sigma: float = 12.0) -> Frame:
    """Add the noise of a sensor: Gaussian with a random standard deviation in grey levels."""
    grain = rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(2, max_sigma)
    return np.asarray(np.clip(image + grain, 0, 255), dtype=np.uint8)


def occlude(rng: Generator, image: Frame, box_xyxy: FloatArray, patch: Frame, max_cover: float = 0.5) -> Frame:
    """Cover a random part of the box with pixels of another image.

    Args:
        rng: Everything that is random comes from it.
        image: (H, W, 3) uint8 RGB.
        box_xyxy: (4,) target in pixels of `image`.
        patch: Any other image.
        max_cover: Largest covered fraction of the box.
    """
    x1, y1, x2, y2 = box_xyxy
    cover = rng.uniform(0.1, max_cover)
    ratio = math.exp(rng.uniform(-0.7, 0.7))
    width = max(2, int(min(1.0, math.sqrt(cover * ratio)) * (x2 - x1)))
    height = max(2, int(min(1.0, math.sqrt(cover / ratio)) * (y2 - y1)))
    left = int(rng.uniform(x1 - width / 2, x2 - width / 2))
    top = int(rng.uniform(y1 - height / 2, y2 - height / 2))
    left0, top0 = max(left, 0), max(top, 0)
    right, bottom = min(left + width, image.shape[1]), min(top + height, image.shape[0])
    if right <= left0 or bottom <= top0:
        return image
    ph, pw = patch.shape[:2]
    side = int(rng.integers(max(8, min(ph, pw) // 4), max(9, min(ph, pw))))
    py, px = int(rng.integers(0, ph - side + 1)), int(rng.integers(0, pw - side + 1))
    out: Frame = image.copy()
    out[top0:bottom, left0:right] = cv2.resize(patch[py : py + side, px : px + side], (right - left0, bottom - top0))
    return out


def degrade(rng: Generator, image: Frame, strength: float = 1.0) -> Frame:
    """Do what cameras and codecs do, each with its own chance times `strength`: blur, motion blur, low resolution, noise, JPEG."""
    for change, chance in ((gaussian_blur, 0.12), (motion_blur, 0.15), (low_resolution, 0.15), (noise, 0.10), (jpeg, 0.25)):
        if rng.random() < chance * strength:
            image = change(rng, image)
    return image
