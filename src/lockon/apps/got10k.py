"""Adapter of trackers for the official GOT-10k toolkit, which needs two methods and a name.

    from got10k.experiments import ExperimentGOT10k
    from lockon.apps.got10k import Got10kTracker

    ExperimentGOT10k("/data/GOT-10k", subset="val").run(Got10kTracker("lockon-s"))

The toolkit itself is not imported: it needs no base class of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lockon.data.sequence import read_image
from lockon.session import Tracker
from lockon.types import FloatArray


class Got10kTracker:
    """A tracker with the interface that the toolkit's experiments call.

    Args:
        tracker: A name of `lockon.load`, or a tracker.
        name: Folder of the results; default: the tracker's name.
        origin: Number of the first pixel in the toolkit's boxes: 0 for GOT-10k, 1 for OTB, UAV123 and the other benchmarks of the
            toolkit whose annotations count from 1.
        **options: Options of `lockon.load`.
    """

    def __init__(self, tracker: str | Tracker = "lockon-s", *, name: str = "", origin: int = 0, **options: Any) -> None:
        from lockon.zoo.loading import load

        self.tracker = load(tracker, **options) if isinstance(tracker, str) else tracker
        self.name = name or (tracker if isinstance(tracker, str) else type(tracker).__name__)
        self.is_deterministic = True
        self._shift = np.array([origin, origin, 0.0, 0.0])

    def init(self, image: Any, box: ArrayLike) -> None:
        """Start on a PIL image or an (H, W, 3) RGB array with a box x, y, w, h."""
        self.tracker.init(np.asarray(image), np.asarray(box, dtype=np.float64) - self._shift)

    def update(self, image: Any) -> FloatArray:
        """Return the (4,) box x, y, w, h in the next frame."""
        (only,) = self.tracker.track(np.asarray(image)).each()
        box: FloatArray = np.asarray(only.box, dtype=np.float64) + self._shift
        return box

    def track(self, img_files: Sequence[str], box: ArrayLike, visualize: bool = False) -> tuple[FloatArray, FloatArray]:
        """Return (T, 4) boxes and (T,) seconds of a whole sequence, without decoding; the toolkit's `visualize` does nothing."""
        boxes, times = np.zeros((len(img_files), 4)), np.zeros(len(img_files))
        boxes[0] = box
        for index, path in enumerate(img_files):
            frame = read_image(Path(path))
            begin = time.perf_counter()
            if index == 0:
                self.init(frame, box)
            else:
                boxes[index] = self.update(frame)
            times[index] = time.perf_counter() - begin
        return boxes, times


__all__ = ["Got10kTracker"]
