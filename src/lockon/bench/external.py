"""Trackers of anybody's: MODULE:FACTORY names a class or function that returns an object with `init(frame, box)` and `track(frame)`.

A frame is (H, W, 3) uint8 RGB, a box x, y, w, h in pixels from 0; `track` returns a `lockon.Result` or a box. The module is
imported, so it is the user's own code that runs, with the user's rights.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from lockon.bench.spec import TrackerSpec
from lockon.errors import LockonError, unknown_name
from lockon.session import Tracker


def is_external(name: str) -> bool:
    """Return whether a tracker's name is MODULE:FACTORY."""
    return ":" in name


def source_of(name: str) -> tuple[Path, ...]:
    """Return the file of a MODULE:FACTORY name's module, found along Python's path and in the working directory.

    Raises:
        LockonError: The name is malformed, or its module cannot be imported.
    """
    module = _import(_split(name)[0], ())
    file = getattr(module, "__file__", None)
    return (Path(file).resolve(),) if file else ()


def make_external(spec: TrackerSpec) -> Tracker:
    """Call the factory. Overrides are its keyword arguments; so are weights, device and preset, where they were given.

    Raises:
        LockonError: The module or the factory is missing, the factory does not take the arguments, or what it returns is no tracker.
    """
    module_name, attribute = _split(spec.name)
    module = _import(module_name, spec.source)
    factory = module
    for part in attribute.split("."):
        if not hasattr(factory, part):
            raise unknown_name(f"name in module {module_name}", part, [name for name in dir(factory) if not name.startswith("_")])
        factory = getattr(factory, part)
    given = {"weights": spec.weights, "device": spec.device, "preset": spec.preset}
    usual = {"weights": None, "device": "auto", "preset": "default"}
    arguments = {**{key: value for key, value in given.items() if value != usual[key]}, **spec.overrides}
    if not callable(factory):
        raise LockonError(f"{spec.name} is {type(factory).__name__} {factory!r:.40}; expected a function or class that makes a tracker")
    _check_arguments(spec.name, factory, arguments)
    tracker = factory(**arguments)
    missing = [method for method in ("init", "track") if not callable(getattr(tracker, method, None))]
    if missing:
        raise LockonError(
            f"{spec.name} made a {type(tracker).__name__} without {' and '.join(missing)}; "
            "a tracker has init(frame, box) and track(frame) -> lockon.Result or x, y, w, h"
        )
    return tracker  # type: ignore[no-any-return]


def _split(name: str) -> tuple[str, str]:
    module, _, attribute = name.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        raise LockonError(f"tracker {name!r}; expected MODULE:FACTORY, for example my_module:make_tracker")
    return module, attribute


def _check_arguments(name: str, factory: Any, arguments: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):  # written in C
        return
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise LockonError(f"{name}{signature} cannot be called with {sorted(arguments)}: {error}") from None


def _import(name: str, source: tuple[Path, ...]) -> ModuleType:
    """Return the module, by Python's path; else from the working directory, or from the file that it was found in there."""
    top = name.partition(".")[0]
    try:
        if top not in sys.modules and importlib.util.find_spec(top) is None:
            _load_top(top, _folder_of(name, source[0]) if source else Path.cwd())
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if name == missing or name.startswith(f"{missing}."):
            raise LockonError(f"no module {missing!r} on Python's path or in {Path.cwd()}; go to its folder, or set PYTHONPATH") from None
        raise LockonError(f"module {name!r} needs {missing!r}, which is not found; install it, or set PYTHONPATH to its folder") from None


def _folder_of(name: str, file: Path) -> Path:
    """Return the folder that a module's top-level module or package lies in."""
    return file.parents[name.count(".") + (file.stem == "__init__")]


def _load_top(name: str, folder: Path) -> None:
    """Load a module or package of a folder that is not on Python's path; nothing if it is not there."""
    found = PathFinder.find_spec(name, [str(folder)])
    if found is None or found.loader is None:
        return
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


__all__ = ["is_external", "make_external", "source_of"]
