"""The study of RBO: do ranking losses make a tracker better?

Tang and Ling, Ranking-Based Siamese Visual Tracking, CVPR 2022, Table 4 (classification ranking CR, the IoU-guided ranking of
RankDetNet IGR-ori, the paper's own IGR) and Sec. 4.2 (cross entropy in two stages).
"""

from __future__ import annotations

from typing import Any

from lockon.studies.spec import BASE, Published, StudySpec, Variant

_CR: dict[str, Any] = {"loss.rank_cls.weight": 0.5}
_OFF: dict[str, Any] = {"loss.rank_cls.weight": 0.0, "loss.ranking.weight": 0.0}
_VARIANTS = {
    BASE: Variant("baseline", _OFF),
    "cr": Variant("+ CR", _OFF | _CR),
    "cr-igr-ori": Variant("+ CR + IGR-ori", _OFF | _CR | {"loss.ranking": "rank-det-net", "loss.ranking.weight": 0.25}, "cr"),
    "cr-igr": Variant("+ CR + IGR (RBO)", _OFF | _CR | {"loss.ranking": "iou-ranking", "loss.ranking.weight": 0.25}, "cr"),
    "two-stage": Variant("two-stage cross entropy", _OFF | {"loss.hard.weight": 1.0}),
}
_TABLE4 = (BASE, "cr", "cr-igr-ori", "cr-igr")

RBO = StudySpec(
    name="rbo",
    variants=_VARIANTS,
    table=_TABLE4,
    grid={"compact-ban": _TABLE4, "compact-rpn": (BASE, "cr-igr"), "compact-pw": (BASE, "cr-igr")},
    # one positive per target, as OSTrack has it, leaves nothing to rank: there the ellipse of compact-ban labels the cells
    budget={"compact-ostrack": {"assigner": "ellipse-assigner", "assigner.inner": 0.35, "assigner.nearest": True}},
    column="losses",
    title="Do ranking losses make a Siamese tracker better?",
    intro="""
This page was written by `lockon study rbo`. RBO (Tang and Ling, *Ranking-Based Siamese Visual Tracking*, CVPR 2022, Table 4) reports
gains from two losses that are added to a tracker's own: a classification ranking loss (CR, Eq. 6-8) and an IoU-guided ranking loss
(IGR, Eq. 9-10; IGR-ori is the form of RankDetNet). Users of the released code could not repeat the gains. Here the rows of that table are
trained side by side with everything else equal: data, samples, initial weights per seed, number of steps, inference parameters.
""".strip(),
    networks=(
        "the frozen backbone of lockon-s (EfficientNet-Lite0, ImageNet weights, stride 16, crops of 112 and 224 pixels) "
        "with the padded heads of SiamBAN, SiamRPN++ and SiamPW at 128 channels, one level. These are small networks after short "
        "training: the page tells what the losses do there, not what they do to a ResNet-50 after 20 epochs"
    ),
    conditions=(
        "Ranking losses: weights 0.5 (CR) and 0.25 (each term of IGR), alpha 0.5, beta 4, gamma 3, in the form of the released code",
    ),
    published=Published(
        text="AUC in percent on TC128, NFS30 and UAV123 together (Table 4), and the gain over the baseline.",
        columns=("SiamRPN++", "SiamBAN"),
        values={BASE: (57.93, 59.61), "cr": (60.63, 61.15), "cr-igr-ori": (60.87, 60.92), "cr-igr": (62.08, 62.24)},
        digits=2,
    ),
    scale=(
        "The same command takes the full trackers in the paper's setting: `--trackers siamban-r50 --trackers siamrpnpp-r50 --cache none "
        "--device cuda`, with a data root that holds the papers' datasets and validation videos, and `--steps` left out for the recipes' "
        "own 20 epochs. `--trackers compact-ostrack` puts the losses on a one-stream tracker. `--only two-stage` adds the two-stage "
        "cross entropy of Sec. 4.2."
    ),
)

__all__ = ["RBO"]
