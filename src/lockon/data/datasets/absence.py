"""Rows of an annotation that state no box: 0,0,0,0 and -1,-1,-1,-1, and any side of 0 or less, are as good as NaN.

The complete annotations that benchmarks publish are left as they are: how such a row scores is then a matter of the toolkit's
convention (see `lockon.bench.metrics.conventions`). Both are told.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class BoxesWithoutArea:
    """How many boxes without area there were, by sequence; told once for all datasets that are loaded together.

    Attributes:
        absent: Those that count as no box.
        published: Those that stay as the benchmark published them.
        sources: The datasets that have some: their names by NAME:ROOT.
    """

    absent: dict[str, int] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.absent.values()) + sum(self.published.values())

    def warn(self) -> None:
        """Warn of them, if there are any, for the caller of the caller."""
        texts = [
            f"{_counted(found, rule)}, in {_some(found)}" for found, rule in ((self.absent, _ABSENT), (self.published, _KEPT)) if found
        ]
        if texts:
            names, commands = dict.fromkeys(self.sources.values()), [f"`{check_command(source)}`" for source in self.sources]
            hint = f"{' and '.join(commands)} {'list' if len(commands) > 1 else 'lists'} the lines"
            warnings.warn(f"{', '.join(names)}: {'; '.join([*texts, hint])}", LockonWarning, stacklevel=3)


_ABSENT = ("counts as no box", "count as no box")
_KEPT = ("stays as published and counts by the rules of the convention", "stay as published and count by the rules of the convention")


def _counted(found: dict[str, int], rule: tuple[str, str]) -> str:
    count = sum(found.values())
    return f"{count} box{'es' if count > 1 else ''} without area (0,0,0,0 or the like) {rule[count > 1]}"


def _some(found: dict[str, int]) -> str:
    return ", ".join(list(found)[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def as_absent(
    sequences: Sequence[VideoSequence], listing: Official | None, found: BoxesWithoutArea, *, unstated: bool
) -> list[VideoSequence]:
    """Return sequences whose boxes without area are none.

    Args:
        sequences: Of one dataset.
        listing: The complete benchmark; its annotations are left as published. None where there is no list.
        found: Grows by what there was.
        unstated: Whether a frame without a box is one without annotation; otherwise the target is absent there.
    """
    mended = []
    for sequence in sequences:
        empty = areas_missing(sequence)
        listed = None if listing is None else listing.sequences.get(sequence.name)
        published = listed is not None and listed.frames == len(sequence)
        if empty.any():
            counts = found.published if published else found.absent
            counts[sequence.name] = counts.get(sequence.name, 0) + int(empty.sum())
        mended.append(_without(sequence, empty, unstated=unstated) if empty.any() and not published else sequence)
    return mended


def _without(sequence: VideoSequence, empty: NDArray[np.bool_], *, unstated: bool) -> VideoSequence:
    boxes = np.where(empty[:, None], np.nan, sequence.boxes)
    polygons = None if sequence.polygons is None else np.where(empty[:, None], np.nan, sequence.polygons)
    if sequence.visible is not None:
        visible: NDArray[np.bool_] | None = sequence.visible & ~empty
    else:
        visible = None if unstated else ~empty
    return dataclasses.replace(sequence, boxes=boxes, polygons=polygons, visible=visible)


__all__ = ["BoxesWithoutArea", "areas_missing", "as_absent"]
