"""What the networks of DuML have in common: which modalities there are, and what they are built of.

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization (DuML), Sec. 3 and 4. Offline are classification by anchors of
five shapes (OFC-5s) or one (OFC-1s) and regression at points (OFR); online are regression (ONR) and classification (ONC-1s, ONC-5s) by
filters that are learnt while tracking. OFC-1s and OFR are one network that is trained otherwise, ONR and ONC-1s one that learns otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

from lockon._config_values import check_field, check_range
from lockon.errors import LockonError
from lockon.localizers.score import DualModalScore
from lockon.models.choices import Offline, Online
from lockon.online.dual_modal import DualModalConfig, DualModalTracker
from lockon.online.labels import AnchorLabels, DistanceLabels
from lockon.ops.grid import AnchorGrid

if TYPE_CHECKING:
    from torch import nn

    from lockon.models.dual_modal import DualModalModel

SHAPES = {"ofc5s": 5, "ofc1s": 1, "ofr": 1, "onr": 1, "onc1s": 1, "onc5s": 5, "none": 0}  # scores or filters per point
TEMPLATE_CELLS = 7  # of the template's map that are matched, where maps are not padded


@dataclass(frozen=True, kw_only=True)
class ModalityConfig:
    """The choices that networks of both sizes have in common.

    Attributes:
        offline: Matching: "ofc5s", "ofc1s", "ofr", or "none" for boxes without scores.
        online: Filter: "onr", "onc1s", "onc5s", or "none" for a tracker that does not learn.
        box_shapes: Anchors per point that boxes are predicted from: five whatever is scored (the paper's Table 2 keeps all but the
            localization as it is), or 1 where nothing that is scored has five.
        scaled: Fused features are scaled as DiMP's (`InstanceL2Norm`); the paper does not say.
        filter_size: Cells per side of a filter, odd.
        start_cells: Cells per side of the middle of the template's map that a filter begins as; the paper says "adaptively pooled", not of
            what, and a target has eight cells of the fifteen.
        label_sigma: Deviation of the online label at the start of training, in cells of the features.
        mask_switch: Distance in cells where the target mask switches at the start of training.
        log_step: Logarithm of the step's factor at the start of training.

    Raises:
        LockonError: No modality at all, one box for five scores, a number out of its range.
    """

    offline: Offline = "ofc5s"
    online: Online = "onr"
    box_shapes: int = 5
    scaled: bool = True
    filter_size: int = 5
    start_cells: int = 7
    label_sigma: float = 2.0
    mask_switch: float = 4.0
    log_step: float = 0.9

    def __post_init__(self) -> None:
        for name, known in (("offline", get_args(Offline)), ("online", get_args(Online))):
            check_field(self, name, getattr(self, name) in known, f"one of {', '.join(known)}")
        if self.offline == self.online == "none":
            raise LockonError("offline=none and online=none given: nothing says where the target is; set one, for example offline=ofc5s")
        check_field(self, "box_shapes", self.box_shapes in (1, 5), "1 or 5")
        five = [name for name in (self.offline, self.online) if SHAPES[name] > self.box_shapes]
        if five:
            raise LockonError(f"box_shapes=1 given, but {five[0]} scores anchors of five shapes; set box_shapes=5, or another modality")
        check_range("filter_size", self.filter_size, 1, 15)
        check_field(self, "filter_size", self.filter_size % 2 == 1, "odd: the responses of an even filter lie between the candidates")
        check_range("start_cells", self.start_cells, 1, 100)
        check_range("label_sigma", self.label_sigma, 0.1, 100)
        check_range("mask_switch", self.mask_switch, 0, 100)
        check_range("log_step", self.log_step, -20, 20)


def build_dual_modal(
    c: ModalityConfig,
    anchors: AnchorGrid,
    *,
    backbone: nn.Module,
    neck: nn.Module,
    levels: int,
    channels: int,
    sizes: tuple[int, int],
    padding: bool = False,
) -> DualModalModel:
    """Build the network with random weights.

    Args:
        c: The choices.
        anchors: Of five shapes, the third of them square, on the points of the head.
        backbone: As of `SiameseModel`.
        neck: Likewise.
        levels: Number of the neck's outputs.
        channels: C of each.
        sizes: Sides of template and search crop in pixels.
        padding: The head's maps keep their size, and the whole template is matched; otherwise its middle of 7 x 7 cells.
    """
    from lockon.models.dual_modal import DualModalModel, OnlineBranch
    from lockon.models.heads.dual_modal import DualModalHead
    from lockon.models.online import DescentParameters, InstanceL2Norm

    square = replace(anchors, ratios=(1.0,))
    kinds = {5: anchors, 1: square, 0: None}
    head = DualModalHead(levels, channels, anchors if c.box_shapes == 5 else square, kinds[SHAPES[c.offline]], padding=padding)
    online: OnlineBranch | None = None
    if c.online != "none":
        start = {"label_sigma": c.label_sigma, "mask_switch": c.mask_switch, "log_step": c.log_step}
        online = OnlineBranch(
            levels,
            DescentParameters(maps=True, regularization=0.1, **start),
            InstanceL2Norm(math.sqrt(1 / (channels * c.filter_size**2))) if c.scaled else None,
            shapes=SHAPES[c.online],
            filter_size=c.filter_size,
            cells=c.start_cells,
        )
    template_size, search_size = sizes
    return DualModalModel(
        backbone=backbone,
        neck=neck,
        head=head,
        online=online,
        template_size=template_size,
        search_size=search_size,
        template_cells=None if padding else TEMPLATE_CELLS,
    )


def with_modalities(config: DualModalConfig, offline: Offline, online: Online, anchors: AnchorGrid) -> DualModalConfig:
    """Return the inference parameters that the modalities of a network ask for.

    Without matching the filter's share `mu` of the scores is 1, without a filter there is no learner. One that classifies learns labels of
    the head's anchors where `config` has those of a regression.

    Args:
        config: Parameters of a network of both.
        offline: As of `ModalityConfig`.
        online: Likewise.
        anchors: Of five shapes.

    Raises:
        LockonError: Labels of another number of anchors than the network has filters.
    """
    score, learner = config.localizer.score, config.learner
    if offline == "none" and isinstance(score, DualModalScore):
        config = replace(config, localizer=replace(config.localizer, score=replace(score, mu=1.0)))
    if online == "none" or learner is None:
        return replace(config, learner=None)
    labels = learner.labels
    if online != "onr" and isinstance(labels, DistanceLabels):
        kind = anchors if online == "onc5s" else replace(anchors, ratios=(1.0,))
        shapes = tuple((float(width), float(height)) for width, height in kind.shapes())
        labels = AnchorLabels(shapes=shapes, stride=labels.stride, first=labels.first)
    if isinstance(labels, AnchorLabels) and len(labels.shapes) != SHAPES[online]:
        raise LockonError(
            f"learner.labels of {len(labels.shapes)} shapes given for a network with {SHAPES[online]} filters (online={online}); "
            "leave learner.labels out"
        )
    return replace(config, learner=replace(learner, labels=labels))


def assemble(model: Any, config: DualModalConfig, *, default: ModalityConfig, anchors: AnchorGrid) -> DualModalTracker:
    """Return the tracker of a network, whose modalities are those that the header of its weights names.

    Args:
        model: A `DualModalNetwork` with its `header`.
        config: Inference parameters.
        default: Modalities of a network whose header does not name them.
        anchors: Of five shapes, as of the head.

    Raises:
        LockonError: As `with_modalities`.
    """
    stored = model.header.get("config", {}).get("model", {})
    offline, online = (stored.get(name, getattr(default, name)) for name in ("offline", "online"))
    return DualModalTracker(model, with_modalities(config, offline, online, anchors))


__all__ = ["SHAPES", "TEMPLATE_CELLS", "ModalityConfig", "assemble", "build_dual_modal", "with_modalities"]
