"""`NetworkTracker`: a tracker around a network that matches a template with a search crop.

One step: crop around each target's last box, one forward pass for all targets, the localizer's choice, a calibrated
score, and a state. All state lives in `Target` values, none in the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.errors import LockonError
from lockon.localizers.masks import MaskConfig, paste_patch
from lockon.localizers.window import Localization, WindowConfig, WindowLocalizer, map_side
from lockon.ops.boxes import check_boxes, cxcywh_to_xywh, xywh_to_cxcywh
from lockon.ops.crop import Crop, mean_color
from lockon.ops.pixels import to_rgb
from lockon.ops.score_map import ScoreMap
from lockon.session import Session, SteppedTracker, TargetState
from lockon.types import FloatArray, Frame, Prediction, Result, State, Template

T = TypeVar("T", bound=TargetState)


class Model(Protocol):
    """A network behind NumPy arrays: a torch module, an ONNX file or an OpenVINO model.

    One with masks also has ``mask(prediction, index)``: (B, P, P) probabilities at the candidates `index` (B,).
    """

    template_size: int
    search_size: int

    def encode(self, images: NDArray[np.uint8]) -> Template:
        """(B, h, w, 3) uint8 RGB template crops to their features, batch first."""

    def __call__(self, template: Template, images: NDArray[np.uint8]) -> Prediction:
        """Match (B, H, W, 3) uint8 RGB search crops with B templates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Score of a candidate's logit: ``1 / (1 + exp(-(scale * logit + bias)))``, fitted on validation data (Platt scaling)."""

    scale: float = 1.0
    bias: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackerConfig:
    """Inference parameters of a `NetworkTracker`.

    Attributes:
        template_factor, search_factor: crop side in units of the target's sqrt(w h), or of its side with context.
        context: None for the area rule; else crop sides follow SiamFC's, ``factor * sqrt((w + p)(h + p))`` with ``p = context (w + h)``.
        pixel_centers: the network counts crop pixels from the centre of the first one (PySOT's family), not from its corner.
        conventions: "continuous" keeps sub-pixel positions. "pysot" is the official tracker to the pixel: crops of whole pixels, a start
            centre of x + (w - 1) / 2 and boxes from centre - w / 2 (half a pixel apart), a start box that is not clipped.
            "pysot-bench" starts at x + w / 2 instead, as the official test script makes it.
        localizer: how the best candidate is chosen.
        calibration: logit to score.
        tracked, lost: score at or above which a target is "tracked", and below which it is "lost"; "uncertain" between.
        patience: frames in a row below `lost` before the state turns "lost"; until then it is "uncertain" and the box follows.
        hold: after `patience` frames in a row below this score the target counts as gone: the last trusted box (score >= `lost`)
            is returned and searched around, until a candidate scores higher. A "lost" target above it is still followed:
            following a doubtful target costs little, holding on to an old place costs the target.
        grow: factor on the search window per "lost" frame, up to `max_grow`.
        min_size: smallest width and height of a box, in pixels.
        stride: distance of neighbouring candidates in search-crop pixels, to place score maps; None where they fill the crop.
        mask: how masks are made, for networks that have them; None for none.
    """

    template_factor: float = 1.875
    search_factor: float = 3.75
    context: float | None = None
    pixel_centers: bool = False
    conventions: Literal["continuous", "pysot", "pysot-bench"] = "continuous"
    localizer: WindowConfig = field(default_factory=WindowConfig)
    calibration: Calibration = field(default_factory=Calibration)
    tracked: float = 0.5
    lost: float = 0.3
    hold: float = 0.05
    patience: int = 3
    grow: float = 1.05
    max_grow: float = 1.5
    min_size: float = 3.0
    stride: float | None = None
    mask: MaskConfig | None = None

    def window(self, boxes_cxcywh: FloatArray, factor: float, size: int) -> Crop:
        """The crops of `size` pixels around (..., 4) boxes, by these rules."""
        whole = self.conventions != "continuous"
        middle = (size - 1) / 2 if self.pixel_centers else None
        if self.context is None:
            return replace(Crop.around(boxes_cxcywh, factor, size), middle=middle, whole=whole)
        return replace(Crop.with_context(boxes_cxcywh, factor, size, self.context), middle=middle, whole=whole)


@dataclass(frozen=True, slots=True)
class Target:
    """All that is known of one target between two frames; a new value per frame.

    Attributes:
        box: (4,) cx, cy, w, h in image pixels, float64. trusted: the last box that was not below the `lost` score.
        template: its features, a batch of one. fill: (3,) border colour of crops.
        score: calibrated, 0..1. state: tracked, uncertain or lost. low, absent: frames in a row below the `lost`, the `hold` score.
        size: width, height of the video's frames.
        mask: (H, W) bool of the last frame, or None. scores: the last search region's score map, where the tracker keeps them.
        seed: of the run. frame: number of frames since the start; with `seed` it fixes the random numbers of a step.
    """

    box: FloatArray
    trusted: FloatArray
    template: Template
    fill: FloatArray
    size: tuple[int, int]
    score: float = 1.0
    state: State = "tracked"
    low: int = 0
    absent: int = 0
    mask: NDArray[np.bool_] | None = None
    scores: ScoreMap | None = None
    seed: int = 0
    frame: int = 0

    @property
    def result(self) -> Result:
        """Return box, score, state and mask as one target's `Result`."""
        return Result(cxcywh_to_xywh(self.box), self.score, self.state, self.mask)


class SearchOutput(NamedTuple):
    """What a step saw before it became the next state of B targets.

    Attributes:
        crops: the B search windows.
        prediction: of the network, NumPy arrays.
        localization: what the localizer chose.
    """

    crops: Crop
    prediction: Prediction
    localization: Localization


@runtime_checkable
class CandidateTracker(SteppedTracker[T], Protocol[T]):
    """A `SteppedTracker` whose candidates can be seen, and whose targets can be searched in other videos."""

    def search(self, frames: Sequence[Frame], targets: Sequence[T]) -> SearchOutput:
        """Return all candidates around the targets' boxes, see `NetworkTracker.search`."""

    def placed(self, target: T, frame: Frame, box_xywh: FloatArray) -> T:
        """Return the target in the video of another frame, see `NetworkTracker.placed`."""


class NetworkTracker(Session[Target]):
    """Tracks one or n targets with one batched forward pass per frame.

    Args:
        model: the network. config: inference parameters. localizer: candidate choice; default from `config`.

    Attributes:
        keep_scores: keep every target's score map, for `score_maps`; False at first.
    """

    def __init__(self, model: Model, config: TrackerConfig, localizer: WindowLocalizer | None = None) -> None:
        super().__init__()
        self.model = model
        self.config = config
        self.localizer = localizer or WindowLocalizer(config.localizer)
        self.keep_scores = False

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
        box = self._inside(xywh_to_cxcywh(box_xywh), target.size)
        return replace(target, box=box, trusted=box if np.array_equal(target.trusted, target.box) else target.trusted)

    def placed(self, target: Target, frame: Frame, box_xywh: FloatArray) -> Target:
        """Return the target as if it had last been seen in the box (4,) x, y, w, h of the video that `frame` (H, W, 3) belongs to."""
        box = xywh_to_cxcywh(box_xywh)
        return replace(target, box=box, trusted=box, fill=mean_color(frame), size=(frame.shape[1], frame.shape[0]))

    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[Target]:
        """Return one `Target` per x, y, w, h box, templates encoded in one pass.

        Raises:
            LockonError: a box that is malformed, empty or outside the frame. A box partly outside is clipped with a warning.
        """
        frame = to_rgb(frame)
        height, width = frame.shape[:2]
        c = self.config
        given = np.atleast_2d(check_boxes(boxes, width, height, clip=c.conventions == "continuous"))
        checked = xywh_to_cxcywh(given)  # (n, 4)
        if c.conventions == "pysot":
            checked[:, :2] -= 0.5  # x + (w - 1) / 2
        fill = mean_color(frame)
        crops = c.window(checked, c.template_factor, self.model.template_size)
        template = self.model.encode(np.stack([crops[i].extract(frame, fill) for i in range(len(checked))]))
        rows = zip(checked, split(template, len(checked)), strict=True)
        return [Target(box, box, row, fill, (width, height), seed=seed) for box, row in rows]

    def step(self, frames: Sequence[Frame], targets: Sequence[Target]) -> list[Target]:
        """Return the next value of each target, given its next frame, see `SteppedTracker.step`.

        Raises:
            LockonError: a frame of another size than the target's first one.
        """
        c = self.config
        crops, prediction, localization = self.search(frames, targets)
        scores = 1 / (1 + np.exp(-(c.calibration.scale * localization.logits + c.calibration.bias)))
        moved = [self._update(target, box, float(score)) for target, box, score in zip(targets, localization.boxes, scores, strict=True)]
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
            frames: one (H, W, 3) uint8 RGB frame per target. targets: states of any videos.

        Raises:
            LockonError: a frame of another size than the target's first one.
        """
        c = self.config
        for frame, target in zip(frames, targets, strict=True):
            _check_size(frame, target)
        boxes = np.stack([target.box for target in targets])  # (B, 4)
        grow = np.array([min(c.grow ** max(target.low - c.patience, 0), c.max_grow) for target in targets])
        crops = c.window(boxes, c.search_factor, self.model.search_size)
        crops = replace(crops, side=crops.side * grow)
        images = np.stack([crops[i].extract(frame, target.fill) for i, (frame, target) in enumerate(zip(frames, targets, strict=True))])
        prediction = self.model(stacked([target.template for target in targets]), images)
        return SearchOutput(crops, prediction, self.localizer(prediction, crops, boxes))

    def _score_maps(self, crops: Crop, scores: FloatArray) -> list[ScoreMap]:
        """One map per target of the (B, N) scores of all candidates."""
        side = map_side(scores.shape[1], self.config.localizer.anchors)
        return [ScoreMap.of(crops[i], row, side, self.config.stride) for i, row in enumerate(scores)]

    def _masks(
        self, config: MaskConfig, prediction: Prediction, index: NDArray[np.intp], crops: Crop, targets: Sequence[Target]
    ) -> list[NDArray[np.bool_]]:
        """One (H, W) mask per target, from the chosen candidates' patches."""
        side = map_side(np.shape(prediction.logits)[1], self.config.localizer.anchors)
        rows, columns = np.divmod(index % (side * side), side)
        patches: Any = self.model.mask(prediction, index)  # type: ignore[attr-defined]  # (B, P, P); the caller looked
        return [
            paste_patch(patches[i], crops[i], int(rows[i]), int(columns[i]), size=target.size, config=config)
            for i, target in enumerate(targets)
        ]

    def _inside(self, box: FloatArray, size: tuple[int, int]) -> FloatArray:
        """The centre within the frame, the sides between `min_size` and the frame's."""
        return np.concatenate([np.clip(box[:2], 0, size), np.clip(box[2:], self.config.min_size, size)])

    def _update(self, target: Target, box: FloatArray, score: float) -> Target:
        c = self.config
        box, number = self._inside(box, target.size), target.frame + 1
        if score >= c.lost:
            state: State = "tracked" if score >= c.tracked else "uncertain"
            return replace(target, box=box, trusted=box, score=score, state=state, low=0, absent=0, frame=number)
        low, absent = target.low + 1, target.absent + 1 if score < c.hold else 0
        kept = target.trusted if absent > c.patience else box
        state = "lost" if low > c.patience else "uncertain"
        return replace(target, box=kept, score=score, state=state, low=low, absent=absent, frame=number)


def _check_size(frame: Frame, target: Target) -> None:
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


def network_of(tracker: object, purpose: str) -> NetworkTracker:
    """Return a tracker that is known to have a network.

    Raises:
        LockonError: it has none; the text says what it was wanted for (`purpose`).
    """
    if not isinstance(tracker, NetworkTracker):
        raise LockonError(purpose)
    return tracker
