"""Trackers of a benchmark: from a `TrackerSpec` to a tracker, and the files that belong to one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lockon.bench.external import is_external, make_external, source_of
from lockon.bench.spec import TrackerSpec
from lockon.errors import LockonError, unknown_name
from lockon.refiners.static import StaticTracker
from lockon.session import Tracker
from lockon.zoo.loading import load, load_online, split_overrides, take_overrides, wrap
from lockon.zoo.networks import weight_files
from lockon.zoo.registry import REFINERS, TRACKERS


def load_spec(spec: TrackerSpec) -> Tracker:
    """Load the tracker of a spec, with its companions. A refiner's name alone makes a tracker that searches around its own box.

    Raises:
        LockonError: As `lockon.load` and `lockon.load_refiner`, or as `make_external` for MODULE:FACTORY.
    """
    if spec.refiner is None:
        return _load_alone(spec)
    own, others = split_overrides(spec.overrides)
    refiner = f"{spec.refiner.name}:{spec.refiner.preset}"
    tracker = _load_alone(replace(spec, overrides=own))
    return wrap(tracker, refiner, weights=spec.refiner.weights, device=spec.device, overrides=others)


def _load_alone(spec: TrackerSpec) -> Tracker:
    if is_external(spec.name):
        if spec.online is not None:
            raise LockonError(f"{spec.label} is a tracker of your own: put a learner beside it in its code, by lockon.online.fused")
        return make_external(spec)
    if spec.name in REFINERS and spec.online is None:
        name = f"{spec.name}:{spec.preset}"
        return wrap(StaticTracker(), name, weights=spec.weights, device=spec.device, overrides=spec.overrides)
    if spec.online is None:
        return load(spec.name, spec.weights, spec.preset, spec.device, **spec.overrides)
    learner, own = take_overrides(spec.overrides, "online.")
    online = load_online(f"{spec.online.name}:{spec.online.preset}", spec.online.weights, spec.device, learner)
    return load(spec.name, spec.weights, spec.preset, spec.device, online=online, **own)


def with_files(spec: TrackerSpec) -> TrackerSpec:
    """Return the spec with the files of its weights and its companions' and, for MODULE:FACTORY, its code.

    Raises:
        LockonError: An unknown name, or files that are missing.
    """
    for key, companion in spec.companions().items():
        spec = spec.with_companion(key, replace(companion, files=weight_files(companion.name, companion.weights)))
    if is_external(spec.name):
        return replace(spec, files=_files_of(spec.weights), source=source_of(spec.name))
    if spec.name not in TRACKERS | REFINERS:
        raise unknown_name("tracker", spec.name, TRACKERS)
    return replace(spec, files=weight_files(spec.name, spec.weights))


def _files_of(weights: Path | None) -> tuple[Path, ...]:
    """Return the weights of an external tracker: a file, or the files of a folder."""
    if weights is None:
        return ()
    return tuple(sorted(path for path in weights.rglob("*") if path.is_file())) if weights.is_dir() else (weights,)


__all__ = ["load_spec", "with_files"]
