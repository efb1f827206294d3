"""Samples of a tracker's logits with the truth, and what is fitted to them: Platt's calibration and the states' thresholds.

The score stands for the event IoU > 0.5. It is fitted on frames that were tracked and, a third as many, on frames of other
videos, where the target cannot be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.analysis.absence import Advance, Search, usable_frames
from lockon.bench.metrics.calibration import PlattScaling, auroc, fit_platt
from lockon.bench.protocols.one_pass import run_one_pass
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.ops.boxes import iou_xywh
from lockon.session import Tracker
from lockon.tracker import Calibration
from lockon.types import FloatArray

Fit = Callable[[FloatArray, NDArray[np.bool_]], Callable[[ArrayLike], FloatArray]]  # logits, hits -> logits to probabilities

EVENT = 0.5  # the score's event: IoU with the target above this
TRACKED_PER_ABSENT = 3  # tracked frames for one frame without the target, in the samples that the calibration is fitted on
MISSED = 0.02  # part of the overlapping frames that the `lost` threshold may take away


@dataclass(frozen=True, slots=True)
class ScoreSamples:
    """Frames with the logit of the chosen candidate.

    Attributes:
        logits: (N,).
        overlaps: (N,) IoU of the tracker's box with the target, 0 where the target is not there.
        absent: (N,) bool, the target is not there.
        templates: (N,) names of the sequences whose target is searched.
        scenes: (N,) of those it is searched in.
    """

    logits: FloatArray
    overlaps: FloatArray
    absent: NDArray[np.bool_]
    templates: NDArray[np.str_]
    scenes: NDArray[np.str_]

    @property
    def hits(self) -> NDArray[np.bool_]:
        """(N,) the score's event."""
        return np.asarray(self.overlaps > EVENT)


def track_samples(tracker: Tracker, sequences: Sequence[VideoSequence], advance: Advance) -> ScoreSamples:
    """Return the annotated frames of one-pass runs, the start excluded. The tracker's calibration must be the identity."""
    parts = []
    for sequence in sequences:
        run = run_one_pass(tracker, sequence)
        frames = usable_frames(sequence)
        frames = frames[frames > run.start]
        name = np.full(len(frames), sequence.name)
        overlaps = np.asarray(iou_xywh(run.boxes[frames], sequence.boxes[frames]), dtype=np.float64)
        parts.append(ScoreSamples(logit(run.scores[frames]), overlaps, np.zeros(len(frames), dtype=np.bool_), name, name))
        advance(len(sequence))
    return join(*parts)


def absent_samples(searches: Sequence[Search]) -> ScoreSamples:
    """Return the searches in other videos."""
    absent = [search for search in searches if not search.present]
    return ScoreSamples(
        logit(np.array([search.score for search in absent])),
        np.zeros(len(absent)),
        np.ones(len(absent), dtype=np.bool_),
        np.array([search.template for search in absent]),
        np.array([search.scene for search in absent]),
    )


def logit(scores: FloatArray) -> FloatArray:
    """Return the logits of uncalibrated scores in [0, 1]; those of 0 and 1 are kept finite."""
    inner = np.clip(scores, 1e-12, 1 - 1e-12)
    return np.asarray(np.log(inner) - np.log1p(-inner))


def join(*parts: ScoreSamples) -> ScoreSamples:
    """Join all samples of the parts, in order."""
    return ScoreSamples(*(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(ScoreSamples)))


def fit_config(config: Any, pool: ScoreSamples) -> Any:
    """Return the calibration of highest likelihood for the score's event, and the thresholds `tracked` and `lost` for it.

    `tracked` is 0.5: more likely on the target than not. `lost` is the largest value that at most `MISSED` of the hits fall below,
    and not above `tracked`.

    Args:
        config: A tracker's inference parameters, with `calibration` and `states`.
        pool: Samples.

    Raises:
        LockonError: Hits or misses only, or a score that falls where overlap rises.
    """
    platt = fit_platt(pool.logits, pool.hits)
    if platt.scale <= 0:
        ranking = auroc(pool.logits, pool.hits)
        raise LockonError(f"the score does not rise with overlap (AUROC {ranking:.3f} for IoU > {EVENT}); train further before calibrating")
    calibration = Calibration(scale=float(f"{platt.scale:.6g}"), bias=float(f"{platt.bias:.6g}"))
    tracked = 0.5
    lost = min(tracked, lost_threshold(calibrated(calibration, pool)[pool.hits]))
    return replace(config, calibration=calibration, states=replace(config.states, tracked=tracked, lost=lost))


def calibrated(calibration: Calibration, pool: ScoreSamples) -> FloatArray:
    """Return the (N,) scores of the samples."""
    return PlattScaling(calibration.scale, calibration.bias)(pool.logits)


def lost_threshold(scores: FloatArray, missed: float = MISSED) -> float:
    """Return the largest value, rounded down to thousandths, that at most a part `missed` of (N,) `scores` lies below.

    >>> lost_threshold(np.array([0.2, 0.4, 0.6, 0.8]), 0.25)
    0.4
    """
    value = float(np.sort(scores)[int(missed * len(scores) + 1e-9)])
    return math.floor(value * 1000 + 1e-9) / 1000


def held_out(pool: ScoreSamples, fit: Fit) -> FloatArray:
    """Return the (N,) probabilities, each from a fit without the videos of its sample's target: neither as template nor as scene."""
    out = np.full(len(pool.logits), np.nan)
    for name in np.unique(pool.templates):
        own = pool.templates == name
        rest = ~own & (pool.scenes != name)
        out[own] = fit(pool.logits[rest], pool.hits[rest])(pool.logits[own])
    return out


__all__ = [
    "EVENT",
    "TRACKED_PER_ABSENT",
    "Fit",
    "ScoreSamples",
    "absent_samples",
    "calibrated",
    "fit_config",
    "held_out",
    "join",
    "logit",
    "lost_threshold",
    "track_samples",
]
