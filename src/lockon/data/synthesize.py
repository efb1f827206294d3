"""Synthetic videos from cut-out objects: exact boxes for any motion, and class diversity where real video is scarce.

A `Scene` is a background and layers of cut-outs, each with a smooth `Motion` (position, scale, aspect, rotation,
deformation). `Scene.render(t)` gives any frame directly, so training draws two times of one scene and tests draw all.
The box is the extent of the whole target, also where something covers it, clipped to the frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.data.datasets.mask_images import mask_to_box
from lockon.ops.boxes import xywh_to_xyxy
from lockon.types import FloatArray, Frame

_ALPHA_EDGE = 0.5  # a pixel belongs to the object where at least half of it is covered


@dataclass(frozen=True, slots=True)
class Cutout:
    """An object without its background.

    Attributes:
        rgba: (h, w, 4) uint8 RGB + alpha.
        label: Name of its class.
    """

    rgba: NDArray[np.uint8]
    label: str

    @classmethod
    def from_mask(cls, image: Frame, mask: NDArray[np.bool_], label: str, max_side: int = 200) -> Cutout | None:
        """Cut out the masked part of (H, W, 3) `image`, shrunk to `max_side`; None when the mask holds fewer than 200 pixels."""
        if int(mask.sum()) < 200:
            return None
        x, y, w, h = mask_to_box(mask).astype(int)
        part = slice(y, y + h), slice(x, x + w)
        alpha = mask[part].astype(np.uint8) * 255
        rgba = np.dstack([image[part], cv2.erode(alpha, np.ones((3, 3), np.uint8))])  # erode: the rim shows the old background
        factor = max_side / max(rgba.shape[:2])
        if factor < 1:
            rgba = cv2.resize(rgba, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        if min(rgba.shape[:2]) < 8 or rgba[..., 3].mean() < 25:
            return None
        return cls(rgba.astype(np.uint8), label)


@dataclass(frozen=True, slots=True)
class Motion:
    """A smooth path: value(t) = start + speed * t + sway * sin(2 pi (t * rate + phase)), per parameter.

    The six parameters are x, y (frame pixels), log scale, log aspect, rotation (radians), deformation (fraction of size).

    Attributes:
        start: (6,) parameters at the start.
        speed: (6,) change per frame.
        sway: (6,) amplitudes of the oscillation.
        rate: Oscillations per frame.
        phase: Phase of the oscillation, 0..1.
    """

    start: FloatArray
    speed: FloatArray
    sway: FloatArray
    rate: float
    phase: float

    def at(self, t: float) -> FloatArray:
        """Return the (6,) parameters at time `t` (frames)."""
        return np.asarray(self.start + self.speed * t + self.sway * (math.sin(2 * math.pi * (t * self.rate + self.phase))))


@dataclass(frozen=True, slots=True)
class Layer:
    """A cut-out and its path.

    Attributes:
        cutout: The object.
        motion: Its path; the scale is relative to a cut-out of sqrt(area) 1.
        gain: Factor on its colours.
    """

    cutout: Cutout
    motion: Motion
    gain: float = 1.0


def _deform(rgba: NDArray[np.uint8], amount: float) -> NDArray[np.uint8]:
    """Bend the cut-out by one sine wave across each axis; `amount` is the amplitude as a fraction of its size."""
    h, w = rgba.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    map_x = x + np.float32(amount * w) * np.sin(2 * np.pi * y / h).astype(np.float32)
    map_y = y + np.float32(amount * h) * np.sin(2 * np.pi * x / w).astype(np.float32)
    return cv2.remap(rgba, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def _pad(rgba: NDArray[np.uint8], rim: int) -> NDArray[np.uint8]:
    """Surround the cut-out with a transparent rim in the colours of its edge, so that resampling mixes in neither black nor a hard edge."""
    out = cv2.copyMakeBorder(rgba, rim, rim, rim, rim, cv2.BORDER_REPLICATE)
    alpha = np.zeros(out.shape[:2], np.uint8)
    alpha[rim:-rim, rim:-rim] = rgba[..., 3]
    out[..., 3] = alpha
    return out  # type: ignore[return-value]


def paste(frame: Frame, layer: Layer, t: float) -> FloatArray:
    """Blend the layer at time `t` into `frame` (in place) and return its (4,) xyxy extent, not clipped to the frame.

    An object without a visible pixel returns a box of NaN.
    """
    x, y, log_scale, log_aspect, angle, bend = layer.motion.at(t)
    scale = math.exp(log_scale) / math.sqrt(layer.cutout.rgba.shape[0] * layer.cutout.rgba.shape[1])
    rgba = _pad(layer.cutout.rgba, rim=math.ceil(min(max(2.0, 2 / scale), 400)))  # two pixels of the frame at least
    if abs(bend) >= 0.01:
        rgba = _deform(rgba, float(bend))
    h, w = rgba.shape[:2]
    sx, sy = scale * math.exp(log_aspect / 2), scale * math.exp(-log_aspect / 2)
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = np.array([[sx * cos, -sy * sin], [sx * sin, sy * cos]])
    corners = np.array([[-w, -h], [w, -h], [-w, h], [w, h]]) / 2 @ matrix.T + (x, y)
    left, top = np.floor(corners.min(0)).astype(int) - 1
    width, height = np.ceil(corners.max(0)).astype(int) + 1 - (left, top)
    shift = np.array([x - left, y - top]) - matrix @ (w / 2, h / 2)
    if max(width, height) > 4 * max(frame.shape) or min(width, height) < 3:
        return np.full(4, np.nan)
    shrink = cv2.INTER_AREA if scale < 0.5 else cv2.INTER_LINEAR
    if shrink == cv2.INTER_AREA:  # warpAffine has no area filter: shrink first, or thin parts alias away
        small = max(scale, 4 / min(w, h))
        rgba = cv2.resize(rgba, (max(4, round(w * small)), max(4, round(h * small))), interpolation=shrink)  # type: ignore[assignment]
        matrix = matrix @ np.diag([w / rgba.shape[1], h / rgba.shape[0]])
    shift = shift + matrix @ (0.5, 0.5) - 0.5  # OpenCV counts from the first pixel's centre, lockon from its corner
    patch = cv2.warpAffine(rgba, np.column_stack([matrix, shift]), (int(width), int(height)), borderMode=cv2.BORDER_REPLICATE)
    stretch = float(np.linalg.norm(matrix, axis=0).max())
    if stretch > 1:  # an enlarged edge is as sharp as any other
        patch[..., 3] = np.clip((patch[..., 3] - 127.5) * stretch + 127.5, 0, 255).astype(np.uint8)
    return _blend(frame, patch, int(left), int(top), layer.gain)  # type: ignore[arg-type]


def _blend(frame: Frame, patch: NDArray[np.uint8], left: int, top: int, gain: float) -> FloatArray:
    alpha = patch[..., 3]
    solid = alpha >= 255 * _ALPHA_EDGE
    if not solid.any():
        return np.full(4, np.nan)
    box: FloatArray = xywh_to_xyxy(mask_to_box(solid)) + np.array([left, top, left, top])
    fh, fw = frame.shape[:2]
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + patch.shape[1], fw), min(top + patch.shape[0], fh)
    if x1 < x2 and y1 < y2:
        part = patch[y1 - top : y2 - top, x1 - left : x2 - left].astype(np.float32)
        weight = part[..., 3:] / 255
        target = frame[y1:y2, x1:x2]
        target[...] = np.clip(target * (1 - weight) + part[..., :3] * gain * weight, 0, 255).astype(np.uint8)
    return box


@dataclass(frozen=True, slots=True)
class Scene:
    """A background that drifts, layers behind the target, the target, layers in front of it.

    Attributes:
        background: (H, W, 3) uint8 RGB.
        drift: (2,) background pixels per frame.
        behind: Layers behind the target.
        target: The target.
        front: Layers in front of it.
        size: Width and height of the frames in pixels.
    """

    background: Frame
    drift: FloatArray
    behind: tuple[Layer, ...]
    target: Layer
    front: tuple[Layer, ...]
    size: tuple[int, int]

    def render(self, t: float) -> tuple[Frame, FloatArray, float]:
        """Render frame `t` as (H, W, 3) uint8, the target's (4,) xyxy box clipped to the frame, and its visible fraction 0..1."""
        width, height = self.size
        bh, bw = self.background.shape[:2]
        zoom = max(width / bw, height / bh) * 1.15
        slack = np.array([bw * zoom - width, bh * zoom - height]) / 2
        offset = -slack + np.clip(self.drift * t, -slack, slack)
        matrix = np.array([[zoom, 0, offset[0]], [0, zoom, offset[1]]])
        frame = cv2.warpAffine(self.background, matrix, self.size, borderMode=cv2.BORDER_REFLECT)
        for layer in self.behind:
            paste(frame, layer, t)  # type: ignore[arg-type]
        box = paste(frame, self.target, t)  # type: ignore[arg-type]
        covers = [paste(frame, layer, t) for layer in self.front]  # type: ignore[arg-type]
        if not np.isfinite(box).all():
            return frame, np.zeros(4), 0.0  # type: ignore[return-value]
        clipped = np.clip(box, 0, [width, height, width, height])
        area = max((box[2] - box[0]) * (box[3] - box[1]), 1e-9)
        seen = (clipped[2] - clipped[0]) * (clipped[3] - clipped[1]) - sum(_overlap(clipped, cover) for cover in covers)
        return frame, clipped, float(np.clip(seen / area, 0, 1))  # type: ignore[return-value]

    def mask(self, t: float) -> NDArray[np.bool_]:
        """Return (H, W) where the target is seen at time `t`: its own pixels, less those that a layer in front covers."""
        width, height = self.size
        canvas = np.zeros((height, width, 3), np.uint8)
        for layer, shade in ((self.target, 255), *((layer, 0) for layer in self.front)):
            flat = layer.cutout.rgba.copy()
            flat[..., :3] = shade
            paste(canvas, Layer(Cutout(flat, layer.cutout.label), layer.motion), t)
        return np.asarray(canvas[..., 0] >= 255 * _ALPHA_EDGE)


def _overlap(a: FloatArray, b: FloatArray) -> float:
    size = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    return float(size[0] * size[1]) if np.isfinite(size).all() and (size > 0).all() else 0.0


def random_motion(rng: Generator, center: FloatArray, size: float) -> Motion:
    """Draw a path through `center` (x, y) with sqrt(area) `size`, both in frame pixels."""
    start = np.array([center[0], center[1], math.log(size), rng.normal(0, 0.15), rng.normal(0, 0.15), 0.0])
    speed = np.array([*(rng.normal(0, 0.03, 2) * size), rng.normal(0, 0.008), rng.normal(0, 0.006), rng.normal(0, 0.008), 0.0])
    sway = np.array([*(rng.normal(0, 0.25, 2) * size), *rng.normal(0, 0.10, 3), rng.normal(0, 0.04)])
    return Motion(start, speed, sway, rate=rng.uniform(0.005, 0.04), phase=rng.random())


def random_scene(rng: Generator, background: Frame, target: Cutout, others: list[Cutout], size: tuple[int, int] = (400, 300)) -> Scene:
    """Draw a scene with `target` near the middle, `others` around it as distractors, one of them sometimes in front."""
    width, height = size
    target_size = math.exp(rng.uniform(math.log(24), math.log(130)))
    center = np.array([width, height]) * rng.uniform(0.3, 0.7, 2)
    motion = random_motion(rng, center, target_size)
    behind: list[Layer] = []
    front: list[Layer] = []
    for other in others:
        occludes = rng.random() < 0.25
        reach = rng.uniform(0.4, 0.8) if occludes else rng.uniform(0.9, 2.0)
        angle = rng.uniform(0, 2 * math.pi)
        position = center + reach * target_size * np.array([math.cos(angle), math.sin(angle)])
        other_size = target_size * math.exp(rng.normal(-0.4 if occludes else 0, 0.25))
        layer = Layer(other, random_motion(rng, position, other_size), gain=rng.uniform(0.8, 1.2))
        (front if occludes else behind).append(layer)
    drift = rng.normal(0, 1.0, 2)
    return Scene(background, drift, tuple(behind), Layer(target, motion, rng.uniform(0.85, 1.15)), tuple(front), size)
