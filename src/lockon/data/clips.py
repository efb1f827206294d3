"""Synthetic clips with exact truth: a drawn target on a drifting background, one kind of change per clip.

Everything is procedural (multi-scale noise, blobs, a random generator), so a clip is a function of its kind and seed and
needs no data. The truth is the extent of the target's own pixels, as in `lockon.data.synthesize`, which does the pasting.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.data.synthesize import Cutout, Layer, Motion, paste
from lockon.errors import LockonError, unknown_name
from lockon.types import FloatArray, Frame

KINDS = ("still", "zoom", "aspect", "shrink", "leave", "several")

_CUTOUT_SIDE = 160  # pixels; targets are drawn at most about this large, so they are never enlarged much
_ABSENT_FRAMES = 15  # of the kind "leave"
_PAN = 0.08  # the background's drift, as a fraction of the frame's size


class ClipFrame(NamedTuple):
    """A frame with its ground truth.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        box: (4,) x, y, w, h of the whole target's extent, clipped to the frame; NaN where it is outside; (n, 4) for "several".
        visible: Fraction of the target's box that is inside the frame, 0..1; (n,) for "several".
    """

    image: Frame
    box: FloatArray
    visible: float | FloatArray


def make_clip(kind: str, *, seed: int = 0, frames: int = 90, size: tuple[int, int] = (320, 240), targets: int = 2) -> Iterator[ClipFrame]:
    """Render the frames of one clip lazily.

    Kinds: "still" (only the background moves), "zoom" (the target grows fourfold), "aspect" (from 1:4 to 4:1 at constant
    area), "shrink" (from a third of the frame's height to 12 px), "leave" (out over the right border, away for about 15
    frames, back where it left), "several" (`targets` different targets that sway side by side).

    Args:
        kind: One of `KINDS`.
        seed: Seed of shapes, colours and textures.
        frames: Length of the clip, at least 30.
        size: Width and height of the frames in pixels, at least 160 x 120.
        targets: Number of targets of the kind "several", 1 to 16.

    Raises:
        LockonError: An unknown kind, or a length, size or number out of range.

    >>> clip = list(make_clip("leave", frames=30))
    >>> len(clip), clip[0].image.shape, clip[15].visible
    (30, (240, 320, 3), 0.0)
    """
    stage = make_stage(kind, seed=seed, frames=frames, size=size, targets=targets)
    several = kind == "several"
    return (_clip_frame(stage, t, several) for t in range(frames))


@dataclass(frozen=True, slots=True)
class Stage:
    """The scene of a clip.

    Attributes:
        background: Drifting background, larger than the frames.
        layers: The targets.
        size: Width and height of the frames in pixels.
        frames: Length of the clip.
    """

    background: Frame
    layers: tuple[Layer, ...]
    size: tuple[int, int]
    frames: int

    def render(self, t: float) -> tuple[Frame, FloatArray]:
        """Render frame `t` as (H, W, 3) uint8 RGB, and the (n, 4) xyxy extents of the layers, not clipped to the frame."""
        width, height = self.size
        slack = np.array([self.background.shape[1] - width, self.background.shape[0] - height]) / 2
        turn = 2 * math.pi * t / max(self.frames, 60)
        shift = -slack * (1 + np.array([math.sin(turn), math.sin(2 * turn)]))
        matrix = np.column_stack([np.eye(2), shift])
        image: Frame = cv2.warpAffine(self.background, matrix, self.size, borderMode=cv2.BORDER_REFLECT)  # type: ignore[assignment]
        boxes = [paste(image, layer, t) for layer in self.layers]
        return image, np.array(boxes, dtype=np.float64).reshape(-1, 4)


def make_stage(kind: str, *, seed: int, frames: int, size: tuple[int, int], targets: int = 2) -> Stage:
    """Build the stage of `make_clip`, which documents the arguments.

    Raises:
        LockonError: As `make_clip`.
    """
    if kind not in KINDS:
        raise unknown_name("kind of clip", kind, KINDS)
    if frames < 30 or size[0] < 160 or size[1] < 120 or not 1 <= targets <= 16:
        clip = f"a clip of {frames} frames of {size[0]}x{size[1]} with {targets} targets"
        raise LockonError(f"{clip}; give 30 frames or more, 160x120 pixels or more, 1 to 16 targets")
    rng = np.random.default_rng((seed, KINDS.index(kind)))
    hue = rng.random()
    background = draw_background(rng, (round(size[0] * (1 + 2 * _PAN)), round(size[1] * (1 + 2 * _PAN))), hue)
    count = targets if kind == "several" else 1
    hues = hue + 0.5 + 0.35 * (np.linspace(0, 1, count) - 0.5 * (count > 1))  # far from the background's
    cutouts = [draw_target(rng, float(h)) for h in hues]
    motions = _several(rng, size, targets) if kind == "several" else [_motion(kind, size, frames, cutouts[0])]
    layers = tuple(Layer(cutout, motion) for cutout, motion in zip(cutouts, motions, strict=True))
    return Stage(background, layers, size, frames)


def _clip_frame(stage: Stage, t: int, several: bool) -> ClipFrame:
    image, boxes = stage.render(t)
    width, height = stage.size
    clipped = np.clip(boxes, 0, [width, height, width, height])
    inside = np.prod(clipped[:, 2:] - clipped[:, :2], axis=1)
    visible = inside / np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    xywh = np.concatenate([clipped[:, :2], clipped[:, 2:] - clipped[:, :2]], axis=1)
    xywh[visible == 0] = np.nan
    return ClipFrame(image, xywh, visible) if several else ClipFrame(image, xywh[0], float(visible[0]))


def _motion(kind: str, size: tuple[int, int], frames: int, cutout: Cutout) -> Motion:
    """Return the path of a single target: x, y, log scale, log aspect, rotation, deformation (see `Motion`)."""
    width, height = size
    side, last = min(size), frames - 1
    sway = np.array([0.06 * width, 0.06 * height, 0, 0, 0, 0])
    start = np.array([width / 2, height / 2, math.log(side / 4), 0, 0, 0])
    speed = np.zeros(6)
    if kind == "still":
        sway[:] = 0
    elif kind == "zoom":
        start[2], speed[2] = math.log(side / 8), math.log(4) / last
    elif kind == "aspect":
        start[3], speed[3] = -math.log(4), 2 * math.log(4) / last
    elif kind == "shrink":
        start[2], speed[2] = math.log(side / 3), math.log(12 / (side / 3)) / last
    else:
        # leave: half a sine to the right and back, wholly outside while the sine is above cos(pi * absent / (2 * last))
        outside = width / 2 + side / 8 * math.sqrt(cutout.rgba.shape[1] / cutout.rgba.shape[0])  # its left edge on the frame's right
        sway[0], sway[1] = outside / math.cos(math.pi * _ABSENT_FRAMES / (2 * last)), 0
        return Motion(start, speed, sway, rate=0.5 / last, phase=0.0)
    return Motion(start, speed, sway, rate=1 / 60, phase=0.0)


def _several(rng: Generator, size: tuple[int, int], targets: int) -> list[Motion]:
    """Return one path per cell of a grid over the frame; targets stay in their cells."""
    columns = math.ceil(math.sqrt(targets))
    rows = math.ceil(targets / columns)
    cell = np.array([size[0] / columns, size[1] / rows])
    motions = []
    for index in range(targets):
        center = (np.array([index % columns, index // columns]) + 0.5) * cell
        start = np.array([*center, math.log(0.5 * cell.min()), 0, 0, 0])
        sway = np.array([*(0.12 * cell), 0.05, 0, 0.1, 0]) * rng.uniform(0.7, 1.0)
        motions.append(Motion(start, np.zeros(6), sway, rate=rng.uniform(0.01, 0.025), phase=rng.random()))
    return motions


def draw_background(rng: Generator, size: tuple[int, int], hue: float) -> Frame:
    """Draw (H, W, 3) muted noise with soft-edged patches, of one family of colours. `size` is width, height; `hue` 0..1."""
    image = noise_texture(rng, size, [_rgb(hue, 0.35, 0.35), _rgb(hue + 0.06, 0.25, 0.6), _rgb(hue - 0.08, 0.2, 0.85)], octaves=8)
    for _ in range(14):
        patch = noise_texture(rng, size, [_rgb(hue + rng.normal(0, 0.05), 0.3, v) for v in rng.uniform(0.3, 0.9, 2)])
        mask = np.zeros(size[::-1], np.uint8)
        radius = rng.uniform(0.04, 0.14) * max(size)
        outline = _blob(rng, rng.uniform(0, 1, 2) * size, radius)
        cv2.fillPoly(mask, [outline], 255, cv2.LINE_AA)
        weight = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.6, 2.5)).astype(np.float32)[..., None] / 255
        image = np.asarray(image * (1 - weight) + patch * weight, dtype=np.uint8)
    return image


def draw_target(rng: Generator, hue: float) -> Cutout:
    """Draw a textured blob with a dark outline, spots and a stripe in other colours; its box is filled from side to side."""
    side = _CUTOUT_SIDE
    rgb = noise_texture(rng, (side, side), [_rgb(hue, 0.9, 0.5), _rgb(hue + 0.04, 0.8, 0.95)])
    outline = _blob(rng, np.full(2, side / 2), 0.38 * side)
    stripe = [(int(v) for v in rng.uniform(0, side, 2)) for _ in range(2)]
    cv2.line(rgb, tuple(stripe[0]), tuple(stripe[1]), _rgb(hue + 0.33, 0.7, 0.9), 14, cv2.LINE_AA)
    for _ in range(5):
        center = tuple(int(v) for v in rng.uniform(0.25, 0.75, 2) * side)
        cv2.circle(rgb, center, int(rng.uniform(0.03, 0.09) * side), _rgb(rng.random(), 0.5, rng.choice([0.15, 0.95])), -1, cv2.LINE_AA)
    cv2.polylines(rgb, [outline], True, _rgb(hue, 0.6, 0.12), 10, cv2.LINE_AA)
    alpha = np.zeros((side, side), np.uint8)
    cv2.fillPoly(alpha, [outline], 255, cv2.LINE_AA)
    x, y, w, h = cv2.boundingRect(outline)
    return Cutout(np.dstack([rgb, alpha])[y : y + h, x : x + w], "drawn")


def noise_texture(rng: Generator, size: tuple[int, int], colors: Sequence[tuple[int, int, int]], octaves: int = 6) -> Frame:
    """Draw (H, W, 3) uint8 noise of all scales (amplitude in proportion to size, as in natural images) as a blend of colours.

    Args:
        rng: Random numbers.
        size: Width, height.
        colors: Two or more RGB colours, from the lowest to the highest noise value.
        octaves: Number of scales, each half the size of the one before.
    """
    width, height = size
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = 2 ** (octave + 1) + 1
        grid = rng.standard_normal((cells, cells), dtype=np.float32)
        total += cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC) * 0.6**octave
    low, high = np.quantile(total, [0.02, 0.98])
    position = np.clip((total - low) / (high - low), 0, 1) * (len(colors) - 1)
    channels = [np.interp(position, range(len(colors)), [color[c] for color in colors]) for c in range(3)]
    return np.asarray(np.stack(channels, axis=-1), dtype=np.uint8)


def _blob(rng: Generator, center: FloatArray, radius: float) -> NDArray[np.int32]:
    """Return the (64, 2) corners of a smooth closed outline around `center`, all in pixels."""
    angle = np.linspace(0, 2 * math.pi, 64, endpoint=False)
    reach = np.ones_like(angle)
    for waves in (2, 3, 5):
        reach += rng.uniform(0.1, 0.25) / waves * np.cos(waves * angle + rng.uniform(0, 2 * math.pi))
    points = center + radius * reach[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(np.round(points), dtype=np.int32)


def _rgb(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    """Return 8-bit RGB of a hue (any number, 1 = a full turn), saturation and value 0..1."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


__all__ = ["KINDS", "ClipFrame", "Stage", "draw_background", "draw_target", "make_clip", "make_stage", "noise_texture"]
