"""Drawing of results on frames: boxes, masks, labels and scores; score maps over search regions.

One target is coloured by its state (green tracked, amber uncertain, red lost); several targets have a colour each. In
both cases an uncertain box is thin and a lost box is dashed.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.ops.score_map import ScoreMap
from lockon.types import Frame, Result, State

Color = tuple[int, int, int]

STATE_COLORS: dict[State, Color] = {"tracked": (46, 204, 64), "uncertain": (255, 176, 0), "lost": (235, 55, 55)}
# Distinct for most kinds of colour vision (Okabe and Ito, "Color Universal Design", 2008); repeats after seven targets.
TARGET_COLORS: tuple[Color, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (240, 228, 66),
    (204, 121, 167),
    (213, 94, 0),
    (0, 114, 178),
)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_result(frame: Frame, result: Result, labels: tuple[str, ...] | None = None) -> Frame:
    """Draw every target's mask, box, label and score on a copy of a frame.

    Args:
        frame: (H, W, 3) uint8 RGB; left as it is.
        result: One target or n; boxes may reach outside the frame, boxes that are not finite are left out.
        labels: One name per target; None for none with one target and "1", "2", ... with several.

    Returns:
        (H, W, 3) uint8 RGB.

    >>> frame = np.zeros((120, 160, 3), np.uint8)
    >>> draw_result(frame, Result(np.array([40.0, 30.0, 50.0, 60.0]), 0.9, "tracked"))[30, 60].tolist()
    [46, 204, 64]
    """
    canvas: Frame = frame.copy()
    targets = result.each()
    if labels is None:
        labels = ("",) if len(targets) == 1 else tuple(str(number) for number in range(1, len(targets) + 1))
    for number, (target, label) in enumerate(zip(targets, labels, strict=True)):
        color = STATE_COLORS[_state(target)] if len(targets) == 1 else TARGET_COLORS[number % len(TARGET_COLORS)]
        if target.mask is not None:
            _blend(canvas, target.mask, color)
        if np.isfinite(target.box).all():
            _draw_box(canvas, target, color)
            _draw_label(canvas, target, label, color)
    return canvas


def draw_heatmap(frame: Frame, scores: ScoreMap, opacity: float = 0.55) -> Frame:
    """Draw a score map over its search region on a copy of a frame, blue for 0 to red for 1, and the region's outline in white.

    The map covers the cells of its points: less than the region where the network has no candidates near the border.

    Args:
        frame: (H, W, 3) uint8 RGB; left as it is.
        scores: From `NetworkTracker.score_maps`; its region may reach outside the frame.
        opacity: Opacity of the map, 0..1.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    canvas: Frame = frame.copy()
    height, width = canvas.shape[:2]
    center, step = np.asarray(scores.crop.center, dtype=np.float64), scores.step  # (2,), (2,)
    side = len(scores.scores)
    first, last = center - step * side / 2, center + step * side / 2  # the map's corners
    left, top = (max(round(float(value)), 0) for value in first)
    right, bottom = min(round(float(last[0])), width), min(round(float(last[1])), height)
    if left < right and top < bottom:
        # from a pixel of the drawn part to a position in the map, counted from the centre of its first score
        shift = (np.array([left, top]) + 0.5 - center) / step + (side - 1) / 2
        matrix = np.array([[1 / step[0], 0.0, shift[0]], [0.0, 1 / step[1], shift[1]]])
        levels: NDArray[Any] = np.clip(scores.scores, 0, 1).astype(np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        smooth = cv2.warpAffine(levels, matrix, (right - left, bottom - top), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        colors = cv2.applyColorMap((smooth * 255).astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]
        part = canvas[top:bottom, left:right]
        canvas[top:bottom, left:right] = (part * (1 - opacity) + colors * opacity).astype(np.uint8)
    extent = np.asarray(scores.crop.size / scores.crop.scale, dtype=np.float64)
    left, top, right, bottom = _corners(np.concatenate([center - extent / 2, extent]), canvas)
    cv2.rectangle(canvas, (left, top), (right, bottom), (255, 255, 255), max(1, _line_width(canvas) // 2), cv2.LINE_AA)
    return canvas


def _state(target: Result) -> State:
    return target.state  # type: ignore[return-value]  # one target: one state, not a tuple


def _blend(canvas: Frame, mask: NDArray[Any], color: Color, opacity: float = 0.45) -> None:
    mask = mask.astype(bool)
    canvas[mask] = (canvas[mask] * (1 - opacity) + np.asarray(color) * opacity).astype(np.uint8)


def _corners(box: NDArray[Any], canvas: Frame) -> tuple[int, int, int, int]:
    """Return the box's first and last pixels, kept within a frame's length of the frame so that absurd boxes cost no time."""
    height, width = canvas.shape[:2]
    x, y, w, h = (float(number) for number in box)
    left, right = np.clip([x, x + w - 1], -width, 2 * width)
    top, bottom = np.clip([y, y + h - 1], -height, 2 * height)
    return round(left), round(top), round(right), round(bottom)


def _line_width(canvas: Frame) -> int:
    shorter = int(min(canvas.shape[:2]))
    return max(2, round(shorter / 180))


def _draw_box(canvas: Frame, target: Result, color: Color) -> None:
    left, top, right, bottom = _corners(target.box, canvas)
    width = _line_width(canvas)
    if target.state == "lost":
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        for start, end in zip(corners, (*corners[1:], corners[0]), strict=True):
            _dashes(canvas, start, end, color, width)
    else:
        cv2.rectangle(canvas, (left, top), (right, bottom), color, width if target.state == "tracked" else max(1, width // 2), cv2.LINE_AA)


def _dashes(canvas: Frame, start: tuple[int, int], end: tuple[int, int], color: Color, width: int) -> None:
    dash = 5 * width
    length = math.dist(start, end)
    edges = np.arange(0, length + dash, dash)
    points = np.asarray(start) + np.minimum(edges, length)[:, None] / max(length, 1) * (np.asarray(end) - start)  # (n, 2)
    for first, last in zip(points[0::2].round().astype(int), points[1::2].round().astype(int), strict=False):
        cv2.line(canvas, first.tolist(), last.tolist(), color, width, cv2.LINE_AA)


def _draw_label(canvas: Frame, target: Result, label: str, color: Color) -> None:
    state = "" if target.state == "tracked" else str(target.state)
    text = " ".join(part for part in (label, f"{float(target.score):.2f}", state) if part)
    scale = max(0.4, min(canvas.shape[:2]) / 900)
    thickness = max(1, round(scale * 1.6))
    (width, height), baseline = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = baseline // 2 + 1
    left, top, _, _ = _corners(target.box, canvas)
    left = int(np.clip(left - _line_width(canvas) // 2, 0, max(canvas.shape[1] - width - 2 * pad, 0)))
    bottom = int(np.clip(top, height + 2 * pad, canvas.shape[0]))  # above the box, or inside it at the top of the frame
    cv2.rectangle(canvas, (left, bottom - height - 2 * pad), (left + width + 2 * pad, bottom), color, cv2.FILLED)
    ink = (0, 0, 0) if np.dot(color, (0.299, 0.587, 0.114)) > 110 else (255, 255, 255)
    cv2.putText(canvas, text, (left + pad, bottom - pad), _FONT, scale, ink, thickness, cv2.LINE_AA)


__all__ = ["STATE_COLORS", "TARGET_COLORS", "draw_heatmap", "draw_result"]
