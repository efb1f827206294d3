"""`NetworkTracker`: a tracker around a network that matches a template with a search crop.

One step: crop around each target's last box, one forward pass for all targets, the localizer's choice, a calibrated
score, and a state. All state lives in `Target` values, none in the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.localizers.dense import DenseLocalizer, Localization, LocalizerConfig
from lockon.localizers.masks import MaskConfig, paste_patch
from lockon.localizers.rank import map_side
from lockon.localizers.score import sigmoid
from lockon.ops.boxes import xywh_to_cxcywh
from lockon.ops.crop import Crop
from lockon.ops.crop_rules import AreaRule, Rule
from lockon.ops.pixels import to_rgb
from lockon.ops.score_map import ScoreMap
from lockon.session import PlacedTracker, Session, TargetState
from lockon.start_rules import ClippedStart, UnclippedStart
from lockon.target import StatePolicy, Target, warn_unanswered
from lockon.types import FloatArray, Frame, Prediction, Template

T = TypeVar("T", bound=TargetState)


class Model(Protocol):
    """A network behind NumPy arrays: a torch module, an ONNX file or an OpenVINO model.

    One with masks also has ``mask(prediction, index)``: (B, P, P) probabilities at the candidates `index` (B,).
    """

    template_size: int
    search_size: int

    def encode(self, images: NDArray[np.uint8]) -> Template:
        """Encode (B, h, w, 3) uint8 RGB template crops to their features, batch first."""

    def __call__(self, template: Template, images: NDArray[np.uint8]) -> Prediction:
        """Match (B, H, W, 3) uint8 RGB search crops with B templates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Score of a candidate's logit: ``1 / (1 + exp(-(scale * logit + bias)))``, fitted on validation data (Platt scaling).

    Attributes:
        scale: Above 0, up to 100.
        bias: -1000..1000.

    Raises:
        LockonError: A value outside its range.
    """

    scale: float = 1.0
    bias: float = 0.0

    def __post_init__(self) -> None:
        check_range("scale", self.scale, 0, 100, above=True)
        check_range("bias", self.bias, -1000, 1000)

    def __call__(self, logits: FloatArray) -> FloatArray:
        """Return the (B,) scores of (B,) logits."""
        return sigmoid(self.scale * logits + self.bias)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackerConfig:
    """Inference parameters of a `NetworkTracker`; the parts are named in `lockon.config`.

    Attributes:
        template_crop: Which window of the first frame is the template.
        search_crop: Which window of a frame is searched.
        start: How a user's box becomes the first state.
        localizer: How the best candidate is chosen.
        calibration: Logit to score.
        states: What a score means for the target.
        stride: Distance of neighbouring candidates in search-crop pixels (0.1..1000), to place score maps; None where they fill the crop.
        mask: How masks are made, for networks that have them; None for none.

    Raises:
        LockonError: A stride outside its range.
    """

    template_crop: Rule = field(default_factory=lambda: AreaRule(factor=1.875))
    search_crop: Rule = field(default_factory=lambda: AreaRule(factor=3.75))
    start: ClippedStart | UnclippedStart = field(default_factory=ClippedStart)
    localizer: LocalizerConfig = field(default_factory=LocalizerConfig)
    calibration: Calibration = field(default_factory=Calibration)
    states: StatePolicy = field(default_factory=StatePolicy)
    stride: float | None = None
    mask: MaskConfig | None = None

    def __post_init__(self) -> None:
        if self.stride is not None:
            check_range("stride", self.stride, 0.1, 1000)


class SearchOutput(NamedTuple):
    """What a step saw before it became the next state of B targets.

    Attributes:
        crops: The B search windows.
        prediction: Of the network, NumPy arrays.
        localization: What the localizer chose.
        stride: Distance of neighbouring candidates in crop pixels; None where they fill the crop.
    """

    crops: Crop
    prediction: Prediction
    localization: Localization
    stride: float | None = None


@runtime_checkable
class CandidateTracker(PlacedTracker[T], Protocol[T]):
    """One whose candidates can be seen."""

    def search(self, frames: Sequence[Frame], targets: Sequence[T]) -> SearchOutput:
        """Return all candidates around the targets' boxes, see `NetworkTracker.search`."""


class NetworkTracker(Session[Target]):
    """Tracks one or n targets with one batched forward pass per frame.

    Args:
        model: The network.
        config: Inference parameters.
        localizer: Candidate choice; by default that of `config`.

    Attributes:
        keep_scores: Keep every target's score map, for `score_maps`; False at first.
    """

    def __init__(self, model: Model, config: TrackerConfig, localizer: DenseLocalizer | None = None) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.localizer = localizer or DenseLocalizer(config.localizer)
        self.keep_scores = False

    def with_config(self, config: TrackerConfig) -> NetworkTracker:
        """Return a tracker of the same network and localizer with other inference parameters."""
        return NetworkTracker(self.model, config, self.localizer)

    @property
    def score_maps(self) -> tuple[ScoreMap, ...]:
        """One score map per target, of the last `track` call; empty before it and where `keep_scores` is off."""
        return tuple(target.scores for target in self.targets if target.scores is not None)

    @property
    def makes_masks(self) -> bool:
        """Whether results have masks."""
        return self.config.mask is not None and hasattr(self.model, "mask")

    def moved(self, target: Target, box_xywh: FloatArray) -> Target:
        """Return the target put on a finite box (4,) x, y, w, h, kept in the frame as those of `step` are.

        Score, state and template stay; the last trusted box moves along where it is the last box.
        """
        box = self.config.states.inside(xywh_to_cxcywh(box_xywh), target.size)
        return replace(target, box=box, trusted=box if np.array_equal(target.trusted, target.box) else target.trusted)

    def placed(self, target: Target, frame: Frame, box_xywh: FloatArray) -> Target:
        """Return the target as if it had last been seen in the box (4,) x, y, w, h of the video that `frame` (H, W, 3) belongs to."""
        box = xywh_to_cxcywh(box_xywh)
        color = self.config.search_crop.border.color(frame)
        return replace(target, box=box, trusted=box, border_color=color, size=(frame.shape[1], frame.shape[0]))

    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[Target]:
        """Return one `Target` per x, y, w, h box, templates encoded in one pass.

        Raises:
            LockonError: A box that is malformed, empty or outside the frame. A box partly outside is clipped with a warning.
        """
        frame, c = to_rgb(frame), self.config
        height, width = frame.shape[:2]
        rows = c.start(boxes, width, height)  # (n, 4)
        crops = c.template_crop(rows, self.model.template_size, frame_size=(width, height))
        color = c.template_crop.border.color(frame)
        template = self.model.encode(np.stack([crops[i].extract(frame, color) for i in range(len(rows))]))
        border = color if c.search_crop.border == c.template_crop.border else c.search_crop.border.color(frame)
        return [
            Target(box, box, encoded, border, (width, height), seed=seed)
            for box, encoded in zip(rows, split(template, len(rows)), strict=True)
        ]

    def step(self, frames: Sequence[Frame], targets: Sequence[Target]) -> list[Target]:
        """Return the next value of each target, given its next frame, see `SteppedTracker.step`.

        Raises:
            LockonError: A frame of another size than the target's first one.
        """
        return self.advanced(targets, self.search(frames, targets))

    def advanced(self, targets: Sequence[Target], seen: SearchOutput) -> list[Target]:
        """Return the next value of each target, given what `search` saw."""
        c = self.config
        crops, prediction, localization, _ = seen
        scores = c.calibration(localization.logits)
        answered = np.isfinite(localization.boxes).all(axis=1) & np.isfinite(scores)  # (B,)
        found = zip(targets, localization.boxes, scores, localization.verdicts, answered, strict=True)
        moved = [
            c.states.update(target, box, float(score), verdict) if is_number else c.states.held(target)
            for target, box, score, verdict, is_number in found
        ]
        if not answered.all():
            warn_unanswered(moved)
        if self.keep_scores:
            maps = self._score_maps(crops, localization.scores)
            moved = [replace(target, scores=score_map) for target, score_map in zip(moved, maps, strict=True)]
        if c.mask is not None and self.makes_masks:
            masks = self._masks(c.mask, prediction, localization.best, crops, targets)
            moved = [replace(target, mask=mask) for target, mask in zip(moved, masks, strict=True)]
        return moved

    def search(self, frames: Sequence[Frame], targets: Sequence[Target]) -> SearchOutput:
        """Return all candidates around the targets' boxes and the choice among them: what `step` makes the next states of.

        Args:
            frames: One (H, W, 3) uint8 RGB frame per target.
            targets: States of any videos.

        Raises:
            LockonError: A frame of another size than the target's first one.
        """
        return self.chosen(targets, *self.seen(frames, targets))

    def seen(self, frames: Sequence[Frame], targets: Sequence[Target]) -> tuple[Crop, Prediction]:
        """Return the search windows around the targets' boxes and the network's answer, see `search`; `chosen` goes on from them."""
        c = self.config
        for frame, target in zip(frames, targets, strict=True):
            check_frame_size(frame, target)
        boxes = np.stack([target.box for target in targets])  # (B, 4)
        growth = np.array([c.states.growth(target) for target in targets])  # (B,)
        sizes = np.array([target.size for target in targets])  # (B, 2)
        crops = c.search_crop(boxes, self.model.search_size, growth, sizes)
        pairs = enumerate(zip(frames, targets, strict=True))
        images = np.stack([crops[i].extract(frame, target.border_color) for i, (frame, target) in pairs])
        return crops, self.model(stacked([target.template for target in targets]), images)

    def chosen(self, targets: Sequence[Target], crops: Crop, prediction: Prediction) -> SearchOutput:
        """Return the choice among the candidates of `seen`, to whose extras others may have added what the score part reads."""
        boxes = np.stack([target.box for target in targets])  # (B, 4)
        with np.errstate(all="ignore"):  # what is no number is met by `advanced`
            return SearchOutput(crops, prediction, self.localizer(prediction, crops, boxes), self.config.stride)

    def _score_maps(self, crops: Crop, scores: FloatArray) -> list[ScoreMap]:
        """Return one map per target of the (B, N) scores of all candidates."""
        side = map_side(scores.shape[1], self.config.localizer.anchors)
        return [ScoreMap.of(crops[i], row, side, self.config.stride) for i, row in enumerate(scores)]

    def _masks(
        self, config: MaskConfig, prediction: Prediction, index: NDArray[np.intp], crops: Crop, targets: Sequence[Target]
    ) -> list[NDArray[np.bool_]]:
        """Return one (H, W) mask per target, from the chosen candidates' patches."""
        side = map_side(np.shape(prediction.logits)[1], self.config.localizer.anchors)
        rows, columns = np.divmod(index % (side * side), side)
        patches: Any = self.model.mask(prediction, index)  # type: ignore[attr-defined]  # (B, P, P); the caller looked
        return [
            paste_patch(patches[i], crops[i], int(rows[i]), int(columns[i]), size=target.size, config=config)
            for i, target in enumerate(targets)
        ]


def check_frame_size(frame: Frame, target: Target) -> None:
    """Check that a frame is as large as the target's first one.

    Raises:
        LockonError: It is not.
    """
    height, width = frame.shape[:2]
    if (width, height) != target.size:
        raise LockonError(
            f"frame of {width}x{height} pixels, but tracking began on {target.size[0]}x{target.size[1]}; "
            "resize the frames to one size, or call init() again"
        )


def split(template: Template, count: int) -> list[Template]:
    """Return the `count` rows of a batch of templates, each a batch of one."""
    return [Template(tuple(feature[i : i + 1] for feature in template.features)) for i in range(count)]


def stacked(templates: Sequence[Template]) -> Template:
    """Return templates as one batch, the inverse of `split`."""
    if len(templates) == 1:
        return templates[0]
    columns: Any = zip(*(template.features for template in templates), strict=True)
    return Template(tuple(np.concatenate(column) for column in columns))
