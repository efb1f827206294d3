"""lockon: visual single-object tracking. Draw a box around anything in one frame, keep a precise box on it in every later frame.

>>> import lockon
>>> tracker = lockon.load("lockon-s")          # doctest: +SKIP
>>> tracker.init(frame_rgb, (x, y, w, h))      # doctest: +SKIP
>>> result = tracker.track(next_frame_rgb)     # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from lockon.api import track
    from lockon.errors import LockonError
    from lockon.refiners.protocol import Refiner
    from lockon.refiners.wrapper import with_refiner
    from lockon.session import Tracker
    from lockon.types import Result
    from lockon.zoo.loading import load, load_refiner
    from lockon.zoo.registry import list_refiners, list_trackers

# Public names and their homes. Imported on first use, so that `import lockon` and `lockon --help` stay fast.
_HOMES = {
    "LockonError": "lockon.errors",
    "with_refiner": "lockon.refiners.wrapper",
    "Refiner": "lockon.refiners.protocol",
    "Result": "lockon.types",
    "Tracker": "lockon.session",
    "list_refiners": "lockon.zoo.registry",
    "list_trackers": "lockon.zoo.registry",
    "load": "lockon.zoo.loading",
    "load_refiner": "lockon.zoo.loading",
    "track": "lockon.api",
}

__all__ = [
    "LockonError",
    "Refiner",
    "Result",
    "Tracker",
    "__version__",
    "list_refiners",
    "list_trackers",
    "load",
    "load_refiner",
    "track",
    "with_refiner",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "zoo":
        return importlib.import_module("lockon.zoo")
    raise AttributeError(f"module 'lockon' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
