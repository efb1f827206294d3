"""The study of RTrack: does a second stage that learns from the boxes of the first one make a tracker better, and sooner?

Zeng et al., RTrack: Accelerating Convergence for Visual Object Tracking via Pseudo-Boxes Exploration, Table 3a (assigners and mutual
affinity), 3b and 3c (how many candidates), 3d (with and without leading), and Sec. 3.2, whose threshold is a mean and a variance.
"""

from __future__ import annotations

from typing import Any

from lockon.studies.metrics import ALIGNMENT, PRECISE
from lockon.studies.spec import BASE, Published, StudySpec, Variant

_OFF: dict[str, Any] = {"loss.affinity.weight": 0.0}
_AFFINITY: dict[str, Any] = {"loss.affinity.weight": 0.5}
# The candidate that scores highest learns the box; were it a positive of the scores too, they would learn what they say already.
_ONE: dict[str, Any] = {"assigner": "peak-assigner", "loss.cls.target.union": False}
_OWN: dict[str, Any] = {"assigner.boxes": "own-boxes"}
_IV: dict[str, Any] = {"assigner": "one-to-many-assigner", "assigner.candidates": "iou-value", "assigner.candidates.k": 16}
_CD: dict[str, Any] = {"assigner": "one-to-many-assigner", "assigner.candidates": "center-distance", "assigner.candidates.k": 12}
_MAX: dict[str, Any] = {"assigner": "max-iou-assigner"}
# What both sets of losses have keeps its value when one takes the other's place, hence the numbers of compact-ostrack.
_CENTER: dict[str, Any] = {"model.head": "center-cells", "loss": "center-losses", "assigner": "peak-assigner"}
_CENTER |= {"loss.cls.weight": 1.0, "loss.cls.target.union": False} | _OFF
_COMPACT = ("compact-rtrack",)

_VARIANTS = {
    BASE: Variant("one-to-one", _ONE | _OFF),
    "affinity": Variant("one-to-one + affinity", _ONE | _AFFINITY),
    "own": Variant("one-to-many (IV), no leading", _IV | _OWN | _OFF),
    "leading": Variant("one-to-many (IV), leading", _IV | _OFF, "own"),
    "leading-affinity": Variant("leading + affinity (RTrack)", _IV | _AFFINITY, "leading"),
    "cd": Variant("one-to-many (CD), leading", _CD | _OFF, "leading"),
    "cd-own": Variant("one-to-many (CD), no leading", _CD | _OWN | _OFF, "cd"),
    "max-iou": Variant("MaxIoU, leading", _MAX | _OFF, "leading"),
    "max-iou-own": Variant("MaxIoU, no leading", _MAX | _OWN | _OFF, "max-iou"),
    "max-iou-affinity": Variant("MaxIoU, leading + affinity", _MAX | _AFFINITY, "max-iou"),
    "variance": Variant("leading, mean + variance", _IV | _OFF | {"assigner.spread": "variance"}, "leading"),
    "variance-affinity": Variant(
        "leading, mean + variance, + affinity", _IV | _AFFINITY | {"assigner.spread": "variance"}, "leading-affinity"
    ),
    "one-hot": Variant(
        "one-to-one, nearest cell, one-hot scores",
        {"assigner": "one-to-one-assigner", "assigner.by": "nearest-point", "loss.cls.target": "one-hot-target"} | _OFF,
    ),
    "leading-one-hot": Variant("leading, one-hot scores", _IV | _OFF | {"loss.cls.target": "one-hot-target"}, "one-hot"),
    "cd-20": Variant("one-to-many (CD, k 20), leading", _CD | _OFF | {"assigner.candidates.k": 20}, "cd"),
    "iv-9": Variant("one-to-many (IV, k 9), leading", _IV | _OFF | {"assigner.candidates.k": 9}, "leading"),
    "center": Variant("OSTrack's head (compact-ostrack)", _CENTER, trackers=_COMPACT),
}
_TABLE3 = (BASE, "affinity", "own", "leading", "leading-affinity", "cd", "max-iou", "variance")

RTRACK = StudySpec(
    name="rtrack",
    variants=_VARIANTS,
    table=_TABLE3,
    grid={"compact-rtrack": (*_TABLE3, "center")},
    metrics=(*PRECISE, *ALIGNMENT),
    curve=(1 / 16, 1 / 8, 1 / 4, 1 / 2),
    budget={"compact-rtrack": {"train.steps": 1500, "train.batch_size": 256, "train.output.save_every": 500}},
    column="assigner",
    title="Does a second stage that learns from the first one's boxes learn sooner?",
    intro="""
This page was written by `lockon study rtrack`. RTrack (Zeng et al., *RTrack: Accelerating Convergence for Visual Object Tracking via
Pseudo-Boxes Exploration*, Table 3) stands for a target by nine points at every cell. First points give a box, from which refined points
and a score come. Which cells the refined boxes and the scores learn at is decided by the overlap of boxes with the target: of the first
stage's boxes ("leading") or of the refined ones. The paper's claim is speed: as good as others after a tenth of their pairs. There is no
public code. Here the rows of that table are trained side by side with everything else equal: data, samples, initial weights per seed as
far as networks share them, number of steps, inference parameters.
""".strip(),
    networks=(
        "the frozen backbone of lockon-s (EfficientNet-Lite0, ImageNet weights, stride 16, crops of 112 and 224 pixels), four joint "
        "transformer blocks of 128 channels that start from random weights, and the head. These are small networks: the page tells what "
        "the "
        "assigners do there, not what they do to a ViT-B with MAE's weights"
    ),
    conditions=(
        "Scores learn a Gaussian around the target's centre by the penalty-reduced focal loss (Eq. 4); one-to-many rows add the "
        "assigned cells "
        "to its peak. In the one-to-one rows the cell with the highest score learns the box, as in OSTrack",
        "One-to-many: threshold mean + standard deviation (ATSS) of the k overlaps, the best candidate and the cell at the centre always "
        "positive; the paper prints the variance, see that row. k is 16 by overlap (IV) and 12 by distance (CD). MaxIoU: above 0.5 "
        "positive, "
        "below 0.4 negative. Affinity: concordance correlation over the positives of a batch, weight 0.5, no gradient to the boxes",
        "The learning rate is constant after 100 updates and the weights are averaged, so that every point of the curves is what a run "
        "of that "
        "length gives",
        "Alignment: every fifth annotated frame, searched around the true box of the annotated frame before it, all candidates",
    ),
    published=Published(
        text=(
            "AO on GOT-10k and AUC on LaSOT in percent (Tables 3a and 3d), and the gain over the baseline. Rows of Table 3d (CD, and "
            "those "
            "without leading) have the affinity, as far as the paper tells."
        ),
        columns=("GOT-10k AO", "LaSOT AUC"),
        values={
            BASE: (70.9, 65.5),
            "affinity": (68.8, 64.9),
            "max-iou": (72.5, 67.1),
            "max-iou-affinity": (72.9, 66.8),
            "leading": (74.6, 66.4),
            "leading-affinity": (75.2, 67.4),
            "cd": (75.0, 67.9),
            "own": (72.0, 64.9),
            "cd-own": (73.2, 66.0),
            "max-iou-own": (72.1, 65.8),
        },
        digits=1,
    ),
    scale=(
        "The same command takes the full network in the paper's setting: `--trackers rtrack256 --cache none --device cuda`, with a data "
        "root "
        "that holds GOT-10k and validation videos, `--set datasets=got10k`, and `--steps` left out for the recipe's own epochs. "
        "`--only` adds "
        "more rows: `cd-own`, `max-iou-own` (Table 3d), `max-iou-affinity` (3a), `cd-20`, `iv-9` (3b, 3c), `variance-affinity`, and "
        "with hard "
        "scores `one-hot` and `leading-one-hot`."
    ),
)

__all__ = ["RTRACK"]
