"""Frames with coloured rectangles."""

from __future__ import annotations

import numpy as np

RED, GREEN, BLUE = (230, 20, 20), (20, 230, 20), (20, 20, 230)


def scene(*blobs, size=(160, 120)):
    """A grey frame with coloured rectangles (x, y, w, h, colour)."""
    frame = np.full((size[1], size[0], 3), 100, np.uint8)
    for x, y, w, h, color in blobs:
        frame[max(y, 0) : y + h, max(x, 0) : x + w] = color
    return frame
