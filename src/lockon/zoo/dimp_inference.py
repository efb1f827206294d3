"""Inference parameters of DiMP, PrDiMP and SuperDiMP, and their presets.

"default" has the published numbers; boxes stay in the frame, and crops are whole numbers. "official" is the published tracker to the
fraction of a pixel. "vot18" and "vot19" are the published variants for those challenges, as far as their numbers are known: smaller crops,
more steps, larger memories, a window, and no second-peak tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lockon.localizers.peaks import SecondPeak
from lockon.online.ascent import BoxAscent, RelativeSpace
from lockon.online.config import BoxRefinement, DensityResponse, OnlineConfig
from lockon.ops.crop_rules import InsideMajor, PytrackingRule
from lockon.target import StatePolicy
from lockon.tracker import Calibration

# Nobody fitted these: a response at the threshold of "not found" gets a score just below "lost", a label's peak nearly 1.
RESPONSE_SCORE = Calibration(scale=10.0, bias=-3.4)
DENSITY_SCORE = Calibration(scale=100.0, bias=-4.9)

DIMP = OnlineConfig(
    search_crop=PytrackingRule(factor=5.0),
    calibration=RESPONSE_SCORE,
    states=StatePolicy(absent_score=0.0, search_growth=1.0, min_size=1.0),
)
SUPERDIMP = replace(
    DIMP,
    search_crop=PytrackingRule(factor=6.0, inside=InsideMajor(max_shrink=1.5)),
    refinement=BoxRefinement(ascent=BoxAscent(steps=10, length=(2.5e-3, 2.5e-3), space=RelativeSpace())),
)
PRDIMP = replace(SUPERDIMP, response=DensityResponse(), localization=SecondPeak(not_found=0.04), calibration=DENSITY_SCORE)

OFFICIAL_PRESET: Mapping[str, Any] = {
    "start": "unclipped-start",
    "exact_pixels": True,
    "states.bounds": "unbounded",
    "states.min_size": 0.0,
}
_VOT18: Mapping[str, Any] = {
    "search_size": 224,
    "search_crop.factor": 4.0,
    "learner.memory.capacity": 250,
    "learner.rate": 0.0075,
    "learner.first_steps": 25,
    "learner.steps": 3,
    "learner.hard_negative_steps": 3,
    "learner.every": 10,
    "window": True,
    "localization.not_found": 0.0,
    "localization.distractor": 100.0,
}
_VOT19: Mapping[str, Any] = {
    **_VOT18,
    "search_size": 256,
    "search_crop.factor": 4.5,
    "learner.memory.capacity": 100,
    "learner.first_steps": 15,
}
PRESETS: Mapping[str, Mapping[str, Any]] = {"default": {}, "official": OFFICIAL_PRESET}
DIMP_PRESETS: Mapping[str, Mapping[str, Any]] = {**PRESETS, "vot18": _VOT18, "vot19": _VOT19}


__all__ = ["DIMP", "DIMP_PRESETS", "OFFICIAL_PRESET", "PRDIMP", "PRESETS", "SUPERDIMP"]
