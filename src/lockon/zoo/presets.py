"""Inference parameters of the SiamRPN++ family (also SiamBAN, SiamPW, SiamMask): one default, `official`, and those of each benchmark.

Three numbers differ: strength of the size penalty, weight of the window, smoothing of the size. "default" takes the untuned
values of each official code base, with lockon's sub-pixel crops. "official" is the official tracker to the pixel, with the
numbers of its configuration file. Presets that are named after a benchmark are its published numbers (they were tuned on that
very benchmark), started as the official test script does: for repeating published figures, not for anything else.

Sources: the configuration files of STVIR/pysot, hqucv/siamban and sansanfree/RBO.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from lockon.config import apply_overrides
from lockon.errors import unknown_name
from lockon.localizers.masks import MaskConfig
from lockon.localizers.window import WindowConfig
from lockon.tracker import TrackerConfig

CONTEXT = 0.5
STRIDE = 8.0


class Numbers(NamedTuple):
    """Penalty, window and smoothing of `WindowConfig`; penalty_k, window_influence and lr officially."""

    penalty: float
    window: float
    smoothing: float

    def changes(self) -> dict[str, Any]:
        """As overrides of a `TrackerConfig`."""
        return {f"localizer.{name}": value for name, value in self._asdict().items()}


class Family(NamedTuple):
    """The presets of one tracker.

    Attributes:
        default: untuned numbers. official: those of the configuration file. benchmarks: by name of the preset.
        anchors: candidates per grid point. masks: the network makes masks.
    """

    default: Numbers
    official: Numbers
    benchmarks: Mapping[str, Numbers]
    anchors: int = 1
    masks: bool = False


_PYSOT = Numbers(0.04, 0.44, 0.4)  # pysot/core/config.py
_SIAMBAN = Numbers(0.14, 0.45, 0.30)  # siamban/core/config.py; SiamPW's code began as SiamBAN's
_ALEXNET = Numbers(0.16, 0.40, 0.30)
_RPN_VOT = Numbers(0.05, 0.42, 0.38)
_BAN_VOT2018 = Numbers(0.08513642556896711, 0.4632532824922313, 0.44418184746462425)
_MASK_VOT = Numbers(0.10, 0.41, 0.32)


def _each_vot(numbers: Numbers) -> dict[str, Numbers]:
    return dict.fromkeys(("vot2016", "vot2018", "vot2019"), numbers)


_RPN_RBO = {
    "otb100": Numbers(0.0806, 0.4585, 0.3244),
    "uav123": Numbers(0.0074, 0.1277, 0.309),
    "nfs30": Numbers(0.0267, 0.0428, 0.8365),
    "tc128": Numbers(0.157, 0.315, 0.4364),
    "vot2016": Numbers(0.0645, 0.4062, 0.42989),
    "lasot": Numbers(0.04, 0.2, 0.5),
    "got10k": Numbers(0.01, 0.1, 0.8),
}
_PW_RBO = {
    "otb100": Numbers(0.002, 0.441, 0.487),
    "uav123": Numbers(0.085828, 0.35483, 0.3115735),
    "nfs30": Numbers(0.06772, 0.1455, 0.94515),
    "tc128": Numbers(0.0285, 0.505, 0.31592),
    "vot2016": Numbers(0.1223, 0.542, 0.67865),
    "lasot": Numbers(0.04, 0.25, 0.7),
    "got10k": Numbers(0.04, 0.1, 0.94),
}

# No numbers were ever published for siampw-r50 and siamban-r50-rbo alone: their official ones are their code's.
FAMILIES: dict[str, Family] = {
    "siamrpn-alexnet": Family(_ALEXNET, _ALEXNET, {"otb100": _ALEXNET, **_each_vot(_ALEXNET)}, anchors=5),
    "siamrpnpp-r50": Family(_PYSOT, _RPN_VOT, {"otb100": Numbers(0.24, 0.5, 0.25), **_each_vot(_RPN_VOT)}, anchors=5),
    "siamrpnpp-r50-rbo": Family(_PYSOT, _RPN_RBO["otb100"], _RPN_RBO, anchors=5),
    "siamban-r50": Family(
        _SIAMBAN,
        _BAN_VOT2018,
        {
            "otb100": Numbers(0.020530504470126613, 0.3850733326567302, 0.4730770315643308),
            "vot2018": _BAN_VOT2018,
            "vot2019": Numbers(0.0012159181005195463, 0.334450048565355, 0.46386814967815493),
        },
    ),
    "siamban-r50-rbo": Family(_SIAMBAN, _SIAMBAN, {}),
    "siampw-r50": Family(_SIAMBAN, _SIAMBAN, {}),
    "siampw-r50-rbo": Family(_SIAMBAN, _PW_RBO["otb100"], _PW_RBO),
    "siammask-r50": Family(_MASK_VOT, _MASK_VOT, _each_vot(_MASK_VOT), anchors=5, masks=True),
}


def preset_names(name: str) -> tuple[str, ...]:
    """The presets of a tracker, "default" first.

    >>> preset_names("siamban-r50")
    ('default', 'official', 'otb100', 'vot2018', 'vot2019')
    """
    return ("default", "official", *FAMILIES[name].benchmarks)


def default_config(name: str, search_factor: float = 255 / 127) -> TrackerConfig:
    """The parameters of the preset "default".

    The scores are the networks' own foreground probabilities, which nobody calibrated: they name the state, and nothing else
    hangs on them, as in the official trackers (`hold` and `grow` are off).

    Args:
        name: key of `FAMILIES`. search_factor: side of the search crops over that of the template crops, both in crop pixels.
    """
    family = FAMILIES[name]
    penalty, window, smoothing = family.default
    return TrackerConfig(
        template_factor=1.0,
        search_factor=search_factor,
        context=CONTEXT,
        pixel_centers=True,
        localizer=WindowConfig(penalty=penalty, window=window, smoothing=smoothing, anchors=family.anchors, zero_border=True),
        hold=0.0,
        grow=1.0,
        stride=STRIDE,
        mask=MaskConfig(stride=STRIDE) if family.masks else None,
    )


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
    official: dict[str, Any] = {"min_size": 10.0}
    if preset == "official":
        return {**official, **family.official.changes(), "conventions": "pysot"}
    return {**official, **family.benchmarks[preset].changes(), "conventions": "pysot-bench"}


def preset_config(name: str, preset: str = "default", search_factor: float = 255 / 127) -> TrackerConfig:
    """All parameters of a preset; arguments as `default_config`.

    Raises:
        LockonError: the tracker has no such preset.
    """
    return apply_overrides(default_config(name, search_factor), preset_changes(name, preset))
