"""Names of trackers and how to load each; imports nothing heavy until a name is loaded."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockon.errors import LockonError, unknown_name
from lockon.tracker import Tracker


@dataclass(frozen=True, slots=True)
class Entry:
    """One tracker of the zoo.

    Attributes:
        module: module that offers ``load(name, *, weights, preset, device, **overrides) -> Tracker``.
        summary: one line for listings.
    """

    module: str
    summary: str


ENTRIES: dict[str, Entry] = {
    "lockon-s": Entry("lockon.zoo.embedded", "the default: small Siamese tracker for CPUs, weights in the package"),
    "csrt": Entry("lockon.zoo.opencv", "OpenCV's CSRT (discriminative correlation filter, no network)"),
    "kcf": Entry("lockon.zoo.opencv", "OpenCV's KCF (kernelized correlation filter, fixed scale)"),
    "mil": Entry("lockon.zoo.opencv", "OpenCV's MIL (online boosting, fixed scale)"),
    "nanotrack-v1": Entry("lockon.zoo.opencv", "NanoTrack v1 in OpenCV; weights= a folder with its two ONNX files"),
    "nanotrack-v2": Entry("lockon.zoo.opencv", "NanoTrack v2 in OpenCV; weights= a folder with its two ONNX files"),
}


def list_trackers() -> list[str]:
    """Names that `load` takes, in alphabetical order."""
    return sorted(ENTRIES)


def load(
    name: str = "lockon-s",
    weights: str | Path | None = None,
    preset: str = "default",
    device: str = "auto",
    refiner: str | None = None,
    **overrides: Any,
) -> Tracker:
    """A tracker, ready for `init`.

    Args:
        name: one of `list_trackers()`.
        weights: file of weights to use instead of the name's own (`.onnx`; `.safetensors` needs the `torch` extra).
        preset: named inference parameters.
        device: "auto", "cpu", "openvino", "cuda" or "torch".
        refiner: name of a box refiner to put behind the tracker; none is available yet.
        overrides: dotted configuration names with new values, for example ``**{"localizer.window": 0.4}``.

    Raises:
        LockonError: unknown name, preset or override, unreadable or mismatching weights.
    """
    if name not in ENTRIES:
        raise unknown_name("tracker", name, ENTRIES)
    if refiner is not None:
        raise LockonError(f"refiner {refiner!r} given, but this version has no refiners; leave refiner out")
    module = importlib.import_module(ENTRIES[name].module)
    tracker: Tracker = module.load(name, weights=Path(weights) if weights is not None else None, preset=preset, device=device, **overrides)
    return tracker


__all__ = ["ENTRIES", "Entry", "list_trackers", "load"]
