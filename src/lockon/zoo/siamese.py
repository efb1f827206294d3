"""The SiamRPN++ family behind `lockon.load`: converted, trained or exported weights, and the parameters of a preset.

No weights of the family come with the package. Torch is needed for `.safetensors` files only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lockon.config import apply_in_order, flatten
from lockon.errors import LockonError
from lockon.export.header import model_files
from lockon.tracker import NetworkTracker
from lockon.zoo.embedded import open_model
from lockon.zoo.presets import default_config, preset_changes
from lockon.zoo.registry import ENTRIES


def load(name: str, *, weights: Path | None = None, preset: str = "default", device: str = "auto", **overrides: Any) -> NetworkTracker:
    """A tracker of the family from its weights.

    Parameters come from the default, then from the weight file, then from the preset, then from `overrides`.

    Args:
        name: key of `lockon.zoo.presets.FAMILIES`, and the architecture that the weights must have.
        weights: `.safetensors` of `lockon convert` or `lockon train` (needs the `torch` extra), or `.onnx` / `.xml` of `lockon export`.
        preset: "default", "official", a benchmark, or a variant of the tracker; see `lockon.zoo.presets.preset_names`.
        device: "auto", "cpu", "cuda" or "cuda:1", "openvino", "openvino-bf16"; for torch weights "torch" (the CPU) or a torch device.
        overrides: dotted names of `TrackerConfig` fields with new values, for example ``**{"localizer.rank.window_influence": 0.4}``.

    Raises:
        LockonError: no weights; unknown preset, device or override; weights that are missing, damaged or of another architecture.
    """
    changes = preset_changes(name, preset)
    model, header = open_model(name, _given(name, weights), device)
    base = default_config(name, search_factor=model.search_size / model.template_size)
    return NetworkTracker(model, apply_in_order(base, flatten(header.get("tracker", {})), changes, overrides))


def weight_files(name: str, weights: Path | None) -> tuple[Path, ...]:
    """The files of a tracker's weights, for their size and hash: all parts of an exported model, or the one file.

    Raises:
        LockonError: none are given, or one is missing.
    """
    return model_files(_given(name, weights))


def _given(name: str, weights: Path | None) -> Path:
    if weights is not None:
        return weights
    if not ENTRIES[name].checkpoint:
        raise LockonError(
            f"{name} has no weights in the package, and none were published; train them (lockon train {name} --help), "
            "and give --weights with the .safetensors of the run"
        )
    raise LockonError(
        f"{name} has no weights in the package; get a published checkpoint (`lockon zoo show {name}` says where), type: "
        f"lockon convert {name} model.pth {name}.safetensors, and give --weights {name}.safetensors"
    )
