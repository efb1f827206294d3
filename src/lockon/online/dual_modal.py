"""`DualModalTracker`: one network that matches a template and gives features to learn a filter on, both asked where the target is (DuML).

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization (DuML), 2021, Sec. 3.2 and Appendix A: the filter begins as the
template's features, is fitted to the first frame and to what is found later as DiMP's is, and its responses are mixed with the scores of
the matching. Boxes, and what a score means, are those of a `NetworkTracker`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.localizers.dense import LocalizerConfig
from lockon.localizers.peaks import LargestPeak, SecondPeak
from lockon.localizers.rank import map_side
from lockon.localizers.score import ONLINE, DualModalScore
from lockon.localizers.verdict import Verdict
from lockon.online.dimp import DiMPLearner
from lockon.online.fused_session import FusedSession
from lockon.online.labels import DistanceLabels
from lockon.online.learner import FirstSamples, Learned, Observation, copied, first_samples
from lockon.online.tracker import Draws, seeded_draws
from lockon.online.views import ViewPlan
from lockon.ops.boxes import cxcywh_to_xyxy
from lockon.ops.crop import Crop
from lockon.ops.pixels import to_rgb
from lockon.target import Target
from lockon.tracker import Model, NetworkTracker, SearchOutput, TrackerConfig, stacked
from lockon.types import Array, FloatArray, Frame, Result

FEATURES = "features"  # among the extras of a prediction: what filters are learnt on


def _learner() -> DiMPLearner:
    """Return DuML's learner (Appendix A): DiMP's, on cells of 8 pixels, with rates that are ten times as large."""
    return DiMPLearner(labels=DistanceLabels(stride=8.0, first=7.5), rate=0.1, hard_negative_rate=0.2)


@dataclass(frozen=True, kw_only=True, slots=True)
class DualModalConfig(TrackerConfig):
    """Inference parameters of a `DualModalTracker`: those of a `NetworkTracker`, and of the filter.

    ``localizer.score.mu`` is the filter's share of the scores. The learner's rates, 0.1 and 0.2, are those that the paper states; DiMP's,
    from which all else is taken, are 0.01 and 0.02.

    Attributes:
        localizer: As of `TrackerConfig`, with DuML's score.
        views: What is made of the first frame.
        learner: How the filter is learnt; None for the matching alone. A network without an optimiser has no filter.
        localization: Whether the responses show the target at all, and a second one like it; it decides what is learnt, not where the
            target is.
    """

    localizer: LocalizerConfig = field(default_factory=lambda: LocalizerConfig(score=DualModalScore()))
    views: ViewPlan = field(default_factory=ViewPlan)
    learner: DiMPLearner | None = field(default_factory=_learner)
    localization: SecondPeak | LargestPeak = field(default_factory=SecondPeak)

    @classmethod
    def of(cls, tracker: TrackerConfig, **more: Any) -> DualModalConfig:
        """Return the parameters of a `NetworkTracker` with more of this class."""
        return cls(**{item.name: getattr(tracker, item.name) for item in fields(tracker)} | more)


class DualModalNetwork(Model, Protocol):
    """A network whose `Prediction.extras` have "features" (B, C, h, w), and whose templates end with the filter's start (B, A, C, K, K).

    Attributes:
        weights: Trained numbers of the optimiser, as of `DescentNetwork`; None of a network that matches alone.
    """

    weights: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class DualModalTarget:
    """One target.

    Attributes:
        base: Its state, as of a `NetworkTracker`.
        learned: Filter and memory; None without a learner.
    """

    base: Target
    learned: Learned | None = None

    @property
    def result(self) -> Result:
        """Return box, score and state."""
        return self.base.result


class DualModalTracker(FusedSession[DualModalTarget]):
    """Tracks one or n targets with one batched forward pass per frame, and learns them.

    Args:
        model: The network.
        config: Inference parameters.
        draws: Source of random numbers of the first frame's views.

    Attributes:
        base: Does all but the learning.
        learner: Of the configuration; None where the network has no optimiser.
    """

    def __init__(self, model: DualModalNetwork, config: DualModalConfig, draws: Draws = seeded_draws) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.draws = draws
        self.base = NetworkTracker(model, config)
        self.learner = None if model.weights is None else config.learner

    def with_config(self, config: DualModalConfig) -> DualModalTracker:
        """Return a tracker of the same network with other inference parameters."""
        return DualModalTracker(self.model, config, self.draws)

    def moved(self, target: DualModalTarget, box_xywh: FloatArray) -> DualModalTarget:
        """Return the target put on a finite box (4,) x, y, w, h, see `NetworkTracker.moved`; what was learnt stays."""
        return replace(target, base=self.base.moved(target.base, box_xywh))

    def placed(self, target: DualModalTarget, frame: Frame, box_xywh: FloatArray) -> DualModalTarget:
        """Return the target in the video of another frame, see `NetworkTracker.placed`; what was learnt stays."""
        return replace(target, base=self.base.placed(target.base, frame, box_xywh))

    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[DualModalTarget]:
        """Return one state per x, y, w, h box; the targets are learnt in one batch.

        Raises:
            LockonError: As `NetworkTracker.start`; features that are no numbers.
        """
        bases, frame = self.base.start(frame, boxes, seed=seed), to_rgb(frame)
        if self.learner is None:
            return [DualModalTarget(base) for base in bases]
        learned = self.learner.start(self.model, [self._first(frame, base) for base in bases])
        return [DualModalTarget(base, one) for base, one in zip(bases, learned, strict=True)]

    def _first(self, frame: Frame, base: Target) -> FirstSamples:
        """Return what the first frame shows of one target."""
        c, size, rng = self.config, self.model.search_size, self.draws(base.seed, 0)
        patch_size = c.views.patch_size(size)
        crop = c.search_crop(base.box, patch_size, patch_size / size, base.size)
        views = c.views.views(crop.extract(frame, base.border_color), size, rng)
        box = _from_corner(crop).to_crop(cxcywh_to_xyxy(base.box)) - (patch_size - size) / 2  # (4,) in the first view
        seen = self.model(stacked([base.template] * len(views.images)), views.images)
        start = _raw(base.template.features[-1])[0]  # (A, C, K, K)
        features = _raw(seen.extras[FEATURES])  # (V, C, h, w)
        return first_samples(c.views, features, box + np.tile(views.shifts, 2), rng, copied(start[0] if len(start) == 1 else start))

    def step(self, frames: Sequence[Frame], targets: Sequence[DualModalTarget]) -> list[DualModalTarget]:
        """Return the next state of each target, see `SteppedTracker.step`; what is learnt is the box that was found.

        Raises:
            LockonError: A frame of another size than the target's first one.
        """
        seen = self.search(frames, targets)
        moved = self.base.advanced([target.base for target in targets], seen)
        return [DualModalTarget(base, one) for base, one in zip(moved, self._taught(seen, targets, moved), strict=True)]

    def search(self, frames: Sequence[Frame], targets: Sequence[DualModalTarget]) -> SearchOutput:
        """Return all candidates around the targets' boxes and the choice among them, see `NetworkTracker.search`.

        With a learner ``prediction.extras["online"]`` has the (B, A S S) responses on the cells of the candidates.

        Raises:
            LockonError: As `NetworkTracker.search`.
        """
        bases = [target.base for target in targets]
        crops, prediction = self.base.seen(frames, bases)
        learned = [target.learned for target in targets if target.learned is not None]
        if self.learner is not None and len(learned) == len(targets):
            maps = self.learner.score(self.model, learned, _raw(prediction.extras[FEATURES])).maps
            side = map_side(np.shape(prediction.logits)[1], self.config.localizer.anchors)
            responses = _middle(maps, side).reshape(len(maps), -1)  # (B, A S S)
            prediction = replace(prediction, extras={**prediction.extras, ONLINE: responses})
        return self.base.chosen(bases, crops, prediction)

    def _taught(self, seen: SearchOutput, targets: Sequence[DualModalTarget], moved: Sequence[Target]) -> list[Learned | None]:
        """Return what is known of each target after the frame; where it is lost, or the responses are no numbers, what was known."""
        learned = [target.learned for target in targets]
        online = seen.prediction.extras.get(ONLINE)  # (B, A S S)
        if self.learner is None or online is None:
            return learned
        answered = np.isfinite(online).all(axis=1)
        rows = [i for i, base in enumerate(moved) if answered[i] and base.state != "lost" and not base.low]
        if not rows:
            return learned
        verdicts = self._verdicts(seen, online[rows], rows, [targets[i].base for i in rows])
        features, window = _raw(seen.prediction.extras[FEATURES]), _from_corner(seen.crops)
        boxes = window.to_crop(cxcywh_to_xyxy(np.stack([base.box for base in moved])))  # (B, 4)
        observations = [
            Observation(one, features[i], boxes[i], verdict, moved[i].frame)
            for i, verdict in zip(rows, verdicts, strict=True)
            if (one := learned[i]) is not None
        ]
        for i, after in zip(rows, self.learner.update(self.model, observations), strict=True):
            learned[i] = after
        return learned

    def _verdicts(self, seen: SearchOutput, online: NDArray[Any], rows: Sequence[int], before: Sequence[Target]) -> tuple[Verdict, ...]:
        """Return what (R, A S S) responses of the crops `rows` say, by the largest of each cell; `before` are the targets as searched."""
        assert self.learner is not None
        labels = self.learner.labels
        side = map_side(np.shape(seen.prediction.logits)[1], self.config.localizer.anchors)
        maps = online.reshape(len(rows), -1, side, side).max(axis=1)  # (R, S, S)
        boxes = np.stack([base.box for base in before])  # (R, 4)
        window = _from_corner(seen.crops)[rows]  # type: ignore[index]  # a list of rows is an index of NumPy
        places = window.to_crop(np.tile(boxes[:, :2], 2))[:, :2]  # (R, 2) crop pixels
        middle = self.model.search_size / 2  # of the crop, and of the grid of candidates
        cells = (places - middle) / labels.stride + (side - 1) / 2 - side // 2  # (R, 2) from the cell that counts as the middle
        return self.config.localization(maps, boxes[:, 2:] * window.scale / labels.stride, cells).verdicts


def _middle(maps: FloatArray, side: int) -> FloatArray:
    """Return the (B, .., S, S) cells in the middle of (B, .., H, H) responses: those that the candidates lie on."""
    margin = (maps.shape[-1] - side) // 2
    return maps[..., margin : margin + side, margin : margin + side]


def _from_corner(crops: Crop) -> Crop:
    """Return the windows with places that count from the corner of the first pixel, as labels do."""
    return replace(crops, middle=None)


def _raw(values: Any) -> Array:
    """Return the tensor of a handle that stays on its device, or an array as it is."""
    return getattr(values, "tensor", values)


__all__ = ["DualModalConfig", "DualModalNetwork", "DualModalTarget", "DualModalTracker"]
