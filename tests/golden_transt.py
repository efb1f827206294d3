"""Reference values of the official TransT tracker for tests; golden/README.md says where they come from.

TransT-N4 with made-up weights over the pictures and the video of golden_data; names and features are those of `golden_data`.
"""

from __future__ import annotations

import json
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import golden_data

NAME = "transt"


class Run(NamedTuple):
    """One run of the official tracker; row 0 of each array belongs to the first frame.

    Attributes:
        boxes: (21, 4) x, y, w, h.
        values: (21,) what the chosen cell ranks by: its score under the window.
        centers: (21, 2) centres of the windows, (170, 150) of the template.
        crop_means: (21,) mean of each window's pixels.
        window_influence: Weight of the window.
        strict_through: As of `golden_data.Track`.
    """

    boxes: NDArray[np.float64]
    values: NDArray[np.float64]
    centers: NDArray[np.float64]
    crop_means: NDArray[np.float64]
    window_influence: float
    strict_through: int


@cache
def run(which: str) -> Run:
    """A run over `golden_data.frames`."""
    stored = np.load(golden_data.FOLDER / NAME / "track.npz")
    influence = json.loads(str(stored[f"{which}.settings"]))["window_penalty"]
    arrays = (stored[f"{which}.{key}"] for key in ("boxes", "best_pscore", "crop_args", "crop_mean"))
    boxes, values, crops, means = arrays
    return Run(boxes, values, crops[:, :2], means, influence, int(stored[f"{which}.strict_through"]))
