"""Rows of an annotation that state no box: 0,0,0,0 and -1,-1,-1,-1, and any side of 0 or less, are as good as NaN.

The complete annotations that benchmarks publish are left as they are: how such a row scores is then a matter of the toolkit's
convention (see `lockon.bench.metrics.conventions`).
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lockon.data.datasets.lists import Official
from lockon.data.sequence import VideoSequence, check_command
from lockon.errors import LockonWarning


def areas_missing(sequence: VideoSequence) -> NDArray[np.bool_]:
    """Return (T,) where a target that is not said to be absent has a box or polygon without area."""
    empty = (sequence.boxes[:, 2:] <= 0).any(axis=1)
    if sequence.polygons is not None:
        corners = sequence.polygons.reshape(-1, 4, 2)
        empty |= (corners.max(axis=1) - corners.min(axis=1) <= 0).any(axis=1)
    return np.asarray(empty if sequence.visible is None else empty & sequence.visible)


def as_absent(sequences: Sequence[VideoSequence], listing: Official | None, source: str, *, unstated: bool) -> list[VideoSequence]:
    """Return sequences whose boxes without area are none; one warning says how many there were.

    Args:
        sequences: Of one dataset.
        listing: The complete benchmark; its annotations are left as published. None where there is no list.
        source: NAME:ROOT of the dataset, for the warning.
        unstated: Whether a frame without a box is one without annotation; otherwise the target is absent there.
    """
    found, mended = dict[str, int](), []
    for sequence in sequences:
        empty = areas_missing(sequence)
        listed = None if listing is None else listing.sequences.get(sequence.name)
        if not empty.any() or (listed is not None and listed.frames == len(sequence)):
            mended.append(sequence)
            continue
        found[sequence.name] = int(empty.sum())
        mended.append(_without(sequence, empty, unstated=unstated))
    if found:
        names = ", ".join(list(found)[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        count = sum(found.values())
        text = f"{count} box{'es' if count > 1 else ''} without area (0,0,0,0 or the like) count as no box, in {names}"
        hint = f"`{check_command(source)}` lists the lines"
        warnings.warn(f"{sequences[0].dataset}: {text}; {hint}", LockonWarning, stacklevel=4)
    return mended


def _without(sequence: VideoSequence, empty: NDArray[np.bool_], *, unstated: bool) -> VideoSequence:
    boxes = np.where(empty[:, None], np.nan, sequence.boxes)
    polygons = None if sequence.polygons is None else np.where(empty[:, None], np.nan, sequence.polygons)
    if sequence.visible is not None:
        visible: NDArray[np.bool_] | None = sequence.visible & ~empty
    else:
        visible = None if unstated else ~empty
    return dataclasses.replace(sequence, boxes=boxes, polygons=polygons, visible=visible)


__all__ = ["areas_missing", "as_absent"]
