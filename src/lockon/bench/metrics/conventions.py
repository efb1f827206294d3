"""The named conventions: the rules by which each toolkit scores the same boxes.

"AUC" is not one number. Toolkits differ in which frames count, in thresholds and in how sequences are averaged; every
metric takes one of the names below and follows that toolkit, odd cases included.

==============  =========  ==========================  ==================  =====================================  =========
name            IoU test   frames to divide by         absent frames       a frame whose ground truth is no box    sequences
==============  =========  ==========================  ==================  =====================================  =========
``pysot``       ``>``, 21  all                         misses              overlap: miss; centre errors: hit      mean
``pytracking``  ``>``, 21  all                         misses              overlap, centre error: miss;           mean
                                                                           normalised error: hit
``ostrack``     ``>``, 21  all                         misses              as ``pytracking``                      mean
``lorat``       ``>=``,21  annotated and present       do not count        does not count                         mean
``got10k``      ``>``,101  as ``lorat``, less the      do not count        does not count                         pooled
                           first
``got10k-otb``  ``>``, 21  annotated and present       do not count        does not count                         mean
==============  =========  ==========================  ==================  =====================================  =========

"No box" is NaN or no width or height. Further:

- ``pysot``: a centre error is a hit where the ground truth's centre is not positive in both coordinates (or is NaN).
- ``pytracking``: "no box" is also ground truth with x or y of 0 or less: a target that touches the left or upper border.
- ``pytracking``, ``ostrack``: the first box is replaced by the ground truth; a box without width or height by the one before
  it. `average_overlap` is the mean over the frames with a box. The toolkit's exception for UAV123, where a frame without
  ground truth is a hit of the centre error too, is not followed: that is one benchmark's rule, use ``pysot`` for it.
- ``lorat``: an IoU of exactly 0 counts as -1, below every threshold.
- ``got10k``, ``got10k-otb``: "no box" is NaN alone; a box without width or height counts, with an overlap of 0. Boxes are
  clipped to `bounds` where these are given; the normalising size is 1 pixel at least.

Centre errors up to and including a threshold count, in all of them. Centres lie at ``x + (w - 1) / 2`` (``lorat``:
``x + w / 2``); that shifts both centres alike, so it shows only in the sign that ``pysot`` tests. Normalised errors are
in units of the ground truth's width and height. A NaN prediction is a miss in every convention; toolkits stop there, or
let means turn NaN.

Sources: STVIR/pysot ``toolkit/utils/statistics.py``, ``toolkit/evaluation/ope_benchmark.py``; visionml/pytracking
``pytracking/analysis/extract_results.py``; botaoye/OSTrack ``lib/test/analysis/extract_results.py``; LitingLin/LoRAT
``one_pass_evaluation/ope_metrics.py``; got-10k/toolkit ``utils/metrics.py``, ``experiments/got10k.py``,
``experiments/otb.py``, ``experiments/lasot.py``. Metrics of pysot and got10k are checked against these programs, the other
three against their published rules.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lockon.bench.metrics import frame_scores
from lockon.bench.metrics.frame_scores import HIT, MISS, BoolArray, Bounds
from lockon.errors import unknown_name
from lockon.types import FloatArray

Frames = Callable[[FloatArray, BoolArray], BoolArray]


@dataclass(frozen=True, slots=True)
class Convention:
    """The scoring rules of one toolkit; boxes are columns, (4, T) rows x, y, w, h.

    Attributes:
        name: Name that users type.
        scored: (gt, visible) -> (T,) frames whose overlap and errors are scored.
        overlaps: (pred, gt, bounds or None) -> (T,) IoU, `MISS` where it cannot be, never NaN.
        errors: (pred, gt) -> (T,) centre errors in pixels and (T,) in units of the ground truth's size; `HIT` for a hit at
            any threshold, NaN for none.
        success_thresholds: Thresholds of the success curve.
        inclusive: Whether an overlap equal to the threshold counts.
        divides_by_all: Whether metrics are fractions of all frames; otherwise of the scored frames.
        averaged: As `scored`, the frames of the mean overlap where these are others, or None.
        pooled: Whether frames of all sequences are pooled; otherwise the mean over sequences is taken.
        prepare: (pred, gt) -> pred as the toolkit reads it, or None.
    """

    name: str
    scored: Frames
    overlaps: Callable[[FloatArray, FloatArray, Bounds | None], FloatArray]
    errors: Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]
    success_thresholds: FloatArray = field(default_factory=lambda: np.linspace(0, 1, 21))
    inclusive: bool = False
    divides_by_all: bool = False
    averaged: Frames | None = None
    pooled: bool = False
    prepare: Callable[[FloatArray, FloatArray], FloatArray] | None = None

    def counted(self, gt: FloatArray, visible: BoolArray) -> int:
        """Return the number of frames to divide by."""
        return len(visible) if self.divides_by_all else int(np.count_nonzero(self.scored(gt, visible)))

    def averaged_over(self, gt: FloatArray, visible: BoolArray) -> int:
        """Return the number of frames that the mean overlap divides by."""
        return self.counted(gt, visible) if self.averaged is None else int(np.count_nonzero(self.averaged(gt, visible)))


def _visible(gt: FloatArray, visible: BoolArray) -> BoolArray:
    return visible


def _annotated(gt: FloatArray, visible: BoolArray) -> BoolArray:
    known: BoolArray = np.logical_not(np.isnan(gt).any(axis=0))
    return known & visible


def _all_but_first(gt: FloatArray, visible: BoolArray) -> BoolArray:
    frames = _annotated(gt, visible)
    frames[0] = False
    return frames


def _present(gt: FloatArray, visible: BoolArray) -> BoolArray:
    return frame_scores.has_size(gt) & visible


def _present_positive(gt: FloatArray, visible: BoolArray) -> BoolArray:
    return frame_scores.is_positive(gt) & visible


_TOOLKIT_STEPS = np.arange(0, 1.05, 0.05)  # the toolkits' floats, which differ from k / 20 in a strict comparison

_CONVENTIONS = (
    Convention(
        "pysot",
        scored=_visible,
        overlaps=frame_scores.pysot_overlaps,
        errors=frame_scores.pysot_errors,
        success_thresholds=_TOOLKIT_STEPS,
        divides_by_all=True,
    ),
    Convention(
        "pytracking",
        scored=_visible,
        overlaps=frame_scores.pytracking_overlaps,
        errors=frame_scores.pytracking_errors,
        success_thresholds=_TOOLKIT_STEPS,
        divides_by_all=True,
        averaged=_present_positive,
        prepare=frame_scores.pytracking_prepare,
    ),
    Convention(
        "ostrack",
        scored=_visible,
        overlaps=frame_scores.pysot_overlaps,
        errors=frame_scores.ostrack_errors,
        success_thresholds=_TOOLKIT_STEPS,
        divides_by_all=True,
        averaged=_present,
        prepare=frame_scores.pytracking_prepare,
    ),
    Convention(
        "lorat",
        scored=_present,
        overlaps=frame_scores.lorat_overlaps,
        errors=frame_scores.lorat_errors,
        inclusive=True,
    ),
    Convention(
        "got10k",
        scored=_all_but_first,
        overlaps=frame_scores.got10k_overlaps,
        errors=frame_scores.got10k_errors,
        success_thresholds=np.linspace(0, 1, 101),
        pooled=True,
    ),
    Convention("got10k-otb", scored=_annotated, overlaps=frame_scores.got10k_overlaps, errors=frame_scores.got10k_errors),
)

CONVENTIONS: dict[str, Convention] = {convention.name: convention for convention in _CONVENTIONS}


def get_convention(name: str) -> Convention:
    """Return the convention of a name.

    Raises:
        LockonError: No such convention.
    """
    if name not in CONVENTIONS:
        raise unknown_name("convention", name, CONVENTIONS)
    return CONVENTIONS[name]


__all__ = ["CONVENTIONS", "HIT", "MISS", "Convention", "get_convention"]
