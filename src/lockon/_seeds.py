"""The random numbers of OpenCV, of which some come from the C library."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

import cv2


def seed_opencv(seed: int) -> None:
    """Seed OpenCV's generator, and C's `rand`, which its MIL draws from: its boxes would depend on what ran before in the process.

    Args:
        seed: From 0 to 2**31 - 1.
    """
    cv2.setRNGSeed(seed)
    _c_library().srand(ctypes.c_uint(seed))


@cache
def _c_library() -> Any:
    """Return the C library of this process."""
    return ctypes.CDLL("ucrtbase" if os.name == "nt" else None)


__all__ = ["seed_opencv"]
