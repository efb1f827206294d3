"""`Tracker`, all that the rest of the library needs of a tracker, and `NetworkTracker`, the one around a Siamese network.

One step: crop around each target's last box, one forward pass for all targets, the localizer's choice, a calibrated
score, and a state. All state lives in `Target` values, none in the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.errors import LockonError
from lockon.localizers.masks import MaskConfig, paste_patch
from lockon.localizers.window import WindowConfig, WindowLocalizer, map_side
from lockon.ops.boxes import check_boxes, cxcywh_to_xywh, xywh_to_cxcywh
from lockon.ops.crop import Crop, mean_color
from lockon.ops.pixels import to_rgb
from lockon.ops.score_map import ScoreMap
from lockon.types import FloatArray, Frame, Prediction, Result, State, Template


@runtime_checkable
class Tracker(Protocol):
    """Anything with these two methods is a tracker: ours, OpenCV's, yours.

    One that can be put elsewhere between two frames also has ``move(boxes)``, see `NetworkTracker.move`.
    """

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Start on `frame` (H, W, 3) uint8 RGB with one box (4,) or n boxes (n, 4), x, y, w, h in pixels."""

    def track(self, frame: Frame) -> Result:
        """Find the target(s) in the next frame."""


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


class NetworkTracker:
    """Tracks one or n targets with one batched forward pass per frame.

    Args:
        model: the network. config: inference parameters. localizer: candidate choice; default from `config`.

    Attributes:
        keep_scores: keep every target's score map, for `score_maps`; False at first.
    """

    def __init__(self, model: Model, config: TrackerConfig, localizer: WindowLocalizer | None = None) -> None:
        self.model = model
        self.config = config
        self.localizer = localizer or WindowLocalizer(config.localizer)
        self.keep_scores = False
        self._targets: list[Target] = []
        self._single = True

    @property
    def score_maps(self) -> tuple[ScoreMap, ...]:
        """One score map per target, of the last `track` call; empty before it and where `keep_scores` is off."""
        return tuple(target.scores for target in self._targets if target.scores is not None)

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Start on `frame` with one box (4,) or n boxes (n, 4), x, y, w, h in pixels.

        Raises:
            LockonError: a box that is malformed, empty or outside the frame. A box partly outside is clipped with a warning.
        """
        self._targets = self.start(frame, box)
        self._single = np.ndim(box) == 1

    def track(self, frame: Frame) -> Result:
        """Find every target in the next frame; (4,) and plain values after a start with one box, else n rows.

        Raises:
            LockonError: before `init`, or when the frame's size differs from the first frame's.
        """
        if not self._targets:
            raise LockonError("track() before init(); call tracker.init(frame, (x, y, w, h)) on the first frame")
        self._targets = self.step([to_rgb(frame)] * len(self._targets), self._targets)
        boxes = cxcywh_to_xywh(np.stack([target.box for target in self._targets]))
        masks = [target.mask for target in self._targets if target.mask is not None]
        if self._single:
            return Result(boxes[0], self._targets[0].score, self._targets[0].state, masks[0] if masks else None)
        scores = np.array([target.score for target in self._targets])
        return Result(boxes, scores, tuple(target.state for target in self._targets), np.stack(masks) if masks else None)

    def move(self, boxes: ArrayLike) -> None:
        """Go on from these boxes in the next frame: those of a refiner, or of an experiment that knows the truth.

        Score, state and template stay; the last trusted box moves along where it is the last box. Boxes are kept in the frame as those
        of `track` are.

        Args:
            boxes: (4,) or (n, 4) x, y, w, h in pixels, one per target; a box that is not finite leaves its target where it is.

        Raises:
            LockonError: before `init`, or another number of boxes than there are targets.
        """
        rows = np.atleast_2d(np.asarray(boxes, dtype=np.float64))
        if not self._targets or rows.shape != (len(self._targets), 4):
            raise LockonError(
                f"move() with boxes of shape {rows.shape} for {len(self._targets)} targets; call it after init(), one box per target"
            )
        self._targets = [
            self.moved(target, row) if np.isfinite(row).all() else target for target, row in zip(self._targets, rows, strict=True)
        ]

    def moved(self, target: Target, box_xywh: FloatArray) -> Target:
        """A target put on a box (4,) x, y, w, h, finite, as `move` puts the tracker's own."""
        box = self._inside(xywh_to_cxcywh(box_xywh), target.size)
        return replace(target, box=box, trusted=box if np.array_equal(target.trusted, target.box) else target.trusted)

    def start(self, frame: Frame, boxes: ArrayLike) -> list[Target]:
        """One `Target` per x, y, w, h box, templates encoded in one pass; the tracker's own targets stay as they are.

        Raises:
            LockonError: as `init`.
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
        rows = [Template(tuple(feature[i : i + 1] for feature in template.features)) for i in range(len(checked))]
        return [Target(box, box, row, fill, (width, height)) for box, row in zip(checked, rows, strict=True)]

    def step(self, frames: Sequence[Frame], targets: Sequence[Target]) -> list[Target]:
        """The next value of each target, given its next frame; the targets may belong to different videos.

        Args:
            frames: one (H, W, 3) uint8 RGB frame per target; the same array may occur several times.
            targets: what `start` or the last `step` returned.

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
        prediction = self.model(_stack([target.template for target in targets]), images)
        choice = self.localizer(prediction, crops, boxes)
        scores = 1 / (1 + np.exp(-(c.calibration.scale * choice.logits + c.calibration.bias)))
        moved = [self._update(target, box, float(score)) for target, box, score in zip(targets, choice.boxes, scores, strict=True)]
        if self.keep_scores:
            maps = self._score_maps(crops, choice.scores)
            moved = [replace(target, scores=one) for target, one in zip(moved, maps, strict=True)]
        if c.mask is not None and hasattr(self.model, "mask"):
            masks = self._masks(c.mask, prediction, choice.best, crops, targets)
            moved = [replace(target, mask=mask) for target, mask in zip(moved, masks, strict=True)]
        return moved

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
        box = self._inside(box, target.size)
        if score >= c.lost:
            state: State = "tracked" if score >= c.tracked else "uncertain"
            return replace(target, box=box, trusted=box, score=score, state=state, low=0, absent=0)
        low, absent = target.low + 1, target.absent + 1 if score < c.hold else 0
        kept = target.trusted if absent > c.patience else box
        return replace(target, box=kept, score=score, state="lost" if low > c.patience else "uncertain", low=low, absent=absent)


def _check_size(frame: Frame, target: Target) -> None:
    height, width = frame.shape[:2]
    if (width, height) != target.size:
        raise LockonError(
            f"frame of {width}x{height} pixels, but tracking began on {target.size[0]}x{target.size[1]}; "
            "resize the frames to one size, or call init() again"
        )


def _stack(templates: Sequence[Template]) -> Template:
    if len(templates) == 1:
        return templates[0]
    columns: Any = zip(*(template.features for template in templates), strict=True)
    return Template(tuple(np.concatenate(column) for column in columns))
