"""Inference as PySOT and the trackers built on it do it: one default, "official", and the parameters of each benchmark.

Three numbers differ: strength of the size penalty, influence of the window, learning rate of the size. "default" takes the untuned
values of each official code base, with lockon's sub-pixel crops. "official" is the official tracker to the pixel, with the
numbers of its configuration file. Presets that are named after a benchmark are its published numbers (they were tuned on that
very benchmark), started as the official test script does: for repeating published results, not for anything else.

Sources: the configuration files of STVIR/pysot, hqucv/siamban, sansanfree/RBO and ohhhyeahhh/SiamCAR.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from lockon.config import apply_overrides
from lockon.localizers.dense import LocalizerConfig
from lockon.localizers.masks import MaskConfig
from lockon.localizers.rank import Blend
from lockon.ops.crop_rules import ContextRule
from lockon.target import StatePolicy
from lockon.tracker import TrackerConfig

CONTEXT = 0.5
STRIDE = 8.0  # pixels of the search crop between two candidates
TEMPLATE_SIZE = 127  # pixels

PYSOT_LICENCE = "released PySOT models: CC BY-SA 3.0"
RBO_LICENCE = "released models: the terms of sansanfree/RBO"
RPN_PAPER = "Li et al., SiamRPN++: Evolution of Siamese Visual Tracking with Very Deep Networks, CVPR 2019 (arXiv 1812.11703)"
BAN_PAPER = "Chen et al., Siamese Box Adaptive Network for Visual Tracking, CVPR 2020 (arXiv 2003.06761)"
RBO_PAPER = "Tang and Ling, Ranking-Based Siamese Visual Tracking, CVPR 2022 (arXiv 2205.11761)"
CAR_PAPER = (
    "Guo et al., SiamCAR: Siamese Fully Convolutional Classification and Regression for Visual Tracking, CVPR 2020 (arXiv 1911.07241)"
)


class WindowParams(NamedTuple):
    """The tuned numbers of a tracker, under their official names.

    Attributes:
        penalty_k: Strength of the penalty on changes of size and shape.
        window_influence: Weight of the cosine window, 0..1.
        size_lr: How fast the size follows, 0..1.
    """

    penalty_k: float
    window_influence: float
    size_lr: float

    def changes(self) -> dict[str, Any]:
        """Return the numbers as overrides of a `TrackerConfig`."""
        rank = {"localizer.rank.penalty_k": self.penalty_k, "localizer.rank.window_influence": self.window_influence}
        return {**rank, "localizer.size_lr": self.size_lr}


PYSOT_PARAMS = WindowParams(0.04, 0.44, 0.4)  # pysot/core/config.py
SIAMBAN_PARAMS = WindowParams(0.14, 0.45, 0.30)  # siamban/core/config.py; SiamPW's code began as SiamBAN's

# The official tracker to the pixel: crops of whole pixels, a start centre of x + (w - 1) / 2 and boxes from centre - w / 2 (half a pixel
# apart), a start box that is not clipped. The official test script starts it at x + w / 2 instead.
PYSOT_TRACKER = {"template_crop": "pysot-rule", "search_crop": "pysot-rule", "start": "unclipped-start", "start.shift": -0.5}

OFFICIAL_RULES: Mapping[str, Any] = MappingProxyType({"states.min_size": 10.0})


def pysot_config(
    params: WindowParams, *, search_size: int = 255, anchors: int = 1, masks: bool = False, changes: Mapping[str, Any] | None = None
) -> TrackerConfig:
    """Return the parameters of the preset "default".

    The scores are the networks' own foreground probabilities, which nobody calibrated: they name the state, and nothing else
    depends on them, as in the official trackers (`absent_score` and `search_growth` are off).

    Args:
        params: Untuned numbers.
        search_size: Side of the search crop in pixels.
        anchors: Candidates per grid point.
        masks: The network makes masks.
        changes: Further overrides.
    """
    crop = ContextRule(context=CONTEXT, pixel_centers=True)
    base = TrackerConfig(
        template_crop=crop,
        search_crop=replace(crop, factor=search_size / TEMPLATE_SIZE),
        localizer=LocalizerConfig(rank=Blend(zero_border=True), anchors=anchors),
        states=StatePolicy(absent_score=0.0, search_growth=1.0),
        stride=STRIDE,
        mask=MaskConfig(stride=STRIDE) if masks else None,
    )
    return apply_overrides(base, {**params.changes(), **(changes or {})})


def pysot_presets(
    official: WindowParams,
    benchmarks: Mapping[str, WindowParams] | None = None,
    *,
    rules: Mapping[str, Any] = OFFICIAL_RULES,
    variants: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the presets of a tracker, "default" first, as changes of its default parameters.

    Args:
        official: Numbers of the configuration file.
        benchmarks: Published numbers by benchmark.
        rules: What all presets but "default" change.
        variants: Further presets by name, as changes of "official".
    """
    start = {**rules, **official.changes(), **PYSOT_TRACKER}
    return {
        "default": {},
        "official": start,
        **{name: {**start, **changes} for name, changes in (variants or {}).items()},
        **{name: {**start, **params.changes(), "start.shift": 0.0} for name, params in (benchmarks or {}).items()},
    }


def each_vot(params: WindowParams) -> dict[str, WindowParams]:
    """Return the same numbers for VOT2016, VOT2018 and VOT2019."""
    return dict.fromkeys(("vot2016", "vot2018", "vot2019"), params)
