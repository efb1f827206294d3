"""Reference values of the official OSTrack tracker for tests; golden/README.md says where they come from.

Two networks with made-up weights: "ostrack256" with all search tokens, "ostrack256_ce" with candidate elimination; over the pictures and
the video of golden_data.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import golden_data

NAMES = {"ostrack256": "ostrack256", "ostrack256_ce": "ostrack256-ce"}  # golden set -> card
RUNS = (("ostrack256", "default"), ("ostrack256_ce", "default"), ("ostrack256_ce", "other"))


class Run(NamedTuple):
    """One run of the official tracker; row 0 of each array is the initial box.

    Attributes:
        boxes: (21, 4) x, y, w, h.
        scores: (21,) score of the chosen cell, without the window.
        factors: Template and search crop over the target.
        strict_through: As of `golden_data.Track`.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    factors: tuple[float, float]
    strict_through: int


@cache
def run(name: str, which: str) -> Run:
    """A run over `golden_data.frames`."""
    stored = np.load(golden_data.FOLDER / name / "track.npz")
    settings: dict[str, Any] = json.loads(str(stored[f"{which}.settings"]))
    factors = settings["template_factor"], settings["search_factor"]
    return Run(stored[f"{which}.boxes"], stored[f"{which}.scores_at_peak"], factors, int(stored[f"{which}.strict_through"]))
