"""The study of SiamLA: does a score that knows how good its box is make a tracker better?

Nie et al., Learning Localization-aware Target Confidence for Siamese Visual Tracking, Table III (the parts one by
one: dynamic labels LADL, label smoothing LALS, feature aggregation LAFA), IV (linear labels), V (lambda of LALS), VI (parts of LAFA).
"""

from __future__ import annotations

from typing import Any

from lockon.studies.metrics import ALIGNMENT, TRACKING
from lockon.studies.spec import BASE, Published, StudySpec, Variant

_BRANCHED = ("compact-car", "siamcar-r50")  # trackers whose head can have the localization branch
_LADL: dict[str, Any] = {"loss.cls": "dynamic-labels"}
_LALS: dict[str, Any] = {"assigner.boundary": 0.5}
_LAFA: dict[str, Any] = {"model.branch": "localization", "loss.quality": "localization-quality"}
_VARIANTS = {
    BASE: Variant("baseline", {}),
    "ladl": Variant("+ LADL", _LADL),
    "lals": Variant("+ LALS", _LALS | {"loss.cls": "smoothed-labels"}),
    "ladl-lals": Variant("+ LADL + LALS", _LADL | _LALS, "ladl"),
    "lafa": Variant("+ LAFA", _LAFA, trackers=_BRANCHED),
    "all": Variant("+ LADL + LALS + LAFA (SiamLA)", _LADL | _LALS | _LAFA, "ladl-lals", _BRANCHED),
    "linear": Variant("+ LADL, linear labels", _LADL | {"loss.cls.map": "linear"}, "ladl"),
    "lambda-01": Variant("+ LADL + LALS, lambda 0.1", _LADL | _LALS | {"loss.cls.smoothing": 0.1}, "ladl-lals"),
    "lambda-03": Variant("+ LADL + LALS, lambda 0.3", _LADL | _LALS | {"loss.cls.smoothing": 0.3}, "ladl-lals"),
    "lambda-04": Variant("+ LADL + LALS, lambda 0.4", _LADL | _LALS | {"loss.cls.smoothing": 0.4}, "ladl-lals"),
    "lafa-no-non-local": Variant("+ LAFA without non-local block", _LAFA | {"model.localization.non_local": False}, "lafa", _BRANCHED),
    "lafa-no-aggregation": Variant("+ LAFA without aggregation", _LAFA | {"model.localization.aggregation": False}, "lafa", _BRANCHED),
    "lafa-plain": Variant(
        "+ localization branch without either",
        _LAFA | {"model.localization.non_local": False, "model.localization.aggregation": False},
        "lafa",
        _BRANCHED,
    ),
}
_TABLE3 = (BASE, "ladl", "ladl-lals", "lafa", "all")

SIAMLA = StudySpec(
    name="siamla",
    variants=_VARIANTS,
    table=_TABLE3,
    grid={"compact-car": _TABLE3},
    metrics=(*TRACKING, *ALIGNMENT),
    column="parts",
    title="Do localization-aware scores make a Siamese tracker better?",
    intro="""
This page was written by `lockon study siamla`. SiamLA (Nie et al., *Learning Localization-aware Target Confidence for Siamese Visual
Tracking*, Table III) adds three parts to SiamCAR so that the box with the highest score is the best box: labels that
follow the IoU of the predicted box (LADL, Eq. 3-6), smaller labels on the rest of the target in place of zeros (LALS, Eq. 7), and a
branch that predicts the IoU from features at five points of the predicted box, in place of centre-ness (LAFA, Eq. 8-10). There is no
public code. Here the rows of that table are trained side by side with everything else equal: data, samples, initial weights per seed as
far as networks share them, number of steps, inference parameters. Alignment is measured beside the tracking: how well the candidates'
scores agree with their IoU.
""".strip(),
    networks=(
        "the frozen backbone of lockon-s (EfficientNet-Lite0, ImageNet weights, stride 16, crops of 112 and 224 pixels) with the padded "
        "head of SiamCAR at 128 channels, one level. These are small networks after short training: the page tells what the parts do "
        "there, not what they do to a ResNet-50 after 50 epochs"
    ),
    conditions=(
        "LADL: sigmoid with alpha 0.5 and beta 10, labels normalised per image. LALS: lambda 0.2, boxes are learnt at boundary points too",
        "The box loss is SiamCAR's in all rows, weighted by centre-ness targets, so that the parts alone differ",
        "Alignment: every fifth annotated frame, searched around the true box of the annotated frame before it, all candidates",
    ),
    published=Published(
        text="AUC on OTB100 and AO on GOT-10k after training on GOT-10k alone (Tables III to VI), and the gain over the baseline.",
        columns=("OTB100 AUC", "GOT-10k AO"),
        values={
            BASE: (0.597, 0.581),
            "ladl": (0.621, 0.594),
            "lals": (0.573, 0.571),
            "ladl-lals": (0.632, 0.602),
            "lafa": (0.626, 0.599),
            "all": (0.649, 0.619),
            "linear": (0.613, 0.591),
            "lambda-01": (0.619, 0.591),
            "lambda-03": (0.624, 0.594),
            "lambda-04": (0.604, 0.583),
            "lafa-no-non-local": (0.617, 0.594),
            "lafa-no-aggregation": (0.611, 0.591),
        },
        digits=3,
    ),
    scale=(
        "The same command takes the full network in the paper's setting: `--trackers siamcar-r50 --cache none --device cuda`, with a data "
        "root that holds GOT-10k and validation videos, `--set datasets=got10k`, and `--steps` left out for the recipe's own epochs. "
        "`--only` adds more rows of Tables III to VI: `lals`, `linear`, `lambda-01`, `lambda-03`, `lambda-04`, `lafa-no-non-local`, "
        '`lafa-no-aggregation`, `lafa-plain`. `--trackers lockon-s --set "train.unfreeze=((0,0),)"` puts LADL and LALS on the default '
        "tracker."
    ),
)

__all__ = ["SIAMLA"]
