"""Overlap of segmentation masks: the region similarity J of DAVIS, and the overlap of VOT2020 and later.

Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, CVPR 2016, section 4; Kristan et
al., The Eighth Visual Object Tracking VOT2020 Challenge Results, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lockon.bench.metrics.frame_scores import BoolArray
from lockon.errors import LockonError
from lockon.types import FloatArray

Masks = NDArray[np.bool_] | Sequence[BoolArray | None]


def mask_overlap(
    pred: Masks, gt: Masks, *, void: Masks | None = None, bounds: tuple[int, int] | None = None, empty: float = 1.0
) -> FloatArray:
    """Compute pixels in both masks by pixels in either, frame by frame.

    Args:
        pred: (T, H, W) bool, or T predicted masks (H, W), of which any may be None: no output, which counts as an empty mask.
        gt: The same of ground truth; None is no annotation, which is not scored.
        void: Pixels to ignore, in the same form; None where there are none.
        bounds: (width, height) to which masks of any size are cut or filled up with background from the top left corner. Without
            bounds the masks of a frame have one size.
        empty: Value where both masks are empty: 1 for DAVIS and the VOT toolkit.

    Returns:
        (T,) in [0, 1], NaN where there is no annotation.

    Raises:
        LockonError: Different numbers of frames, a mask that is no (H, W) array, or masks of different sizes without bounds.

    >>> mask_overlap(np.array([[[True, True]]]), np.array([[[True, False]]])).tolist()
    [0.5]
    """
    ignored: Masks = [None] * len(gt) if void is None else void
    if not len(pred) == len(gt) == len(ignored):
        raise LockonError(f"{len(pred)} masks, {len(gt)} of ground truth and {len(ignored)} of void; give one per frame in each")
    result = np.full(len(gt), np.nan)
    for frame, (predicted, annotated, void_pixels) in enumerate(zip(pred, gt, ignored, strict=True)):
        if annotated is None:
            continue
        size = np.shape(annotated) if bounds is None else (bounds[1], bounds[0])
        truth, output, left_out = (_mask(mask, size, frame, resize=bounds is not None) for mask in (annotated, predicted, void_pixels))
        either, both = truth | output, truth & output
        union = int(np.count_nonzero(either & ~left_out))
        result[frame] = np.count_nonzero(both & ~left_out) / union if union else empty
    return result


def _mask(mask: BoolArray | None, size: tuple[int, ...], frame: int, *, resize: bool) -> BoolArray:
    if mask is None:
        return np.zeros(size, dtype=np.bool_)
    array = np.asarray(mask).astype(np.bool_)
    if array.ndim != 2 or (array.shape != size and not resize):
        raise LockonError(f"mask of shape {array.shape} in frame {frame}, expected {size}; give (H, W) masks of one size, or bounds=")
    if array.shape == size:
        return array
    full = np.zeros(size, dtype=np.bool_)
    part = array[: size[0], : size[1]]
    full[: part.shape[0], : part.shape[1]] = part
    return full


__all__ = ["mask_overlap"]
