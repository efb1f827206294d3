"""The compact trackers behind `lockon.load`: weights that were trained here, and one set of inference parameters for all of them.

So that a study compares networks alone, nothing hangs on the size of a score: no target is held in its place and no window grows.
Penalty, window and size_lr are those of the untuned `TrackerConfig`. Torch is needed for `.safetensors` files only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lockon.config import apply_in_order, flatten
from lockon.errors import LockonError, unknown_name
from lockon.localizers.dense import LocalizerConfig
from lockon.target import StatePolicy
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.zoo.embedded import open_model

ANCHORS = {"compact-ban": 1, "compact-rpn": 5, "compact-pw": 1, "compact-car": 1}  # candidates per point of the map
PRESETS = ("default",)


def default_config(name: str) -> TrackerConfig:
    """The parameters of a compact tracker: equal for all but the number of anchors, which the head decides."""
    return TrackerConfig(localizer=LocalizerConfig(anchors=ANCHORS[name]), states=StatePolicy(absent_score=0.0, search_growth=1.0))


def load(name: str, *, weights: Path | None = None, preset: str = "default", device: str = "auto", **overrides: Any) -> NetworkTracker:
    """A compact tracker from its weights.

    Args:
        name: key of `ANCHORS`. weights: `.safetensors` of `lockon train` or `lockon study`, or `.onnx` of `lockon export`.
        preset: "default" is all there is. device, overrides: as for `lockon.zoo.embedded.load`.

    Raises:
        LockonError: no weights; unknown preset, device or override; weights that are missing, damaged or of another architecture.
    """
    if preset not in PRESETS:
        raise unknown_name(f"preset of {name}", preset, PRESETS)
    if weights is None:
        raise LockonError(f"{name} has no weights in the package: train some with lockon train {name}, or lockon study")
    model, header = open_model(name, weights, device)
    crops = {key: value for key, value in header.get("tracker", {}).items() if key in ("template_crop", "search_crop")}
    return NetworkTracker(model, apply_in_order(default_config(name), flatten(crops), overrides))
