"""`FusedTracker`: a tracker that was learnt offline, whose candidates a learner of this target judges too.

The learner's response at a candidate's centre is mixed with the candidate's own score, as DuML fuses its two branches (Eq. 1:
``mu * online + (1 - mu) * offline``). Where the tracker has lost its target, a clear response elsewhere can put it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from lockon._config_values import check_range
from lockon.localizers.score import sigmoid
from lockon.online.target import OnlineTarget
from lockon.online.tracker import OnlineSearch, OnlineTracker
from lockon.ops.boxes import cxcywh_to_xywh, xyxy_to_cxcywh
from lockon.session import Session
from lockon.target import Target
from lockon.tracker import NetworkTracker, SearchOutput
from lockon.types import FloatArray, Frame, Prediction, Result

SURE = 1e-6  # a fused probability is at least this far from 0 and 1, so that its logit is a number


@dataclass(frozen=True, kw_only=True, slots=True)
class FusionConfig:
    """How the learner has a say.

    Attributes:
        weight: mu, of its response against the candidate's own foreground probability, 0..1; with 0 it has none.
        redetect: A response from which the learner's peak is taken as the target where the tracker's own score says "lost", 0..1; None
            for never.

    Raises:
        LockonError: A value outside its range.
    """

    weight: float = 0.5
    redetect: float | None = None

    def __post_init__(self) -> None:
        check_range("weight", self.weight, 0, 1)
        if self.redetect is not None:
            check_range("redetect", self.redetect, 0, 1)


@dataclass(frozen=True, slots=True)
class FusedTarget:
    """One target of both.

    Attributes:
        base: The state of the tracker, whose box and score are the result.
        online: The learner's state, on the same box.
    """

    base: Target
    online: OnlineTarget

    @property
    def result(self) -> Result:
        """Return the tracker's result."""
        return self.base.result


class FusedTracker(Session[FusedTarget]):
    """Tracks with the candidates and boxes of one tracker and the doubts of another.

    Args:
        base: Gives candidates, boxes, and what a score means.
        online: Its crops, network and learner are used; its boxes are not.
        config: How both are mixed.
    """

    def __init__(self, base: NetworkTracker, online: OnlineTracker, config: FusionConfig | None = None) -> None:
        super().__init__()
        self.base = base
        self.online = online
        self.config = config or FusionConfig()

    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[FusedTarget]:
        """Return one state per x, y, w, h box, see `SteppedTracker.start`.

        Raises:
            LockonError: Whatever both raise.
        """
        pairs = zip(self.base.start(frame, boxes, seed=seed), self.online.start(frame, boxes, seed=seed), strict=True)
        return [FusedTarget(base, online) for base, online in pairs]

    def moved(self, target: FusedTarget, box_xywh: FloatArray) -> FusedTarget:
        """Return the target put on a finite box (4,) x, y, w, h."""
        return FusedTarget(self.base.moved(target.base, box_xywh), self.online.moved(target.online, box_xywh))

    def step(self, frames: Sequence[Frame], targets: Sequence[FusedTarget]) -> list[FusedTarget]:
        """Return the next state of each target, see `SteppedTracker.step`; what is learnt is the fused box.

        Raises:
            LockonError: A frame of another size than the target's first one.
        """
        bases, onlines = [target.base for target in targets], [target.online for target in targets]
        seen, heard = self.base.search(frames, bases), self.online.search(frames, onlines)
        if self.config.weight:
            prediction = self._fused(seen, heard)
            with np.errstate(all="ignore"):  # what is no number is met by `advanced`
                localization = self.base.localizer(prediction, seen.crops, np.stack([base.box for base in bases]))
            seen = SearchOutput(seen.crops, prediction, localization)
        moved = self._redetected(self.base.advanced(bases, seen), heard)
        boxes = np.stack([base.box for base in moved])  # (B, 4)
        sure = np.array([base.state == "tracked" for base in moved]) & heard.answered
        taught = self.online.taught(heard, onlines, boxes, sure)
        placed = [self.online.moved(online, cxcywh_to_xywh(base.box)) for online, base in zip(onlines, moved, strict=True)]
        rows = zip(moved, placed, taught, strict=True)
        return [FusedTarget(base, replace(online, learned=learned, frame=base.frame)) for base, online, learned in rows]

    def _fused(self, seen: SearchOutput, heard: OnlineSearch) -> Prediction:
        """Return the prediction with fused logits; where the learner has no answer, the tracker's own."""
        weight = np.where(heard.answered, self.config.weight, 0)[:, None]  # (B, 1)
        offline = sigmoid(np.asarray(seen.prediction.logits, dtype=np.float64))  # (B, N)
        centers = xyxy_to_cxcywh(seen.crops.expand().to_image(seen.prediction.boxes))[..., :2]  # (B, N, 2) image pixels
        online = np.clip(response_at(heard, centers), 0, 1)
        mixed = np.clip(weight * online + (1 - weight) * offline, SURE, 1 - SURE)
        return replace(seen.prediction, logits=np.log(mixed / (1 - mixed)))

    def _redetected(self, bases: Sequence[Target], heard: OnlineSearch) -> list[Target]:
        """Put targets that the tracker has lost on a response that is clear enough, with the size they were last trusted with."""
        threshold, moved = self.config.redetect, list(bases)
        if threshold is None:
            return moved
        centers = self.online.peak_centers(heard)  # (B, 2)
        for i, base in enumerate(bases):
            clear = heard.answered[i] and heard.peaks.scores[i] >= threshold and heard.peaks.verdicts[i] != "not_found"
            if clear and base.state == "lost":
                box = np.concatenate([centers[i], base.trusted[2:]])
                moved[i] = self.base.moved(replace(base, trusted=base.box), cxcywh_to_xywh(box))
        return moved


def response_at(heard: OnlineSearch, centers: FloatArray) -> FloatArray:
    """Return the (B, N) responses at (B, N, 2) x, y in image pixels, interpolated between cells; 0 outside of the map."""
    maps, cell = heard.responses
    side = maps.shape[-1]
    windows = heard.windows.expand()
    places = windows.to_crop(np.concatenate([centers, centers], axis=-1))[..., :2]  # (B, N, 2) crop pixels
    x, y = np.moveaxis((places - heard.windows.size / 2) / cell + side // 2, -1, 0)  # (B, N) each, in cells
    inside = (x >= 0) & (x <= side - 1) & (y >= 0) & (y <= side - 1)
    left, top = (np.clip(np.floor(np.nan_to_num(at)), 0, side - 2).astype(np.intp) for at in (x, y))
    right_share, bottom_share = x - left, y - top
    rows = np.arange(len(maps))[:, None]
    upper = maps[rows, top, left] * (1 - right_share) + maps[rows, top, left + 1] * right_share
    lower = maps[rows, top + 1, left] * (1 - right_share) + maps[rows, top + 1, left + 1] * right_share
    return np.where(inside, upper * (1 - bottom_share) + lower * bottom_share, 0.0)


__all__ = ["FusedTarget", "FusedTracker", "FusionConfig", "response_at"]
