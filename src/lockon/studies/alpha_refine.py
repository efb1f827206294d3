"""The study of Alpha-Refine: pixel-wise matching, the corner head, and masks learnt beside boxes, one by one.

Yan et al., Alpha-Refine: Boosting Tracking Performance by Precise Bounding Box Estimation, CVPR 2021 (arXiv 2012.06815), Tables 5
(heads, with and without masks), 6 (matching) and 8 (backbones).
"""

from __future__ import annotations

from typing import Any

from lockon.studies.metrics import REFINEMENT
from lockon.studies.spec import BASE, Published, StudySpec, Variant

_TRAINED = ("refine-s", "alpha-refine-r18", "alpha-refine-r34", "alpha-refine-r50")
_NO_MASK: dict[str, Any] = {"loss.mask.weight": 0.0}  # samples stay those of the others; the mask head learns nothing and is not asked
_RPN: dict[str, Any] = {"model.head": "rpn", "loss.confidence.weight": 1.0}
_RCNN: dict[str, Any] = {"model.head": "rcnn"}
_PARTS: dict[str, tuple[str, dict[str, Any], str]] = {  # title, settings, and what the row extends
    BASE: ("pixel-wise, corner, mask", {}, ""),
    "depthwise": ("depth-wise matching", {"model.fusion": "depthwise"}, ""),
    "naive": ("naive matching", {"model.fusion": "naive"}, ""),
    "rpn": ("RPN head", _RPN, ""),
    "rcnn": ("RCNN head", _RCNN, ""),
    "no-mask": ("without masks", _NO_MASK, ""),
    "rpn-no-mask": ("RPN head without masks", _RPN | _NO_MASK, "rpn"),
    "rcnn-no-mask": ("RCNN head without masks", _RCNN | _NO_MASK, "rcnn"),
}
_VARIANTS = {name: Variant(*part, _TRAINED) for name, part in _PARTS.items()}
_ROWS = (BASE, "depthwise", "naive", "rpn", "rcnn", "no-mask")

ALPHA_REFINE = StudySpec(
    name="alpha-refine",
    variants=_VARIANTS,
    table=_ROWS,
    grid={"refine-s": _ROWS},
    metrics=REFINEMENT,
    bases=("lockon-s", "csrt"),
    budget={
        "refine-s": {
            "model.size": 128,
            "model.appearance": False,
            "model.reference": "crop",
            "train.unfreeze": ((0.0, 0),),
            "train.schedule.warmup_steps": 30,
            "train.machine.workers": 0,
            "train.output.save_every": 100,
        }
    },
    column="network",
    title="Which parts make a refiner precise?",
    intro="""
This page was written by `lockon study alpha-refine`. Alpha-Refine (Yan et al., *Boosting Tracking Performance by Precise Bounding Box
Estimation*, CVPR 2021) puts a small network behind a tracker, which sharpens its box, and ascribes its precision to three choices:
matching pixel by pixel, where depth-wise and naive correlation blur the map (Table 6); a head that finds the two corners, in place of
one in the style of RPN or RCNN (Table 5); and masks that are learnt beside the boxes (Table 5). Here each choice is undone alone, with
everything else equal: data, samples, initial weights per seed as far as networks share them, number of updates. Runs are judged as
refiners: by the boxes that they make of the truth after jitter, and of the boxes that two trackers gave, frame by frame, without a way
back into the tracker.
""".strip(),
    networks=(
        "refine-s with crops of 128 pixels and the frozen ImageNet backbone (EfficientNet-Lite0, stride 16: the target is 4 x 4 of 8 x 8 "
        "cells), whose heads see nothing but what was matched, as in the paper (`model.appearance=false`). The target's features are cut "
        "from the middle of the map in all rows, so that the matching alone differs. These are small networks after short training: the "
        "page tells what the parts do there, not what they do to a ResNet-34 of 256 pixels after 40 epochs"
    ),
    conditions=(
        "Losses on boxes are those of refine-s in all rows. The RPN head learns its confidence too (weight 1); the published code leaves "
        "it untrained. Without masks: the mask head learns nothing, and samples stay the same",
        "Jitter: up to twelve frames per video, the first one as reference, with the jitter of the training and the same for all runs. "
        "Boxes of trackers: one pass, the first frame as reference; boxes of a target that the tracker calls lost stay as they are",
    ),
    published=Published(
        text=(
            "AUC, normalised precision and precision on LaSOT in percent of SiamRPN++ with the refiner (Tables 5 and 6), ResNet-34, and "
            "the difference from the full one; without a refiner they are 47.6, 54.7 and 47.2. Backbones (Table 8): AUC 56.2 with "
            "ResNet-50, 55.9 with ResNet-34 and 55.0 with ResNet-18, at 6.6, 5.1 and 4.2 ms per frame on an RTX 2080Ti. The published "
            "code trains networks without masks on fewer datasets."
        ),
        columns=("AUC", "P_norm", "P"),
        values={
            BASE: (55.9, 62.2, 57.4),
            "depthwise": (54.8, 60.8, 55.8),
            "naive": (53.1, 59.4, 53.9),
            "rpn": (53.7, 60.3, 54.7),
            "rcnn": (51.6, 58.1, 52.3),
            "no-mask": (54.6, 60.3, 55.3),
            "rpn-no-mask": (50.2, 55.5, 51.2),
            "rcnn-no-mask": (48.9, 54.2, 46.9),
        },
        digits=1,
    ),
    scale=(
        "The same command takes the full network in the paper's setting: `--trackers alpha-refine-r34 --cache none --device cuda`, with a "
        "data root that holds the papers' datasets and validation videos, and `--steps` left out for the recipe's own 40 epochs; "
        "`alpha-refine-r18` and `-r50` are the other backbones. `--only rpn-no-mask --only rcnn-no-mask` adds the other rows of Table 5. "
        '`--set model.size=192 --set "train.unfreeze=((0,0),(0.1,1))"` comes closer to refine-s as it is released.'
    ),
)

__all__ = ["ALPHA_REFINE"]
