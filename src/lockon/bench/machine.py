"""What may explain a difference between two runs: versions of the packages, and the machine."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2

from lockon._cores import usable_cores

_PACKAGES = ("lockon", "numpy", "opencv-contrib-python-headless", "onnxruntime", "openvino", "torch")
_KINDS = {"machine": dict, "versions": dict, "data": str, "device": str, "weights": str, "refiner_weights": str, "online_weights": str}


def versions() -> dict[str, str]:
    """Return the version by name of Python, OpenCV and the packages that trackers may use, where they are installed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {**found, "cv2": cv2.__version__}


def machine() -> dict[str, Any]:
    """Return the processor and number of cores, because frames per second mean nothing without."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": named[0] if named else platform.processor() or platform.machine(),
        "cores": usable_cores(),
        "system": platform.system(),
    }


def checked_setup(setup: Mapping[str, Any]) -> dict[str, Any]:
    """Return the setup of a result that was read from a file.

    Raises:
        ValueError: A value is of another kind than runs write.
    """
    if any(setup.get(key) is not None and not isinstance(setup[key], kind) for key, kind in _KINDS.items()):
        raise ValueError("setup")
    return dict(setup)


__all__ = ["checked_setup", "machine", "versions"]
