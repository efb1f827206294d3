"""Shared parts of `lockon track` and `lockon refine`: a refiner behind a tracker, a learner beside it, and stored boxes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lockon.annotations import BoxRow, read_boxes
from lockon.api import TrackedFrame
from lockon.data.datasets.parsing import format_ranges
from lockon.errors import LockonError, LockonWarning
from lockon.refiners.stored import StoredBoxes
from lockon.session import Tracker
from lockon.types import Result
from lockon.video import FrameReader
from lockon.zoo.loading import load, load_online, split_overrides, take_overrides, wrap


def load_refined(name: str, options: Mapping[str, Any], refine: str | None, weights: Path | None, *, masks: bool) -> Tracker:
    """Load the tracker of a name, with the refiner that `refine` names behind it.

    Args:
        name: Name of the tracker.
        options: Arguments of `lockon.load`, those of the refiner among them.
        refine: NAME[:PRESET], or None for none.
        weights: Weights of the refiner.
        masks: Whether results must have masks.

    Raises:
        LockonError: As `lockon.load`; weights without a refiner.
    """
    if refine is None:
        if weights is not None:
            raise LockonError(f"--refiner-weights {weights} belongs to a refiner; name it, for example --refine alpha-refine-r34")
        return load(name, **options)
    base, refiner = split_overrides(options)
    overrides = {"refine.mask": True, **refiner} if masks else refiner
    return wrap(load(name, **base), refine, weights=weights, device=str(base.get("device", "auto")), overrides=overrides)


def with_online(options: Mapping[str, Any], online: str | None, weights: Path | None) -> dict[str, Any]:
    """Return the arguments of `lockon.load` with the online tracker that `online` names, whose own parameters begin with ``online.``.

    Args:
        options: Arguments of `lockon.load`.
        online: NAME[:PRESET], or None for none.
        weights: Weights of the online tracker.

    Raises:
        LockonError: As `load_online`; weights without an online tracker.
    """
    if online is None:
        if weights is not None:
            raise LockonError(f"--online-weights {weights} belongs to an online tracker; name it, for example --online compact-dimp")
        return dict(options)
    learner, own = take_overrides(options, "online.")
    return {**own, "online": load_online(online, weights, str(options.get("device", "auto")), learner)}


def read_stored(path: Path, format: str | None = None) -> StoredBoxes:
    """Read the boxes of a file as a tracker.

    Args:
        path: CSV, JSON lines or MOT file.
        format: Its format; None to go by the suffix.

    Raises:
        LockonError: An unreadable or empty file, frames with other targets than the first one has, or no frame with all boxes.
    """
    frames: dict[int, dict[int, BoxRow]] = {}
    for row in sorted(read_boxes(path, format)):
        frames.setdefault(row.frame, {})[row.target] = row
    if not frames:
        raise LockonError(f"{path} has no boxes; give a result that `lockon track --save` wrote")
    first = min(frames)
    targets = sorted(frames[first])
    for number, rows in frames.items():
        if sorted(rows) != targets:
            raise LockonError(
                f"{path}: frame {number} has boxes of targets {sorted(rows)}, the first one ({first}) of {targets}; "
                "give a file where every frame has all targets"
            )
    begin = next((number for number, rows in frames.items() if not any(row.is_empty for row in rows.values())), None)
    if begin is None:
        raise LockonError(f"{path} has no frame on which all of its targets have a box; give a result that `lockon track --save` wrote")
    early = [number for number in frames if number < begin]
    if early:
        text = f"{path}: no box in frames {format_ranges(early)}; the boxes begin on frame {begin}"
        warnings.warn(text, LockonWarning, stacklevel=2)
    return StoredBoxes(_results(frames, begin))


def _results(frames: Mapping[int, dict[int, BoxRow]], begin: int) -> dict[int, Result]:
    """Return the results from frame `begin` on; a target without a box is lost where it was last."""
    last, results = dict[int, BoxRow](), dict[int, Result]()
    for number in sorted(number for number in frames if number >= begin):
        rows = [last[row.target]._replace(score=row.score, state="lost") if row.is_empty else row for row in frames[number].values()]
        last.update((row.target, row) for row in rows)
        results[number] = _result(rows)
    return results


def _result(rows: list[BoxRow]) -> Result:
    boxes = np.array([(row.x, row.y, row.w, row.h) for row in rows])
    if len(rows) == 1:
        return Result(boxes[0], rows[0].score, rows[0].state)
    return Result(boxes, np.array([row.score for row in rows]), tuple(row.state for row in rows))


def refine_stored(reader: FrameReader, stored: StoredBoxes, tracker: Tracker) -> Iterator[TrackedFrame]:
    """Yield the stored frames of a video, the first one as it is, the others by `tracker`, which refines `stored`.

    Args:
        reader: Opened at `stored.first`; the caller closes it.
        stored: The stored boxes.
        tracker: A refiner behind `stored`.

    Raises:
        LockonError: The first frame cannot be read, or a box on it that does not fit.
    """
    if reader.first.number != stored.first:
        raise LockonError(f"{reader.name}: frame {stored.first}, on which the boxes begin, could not be read; check that it plays")
    number = stored.first
    for number, image in reader:
        stored.number = number
        if number == stored.first:
            result = stored.track(image)
            tracker.init(image, result.box)
            yield TrackedFrame(number, image, result)
        elif number in stored:
            yield TrackedFrame(number, image, tracker.track(image))
        if number >= stored.last:
            return
    beyond = stored.present(number + 1)
    if beyond:
        frames = f"frame{'s' if len(beyond) > 1 else ''} {format_ranges(beyond)}"
        text = f"{reader.name} ends with frame {number}; the boxes of {frames} are not in it: do they belong to another video?"
        warnings.warn(text, LockonWarning, stacklevel=2)


__all__ = ["load_refined", "read_stored", "refine_stored", "with_online"]
