"""`FusedTracker`: a tracker that was learnt offline, whose candidates a learner of this target judges too.

The learner's response at a candidate's centre goes to the tracker's localizer, whose `DualModalScore` mixes it with the candidate's own
probability, as DuML fuses its two branches (Eq. 1). Where the tracker has lost its target, a clear response elsewhere can put it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.localizers.score import ONLINE, DualModalScore
from lockon.online.config import OnlineConfig
from lockon.online.fused_session import FusedSession
from lockon.online.target import OnlineTarget
from lockon.online.tracker import OnlineSearch, OnlineTracker
from lockon.ops.boxes import cxcywh_to_xywh, xyxy_to_cxcywh
from lockon.target import Target
from lockon.tracker import NetworkTracker, SearchOutput, TrackerConfig
from lockon.types import FloatArray, Frame, Result


@dataclass(frozen=True, kw_only=True, slots=True)
class FusionConfig:
    """How the learner has a say beside its share of the scores, which is ``localizer.score.mu`` of the tracker that it stands beside.

    Attributes:
        redetect: A response from which the learner's peak is taken as the target where the tracker's own score says "lost", 0..1; None
            for never.

    Raises:
        LockonError: A value outside its range.
    """

    redetect: float | None = None

    def __post_init__(self) -> None:
        if self.redetect is not None:
            check_range("redetect", self.redetect, 0, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class FusedParameters(TrackerConfig):
    """All that can be set of a tracker with a learner beside it, by the names of `lockon.load`.

    Attributes:
        fusion: How the learner has a say.
        online: Parameters of the tracker that it is the learner of.
    """

    fusion: FusionConfig
    online: OnlineConfig


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


class FusedTracker(FusedSession[FusedTarget]):
    """Tracks with the candidates and boxes of one tracker and the doubts of another.

    Args:
        base: Gives candidates, boxes, and what a score means.
        online: Its crops, network and learner are used; its boxes are not.
        config: How the learner has a say.

    Raises:
        LockonError: The tracker's score part takes no online responses.
    """

    def __init__(self, base: NetworkTracker, online: OnlineTracker, config: FusionConfig | None = None) -> None:
        super().__init__()
        if not isinstance(base.localizer.config.score, DualModalScore):
            raise LockonError("the scores take no responses of a learner; set localizer.score=dual-modal-score where the base is made")
        self.base = base
        self.online = online
        self.config = config or FusionConfig()

    @property
    def parameters(self) -> FusionConfig | FusedParameters:
        """All that can be set, by the names of `lockon.load`: those of all parts, or of the card's own configuration."""
        if type(self.config) is not FusionConfig:
            return self.config
        base = {item.name: getattr(self.base.config, item.name) for item in fields(TrackerConfig)}
        return FusedParameters(**base, fusion=self.config, online=self.online.config)

    @property
    def makes_masks(self) -> bool:
        """Whether results have masks: those of the tracker."""
        return self.base.makes_masks

    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[FusedTarget]:
        """Return one state per x, y, w, h box, see `SteppedTracker.start`.

        Raises:
            LockonError: Whatever both raise.
        """
        pairs = zip(self.base.start(frame, boxes, seed=seed), self.online.start(frame, boxes, seed=seed), strict=True)
        return [FusedTarget(base, online) for base, online in pairs]

    def placed(self, target: FusedTarget, frame: Frame, box_xywh: FloatArray) -> FusedTarget:
        """Return the target as if it had last been seen in the box (4,) x, y, w, h of the video that `frame` (H, W, 3) belongs to."""
        return FusedTarget(self.base.placed(target.base, frame, box_xywh), self.online.placed(target.online, frame, box_xywh))

    def moved(self, target: FusedTarget, box_xywh: FloatArray) -> FusedTarget:
        """Return the target put on a finite box (4,) x, y, w, h."""
        return FusedTarget(self.base.moved(target.base, box_xywh), self.online.moved(target.online, box_xywh))

    def step(self, frames: Sequence[Frame], targets: Sequence[FusedTarget]) -> list[FusedTarget]:
        """Return the next state of each target, see `SteppedTracker.step`; what is learnt is the fused box.

        Raises:
            LockonError: A frame of another size than the target's first one.
        """
        bases, onlines = [target.base for target in targets], [target.online for target in targets]
        seen, heard = self._searched(frames, targets)
        moved = self._redetected(self.base.advanced(bases, seen), heard)
        boxes = np.stack([base.box for base in moved])  # (B, 4)
        sure = np.array([base.state == "tracked" for base in moved]) & heard.answered
        taught = self.online.taught(heard, onlines, boxes, sure)
        placed = [self.online.moved(online, cxcywh_to_xywh(base.box)) for online, base in zip(onlines, moved, strict=True)]
        rows = zip(moved, placed, taught, strict=True)
        return [FusedTarget(base, replace(online, learned=learned, frame=base.frame)) for base, online, learned in rows]

    def search(self, frames: Sequence[Frame], targets: Sequence[FusedTarget]) -> SearchOutput:
        """Return all candidates around the targets' boxes, with the learner's responses in the extras, see `NetworkTracker.search`."""
        return self._searched(frames, targets)[0]

    def _searched(self, frames: Sequence[Frame], targets: Sequence[FusedTarget]) -> tuple[SearchOutput, OnlineSearch]:
        """Return what both see of the frames."""
        bases = [target.base for target in targets]
        (crops, prediction), heard = self.base.seen(frames, bases), self.online.respond(frames, [target.online for target in targets])
        with np.errstate(all="ignore"):  # places that are no numbers have no response
            centers = xyxy_to_cxcywh(crops.expand().to_image(prediction.boxes))[..., :2]  # (B, N, 2) image pixels
            responses = np.where(heard.answered[:, None], response_at(heard, centers), np.nan)  # (B, N)
        prediction = replace(prediction, extras={**prediction.extras, ONLINE: responses})
        return self.base.chosen(bases, crops, prediction), heard

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


__all__ = ["FusedParameters", "FusedTarget", "FusedTracker", "FusionConfig", "response_at"]
