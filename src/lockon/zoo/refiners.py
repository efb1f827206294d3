"""The refiners behind `lockon.load_refiner`: their weights, their presets, and how one comes to stand behind a tracker.

Alpha-Refine's official scripts differ by benchmark; presets name them. "official" is what they do on LaSOT, GOT-10k and TrackingNet: crops
and maps of the published code, every frame refined and written back. They report boxes that are not clipped, but for SiamRPN++ and RT-MDNet
(``refine.clip=true``). "vot2020" makes masks around the tracker's own box, which is clipped and written back, but for those two trackers
(``refine.write_back=false``). Source: the scripts of MasterBin-IIAU/AlphaRefine.

Torch is needed for `.safetensors` files only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lockon.config import apply_in_order, apply_overrides, flatten
from lockon.errors import LockonError, unknown_name
from lockon.export.header import model_files
from lockon.refiners.alpha_refine import AlphaRefiner, RefinerConfig
from lockon.refiners.combine import RefineConfig
from lockon.refiners.protocol import Refiner
from lockon.refiners.siammask import SearchConfig, SiamMaskRefiner
from lockon.refiners.wrapper import with_refiner
from lockon.session import Tracker
from lockon.zoo.embedded import open_model, weights_path
from lockon.zoo.registry import REFINERS, load_refiner


class Preset(NamedTuple):
    """What a preset changes: fields of a refiner's `RefinerConfig`, and of the `RefineConfig` around a tracker."""

    refiner: Mapping[str, Any]
    refine: Mapping[str, Any]


_OFFICIAL = {"crop": "official-stretched-rule", "start": "unclipped-start"}
PRESETS: dict[str, Preset] = {
    "default": Preset({}, {}),
    "official": Preset(_OFFICIAL, {"clip": False, "lost": True, "official_start": True}),
    "vot2020": Preset({**_OFFICIAL, "mask_threshold": 0.65}, {"box": "base", "mask": True, "clip_base": True, "lost": True}),
}
SIAMMASK = "siammask-r50"  # the tracker whose weights "siammask" takes


def load(name: str, *, weights: Path | None = None, preset: str = "default", device: str = "auto", **overrides: Any) -> Refiner:
    """A refiner from its weights.

    Parameters come from the weight file, then from the preset, then from `overrides`.

    Args:
        name: key of `REFINERS`, and the architecture that the weights must have.
        weights: `.safetensors` of `lockon convert` or `lockon train` (needs the `torch` extra), or `.onnx` / `.xml` of `lockon export`;
            None for those in the package.
        preset: key of `PRESETS`; "siammask" has "default" alone.
        device: "auto", "cpu", "cuda" or "cuda:1", "openvino", "openvino-bf16"; for torch weights "torch" (the CPU) or a torch device.
        overrides: fields of `RefinerConfig`; for "siammask" of `SearchConfig`, and after ``tracker.`` of `TrackerConfig`.

    Raises:
        LockonError: no weights; unknown preset, device or override; weights that are missing, damaged or of another architecture.
    """
    if preset not in preset_names(name):
        raise unknown_name(f"preset of {name}", preset, preset_names(name))
    path = _given(name, weights)
    if name == "siammask":
        return _siammask(path, device, overrides)
    model, header = open_model(name, path, device)
    config = apply_in_order(RefinerConfig(), flatten(header.get("tracker", {})), PRESETS[preset].refiner, overrides)
    return AlphaRefiner(model, config)


def preset_names(name: str) -> tuple[str, ...]:
    """The presets of a refiner, "default" first."""
    return ("default",) if name == "siammask" else tuple(PRESETS)


def _siammask(weights: Path, device: str, overrides: Mapping[str, Any]) -> SiamMaskRefiner:
    """Sizes are taken as the network gives them: smoothing over time belongs to the tracker that is refined."""
    from lockon.zoo import siamese

    start = len("tracker.")
    search = {key[start:]: value for key, value in overrides.items() if key.startswith("tracker.")}
    own = {key: value for key, value in overrides.items() if not key.startswith("tracker.")}
    tracker = siamese.load(SIAMMASK, weights=weights, device=device, **{"localizer.size_lr": 1.0, **search})
    return SiamMaskRefiner(tracker, apply_overrides(SearchConfig(), own))


def wrap(
    tracker: Tracker,
    refiner: str | Refiner,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    overrides: Mapping[str, Any] | None = None,
) -> Tracker:
    """A tracker with a refiner behind it.

    Args:
        tracker: any.
        refiner: NAME or NAME:PRESET, where the preset is that of refiner and wrapper; or a refiner object.
        weights, device: as for `load_refiner`; only for a refiner that is given by name.
        overrides: ``refine.`` and a field of `RefineConfig`; for a refiner that is given by name also ``refiner.`` and a field of its own.

    Raises:
        LockonError: as `load_refiner`; an unknown override; masks of a refiner that makes none.
    """
    changes = dict(overrides or {})
    own = {key.removeprefix("refiner."): changes.pop(key) for key in list(changes) if key.startswith("refiner.")}
    given: dict[str, Any] = {}
    if isinstance(refiner, str):
        name, _, preset = refiner.partition(":")
        preset = preset or "default"
        made = load_refiner(name, weights, preset, device, **own)
        given = dict(PRESETS[preset].refine)
    else:
        if weights is not None or own:
            raise LockonError("weights and parameters of a refiner belong to its name; set them where the given refiner object is made")
        made = refiner
    outer = {key.removeprefix("refine."): value for key, value in changes.items()}
    return with_refiner(tracker, made, apply_overrides(RefineConfig(), {**given, **outer}))


def split_overrides(overrides: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Overrides of a tracker, and those that begin with ``refine.`` or ``refiner.``, for `wrap`."""
    theirs = {key: value for key, value in overrides.items() if key.startswith(("refine.", "refiner."))}
    return {key: value for key, value in overrides.items() if key not in theirs}, theirs


def weight_files(name: str, weights: Path | None = None) -> tuple[Path, ...]:
    """The files of a refiner's weights, for their size and hash: all parts of an exported model, or the one file.

    Raises:
        LockonError: none are given, or one is missing.
    """
    return model_files(_given(name, weights))


def _given(name: str, weights: Path | None) -> Path:
    if weights is not None:
        return weights
    embedded = weights_path(name)
    if embedded.is_file():
        return embedded
    entry, network = REFINERS[name], SIAMMASK if name == "siammask" else name
    if not entry.checkpoint:
        how = f"train them (lockon train {name} --help) or take alpha-refine-r34, which was published"
        raise LockonError(f"{name} has no weights in the package, and none were published; {how}")
    raise LockonError(
        f"{name} has no weights in the package; get a published checkpoint (`lockon zoo show {name}` says where), type: "
        f"lockon convert {network} FILE {network}.safetensors, and give --refiner-weights {network}.safetensors"
    )


__all__ = ["PRESETS", "Preset", "load", "preset_names", "split_overrides", "weight_files", "wrap"]
