"""Selection of the start boxes with the mouse, in a matplotlib window (the headless OpenCV wheel has no windows)."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from lockon._require import require
from lockon.errors import LockonError
from lockon.types import FloatArray, Frame

_HELP = "drag a box around the target; Enter: done    n: one more target    Esc: give up"


def select_boxes(frame: Frame) -> FloatArray:
    """Let the user draw one box or several on a frame; waits until the window is closed.

    Args:
        frame: (H, W, 3) uint8 RGB.

    Returns:
        (4,) x, y, w, h for one target, (n, 4) for several.

    Raises:
        LockonError: No display, matplotlib missing or without a window toolkit, or nothing was drawn.
    """
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise LockonError("--select needs a display and there is none here; give the box as --box x,y,w,h")
    pyplot: Any = require("matplotlib.pyplot", "app")
    backend = str(pyplot.get_backend())
    if backend.lower() in {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}:
        raise LockonError("--select found no window toolkit for matplotlib; type: pip install PyQt6, or give the box as --box x,y,w,h")
    picker = BoxPicker(pyplot, frame)
    pyplot.show()
    return picker.boxes()


class BoxPicker:
    """A window with a picture, a rectangle selector and three keys.

    Args:
        pyplot: The module `matplotlib.pyplot`.
        frame: (H, W, 3) uint8 RGB.
    """

    def __init__(self, pyplot: Any, frame: Frame) -> None:
        from matplotlib.widgets import RectangleSelector

        height, width = frame.shape[:2]
        self._pyplot = pyplot
        self._size = (width, height)
        self._accepted: list[FloatArray] = []
        self._cancelled = False
        self.figure, self.axes = pyplot.subplots(num="lockon: choose the target")
        self.axes.imshow(frame, extent=(0, width, height, 0))  # continuous coordinates: pixel 0 covers 0..1
        self.axes.set_title(_HELP, fontsize=9)
        self.axes.set_axis_off()
        self.selector = RectangleSelector(self.axes, lambda *_: None, useblit=False, interactive=True, minspanx=2, minspany=2)
        self.figure.canvas.mpl_connect("key_press_event", self._on_key)

    def _on_key(self, event: Any) -> None:
        if event.key == "escape":
            self._cancelled = True
            self._pyplot.close(self.figure)
        elif event.key == "enter":
            self._pyplot.close(self.figure)
        elif event.key == "n":
            self._accept()

    def _current(self) -> FloatArray | None:
        left, right, top, bottom = self.selector.extents
        x1, x2 = np.clip(sorted((left, right)), 0, self._size[0])
        y1, y2 = np.clip(sorted((top, bottom)), 0, self._size[1])
        return np.array([x1, y1, x2 - x1, y2 - y1]) if x2 > x1 and y2 > y1 else None

    def _accept(self) -> None:
        from matplotlib.patches import Rectangle

        box = self._current()
        if box is not None:
            self._accepted.append(box)
            x, y, w, h = box.tolist()
            self.axes.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor="white"))
            self.selector.clear()
            self.selector.extents = (0, 0, 0, 0)
            self.figure.canvas.draw_idle()

    def boxes(self) -> FloatArray:
        """Return the drawn boxes: (4,) or (n, 4) x, y, w, h.

        Raises:
            LockonError: Nothing was drawn, or Esc was pressed.
        """
        current = None if self._cancelled else self._current()
        drawn = self._accepted + ([] if current is None else [current])
        if self._cancelled or not drawn:
            raise LockonError("no box was drawn; drag one and press Enter, or give it as --box x,y,w,h")
        return drawn[0] if len(drawn) == 1 else np.stack(drawn)


__all__ = ["BoxPicker", "select_boxes"]
