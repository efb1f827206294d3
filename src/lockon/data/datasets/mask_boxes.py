"""Boxes that only masks give: read once from all mask files, then remembered beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from lockon._cores import usable_cores
from lockon._files import PendingFile
from lockon.errors import LockonError
from lockon.types import FloatArray

FILE = "lockon-boxes.npz"


def remembered_boxes(folder: Path, keys: Sequence[str], read: Callable[[str], FloatArray]) -> FloatArray:
    """Return one box per key, from the file that an earlier call wrote for the same keys; else read them, in threads, and write it.

    Args:
        folder: Where the file lies; it is left out where that cannot be written to.
        keys: What boxes are of, for example "VIDEO/FRAME.OBJECT".
        read: Returns the (4,) x1, y1, x2, y2 of a key, NaN where there is none.

    Returns:
        (n, 4).
    """
    file = folder / FILE
    identity = hashlib.sha256("\n".join(keys).encode()).hexdigest()
    with suppress(OSError, ValueError, KeyError), np.load(file) as stored:
        if str(stored["identity"]) == identity:
            return np.asarray(stored["boxes"], dtype=np.float64)
    with ThreadPoolExecutor(usable_cores()) as pool:
        boxes = np.array(list(pool.map(read, keys)), dtype=np.float64).reshape(-1, 4)
    with suppress(LockonError, OSError), PendingFile(file) as pending:
        np.savez_compressed(pending.temp, identity=np.array(identity), boxes=boxes)
    return boxes


__all__ = ["FILE", "remembered_boxes"]
