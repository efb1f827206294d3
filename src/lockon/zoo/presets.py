"""Inference parameters of the SiamRPN++ family (also SiamBAN, SiamCAR and others): one default, `official`, and those of each benchmark.

Three numbers differ: strength of the size penalty, weight of the window, smoothing of the size. "default" takes the untuned
values of each official code base, with lockon's sub-pixel crops. "official" is the official tracker to the pixel, with the
numbers of its configuration file. Presets that are named after a benchmark are its published numbers (they were tuned on that
very benchmark), started as the official test script does: for repeating published figures, not for anything else.

SiamCAR's official code also finds the place and the size in its own way (`lockon.localizers.coarse_to_fine`), with oddities that are
part of its numbers; "default" has none of them. SiamLA published no numbers for inference and tests "as SiamCAR": its presets have
SiamCAR's numbers, never tuned for it, with the paper's mean of three boxes; "siamcar" is all of SiamCAR's official inference.

Sources: the configuration files of STVIR/pysot, hqucv/siamban, sansanfree/RBO and ohhhyeahhh/SiamCAR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from lockon.config import apply_overrides, as_json, flatten
from lockon.errors import unknown_name
from lockon.localizers.coarse_to_fine import CoarseToFine
from lockon.localizers.dense import LocalizerConfig
from lockon.localizers.masks import MaskConfig
from lockon.localizers.rank import Blend
from lockon.ops.crop_rules import ContextRule
from lockon.target import StatePolicy
from lockon.tracker import TrackerConfig

CONTEXT = 0.5
STRIDE = 8.0


class WindowParams(NamedTuple):
    """The three numbers of the cosine-window localizer: penalty_k, window_influence and lr of the official files."""

    penalty_k: float
    window_influence: float
    size_lr: float

    def changes(self) -> dict[str, Any]:
        """Return them as overrides of a `TrackerConfig`."""
        rank = {"localizer.rank.penalty_k": self.penalty_k, "localizer.rank.window_influence": self.window_influence}
        return {**rank, "localizer.size_lr": self.size_lr}


class Family(NamedTuple):
    """The presets of one tracker.

    Attributes:
        default: untuned numbers. official: those of the configuration file. benchmarks: by name of the preset.
        anchors: candidates per grid point. masks: the network makes masks.
        rules: of all presets, as overrides of a `TrackerConfig`. official_rules: of all but "default".
        variants: further presets by name, as changes of "official".
    """

    default: WindowParams
    official: WindowParams
    benchmarks: Mapping[str, WindowParams]
    anchors: int = 1
    masks: bool = False
    rules: Mapping[str, Any] = MappingProxyType({})
    official_rules: Mapping[str, Any] = MappingProxyType({"states.min_size": 10.0})
    variants: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


_PYSOT = WindowParams(0.04, 0.44, 0.4)  # pysot/core/config.py
_SIAMBAN = WindowParams(0.14, 0.45, 0.30)  # siamban/core/config.py; SiamPW's code began as SiamBAN's
_ALEXNET = WindowParams(0.16, 0.40, 0.30)
_RPN_VOT = WindowParams(0.05, 0.42, 0.38)
_BAN_VOT2018 = WindowParams(0.08513642556896711, 0.4632532824922313, 0.44418184746462425)
_MASK_VOT = WindowParams(0.10, 0.41, 0.32)
_CAR = WindowParams(0.04, 0.44, 0.33)


def _each_vot(numbers: WindowParams) -> dict[str, WindowParams]:
    return dict.fromkeys(("vot2016", "vot2018", "vot2019"), numbers)


_RPN_RBO = {
    "otb100": WindowParams(0.0806, 0.4585, 0.3244),
    "uav123": WindowParams(0.0074, 0.1277, 0.309),
    "nfs30": WindowParams(0.0267, 0.0428, 0.8365),
    "tc128": WindowParams(0.157, 0.315, 0.4364),
    "vot2016": WindowParams(0.0645, 0.4062, 0.42989),
    "lasot": WindowParams(0.04, 0.2, 0.5),
    "got10k": WindowParams(0.01, 0.1, 0.8),
}
_PW_RBO = {
    "otb100": WindowParams(0.002, 0.441, 0.487),
    "uav123": WindowParams(0.085828, 0.35483, 0.3115735),
    "nfs30": WindowParams(0.06772, 0.1455, 0.94515),
    "tc128": WindowParams(0.0285, 0.505, 0.31592),
    "vot2016": WindowParams(0.1223, 0.542, 0.67865),
    "lasot": WindowParams(0.04, 0.25, 0.7),
    "got10k": WindowParams(0.04, 0.1, 0.94),
}

_CAR_SEARCHED = {  # HP_SEARCH
    "otb100": WindowParams(0.2, 0.45, 0.35),
    "got10k": WindowParams(0.06, 0.1, 0.7),
    "uav123": WindowParams(0.2, 0.3, 0.4),
    "lasot": WindowParams(0.04, 0.3, 0.33),
}

# The official tracker to the pixel: crops of whole pixels, a start centre of x + (w - 1) / 2 and boxes from centre - w / 2 (half a pixel
# apart), a start box that is not clipped. The official test script starts it at x + w / 2 instead.
_PYSOT_TRACKER = {"template_crop": "pysot-rule", "search_crop": "pysot-rule", "start": "unclipped-start", "start.shift": -0.5}

# SiamCAR's code clips the sides of a box to [0, W] and [0, H]: a box may shrink to nothing.
_NO_LEAST_SIZE = {"states.min_size": 0.0}
_ODDITIES = CoarseToFine(stride=8, first=32.0, origin=31.0, half_pixel=True, stretched=True, mixed_units=True)
_CAR_LOCATION: dict[str, Any] = {
    **_NO_LEAST_SIZE,
    "localizer.score": "stretched-score",
    "localizer.boxes": "best",
    "localizer.place": "coarse-to-fine",
    **flatten(as_json(_ODDITIES), "localizer.place."),  # field by field: single ones can be changed on top
}
_MEAN_OF_THREE = {"localizer.boxes": "mean-ranked", "localizer.boxes.top": 3}

# No numbers were ever published for siampw-r50 and siamban-r50-rbo alone: their official ones are their code's.
FAMILIES: dict[str, Family] = {
    "siamrpn-alexnet": Family(_ALEXNET, _ALEXNET, {"otb100": _ALEXNET, **_each_vot(_ALEXNET)}, anchors=5),
    "siamrpnpp-r50": Family(_PYSOT, _RPN_VOT, {"otb100": WindowParams(0.24, 0.5, 0.25), **_each_vot(_RPN_VOT)}, anchors=5),
    "siamrpnpp-r50-rbo": Family(_PYSOT, _RPN_RBO["otb100"], _RPN_RBO, anchors=5),
    "siamban-r50": Family(
        _SIAMBAN,
        _BAN_VOT2018,
        {
            "otb100": WindowParams(0.020530504470126613, 0.3850733326567302, 0.4730770315643308),
            "vot2018": _BAN_VOT2018,
            "vot2019": WindowParams(0.0012159181005195463, 0.334450048565355, 0.46386814967815493),
        },
    ),
    "siamban-r50-rbo": Family(_SIAMBAN, _SIAMBAN, {}),
    "siampw-r50": Family(_SIAMBAN, _SIAMBAN, {}),
    "siampw-r50-rbo": Family(_SIAMBAN, _PW_RBO["otb100"], _PW_RBO),
    "siammask-r50": Family(_MASK_VOT, _MASK_VOT, _each_vot(_MASK_VOT), anchors=5, masks=True),
    "siamcar-r50": Family(_CAR, _CAR, _CAR_SEARCHED, official_rules=_CAR_LOCATION),
    "siamla-r50": Family(
        _CAR, _CAR, _CAR_SEARCHED, rules=_MEAN_OF_THREE, official_rules=_NO_LEAST_SIZE, variants={"siamcar": _CAR_LOCATION}
    ),
}


def preset_names(name: str) -> tuple[str, ...]:
    """The presets of a tracker, "default" first.

    >>> preset_names("siamban-r50")
    ('default', 'official', 'otb100', 'vot2018', 'vot2019')
    """
    return ("default", "official", *FAMILIES[name].variants, *FAMILIES[name].benchmarks)


def default_config(name: str, search_factor: float = 255 / 127) -> TrackerConfig:
    """The parameters of the preset "default".

    The scores are the networks' own foreground probabilities, which nobody calibrated: they name the state, and nothing else
    hangs on them, as in the official trackers (`absent_score` and `search_growth` are off).

    Args:
        name: key of `FAMILIES`. search_factor: side of the search crops over that of the template crops, both in crop pixels.
    """
    family = FAMILIES[name]
    crop = ContextRule(context=CONTEXT, pixel_centers=True)
    rank = Blend(penalty_k=family.default.penalty_k, window_influence=family.default.window_influence, zero_border=True)
    base = TrackerConfig(
        template_crop=crop,
        search_crop=replace(crop, factor=search_factor),
        localizer=LocalizerConfig(rank=rank, size_lr=family.default.size_lr, anchors=family.anchors),
        states=StatePolicy(absent_score=0.0, search_growth=1.0),
        stride=STRIDE,
        mask=MaskConfig(stride=STRIDE) if family.masks else None,
    )
    return apply_overrides(base, family.rules)


def preset_changes(name: str, preset: str) -> dict[str, Any]:
    """What a preset changes in the default, as overrides of a `TrackerConfig`.

    Raises:
        LockonError: the tracker has no such preset.
    """
    family = FAMILIES[name]
    if preset not in preset_names(name):
        raise unknown_name(f"preset of {name}", preset, preset_names(name))
    if preset == "default":
        return {}
    official = {**family.official_rules, **family.official.changes(), **_PYSOT_TRACKER}
    if preset in family.benchmarks:
        return {**official, **family.benchmarks[preset].changes(), "start.shift": 0.0}
    return {**official, **family.variants.get(preset, {})}


def preset_config(name: str, preset: str = "default", search_factor: float = 255 / 127) -> TrackerConfig:
    """All parameters of a preset; arguments as `default_config`.

    Raises:
        LockonError: the tracker has no such preset.
    """
    return apply_overrides(default_config(name, search_factor), preset_changes(name, preset))
