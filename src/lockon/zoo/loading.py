"""From a card and weights to a tracker or a refiner: the only `load`, `load_refiner` and `load_online`.

Torch is needed for `.safetensors` files only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockon.config import apply_in_order, apply_overrides, flatten, part_name
from lockon.errors import LockonError, unknown_name
from lockon.localizers.score import DualModalScore
from lockon.ops.arrays import brief
from lockon.refiners.combine import RefineConfig
from lockon.refiners.protocol import Refiner
from lockon.refiners.wrapper import with_refiner
from lockon.session import Tracker
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.zoo.card import NOTHING, Card
from lockon.zoo.networks import open_model, weight_files, weights_path
from lockon.zoo.registry import REFINERS, TRACKERS, card

if TYPE_CHECKING:
    from lockon.online.fused import FusedTracker
    from lockon.online.tracker import OnlineTracker

DUAL_MODAL = part_name(DualModalScore)


def load(
    name: str = "lockon-s",
    weights: str | Path | None = None,
    preset: str = "default",
    device: str = "auto",
    refiner: str | Refiner | None = None,
    *,
    online: OnlineTracker | None = None,
    **overrides: Any,
) -> Tracker:
    """Load a tracker, ready for `init`.

    Inference parameters are those of the card, then of the weight file, then of the preset, then the overrides.

    >>> tracker = load("mil")
    >>> tracker = load("lockon-s", refiner="refine-s", **{"localizer.rank.window_influence": 0.4, "refine.mask": True})  # doctest: +SKIP

    Args:
        name: One of `list_trackers()`.
        weights: File of weights to use instead of the name's own: `.onnx` or `.xml` of `lockon export`, or `.safetensors` of
            `lockon convert` or `lockon train`, which needs the `torch` extra.
        preset: Named inference parameters; `lockon zoo show NAME` lists them.
        device: "auto", "cpu", "cuda" or "cuda:1", "openvino", "openvino-bf16"; for torch weights "torch" (the CPU) or a torch device.
        refiner: To put behind the tracker: one of `list_refiners()`, or NAME:PRESET, on the same device; or a refiner object, which
            `load_refiner` makes from custom weights.
        online: A tracker that learns online, which `load` makes from its own weights ("compact-dimp", "dimp18", "atom"): its learner judges
            the candidates too (DuML's fusion). Its share of the scores is ``localizer.score.mu``.
        overrides: Dotted names with new values, for example ``**{"localizer.rank.window_influence": 0.4}``; with a refiner also
            ``refine.`` and a field of `RefineConfig`, and ``refiner.`` and a field of the refiner's own configuration; with an online
            tracker ``fusion.`` and a field of `FusionConfig`.

    Returns:
        The tracker.

    Raises:
        LockonError: Unknown name, preset, device or override; weights that are missing, damaged or of another architecture; an online
            tracker beside one without candidates, or a share for one that is not there.
    """
    _check_texts(weights, name=name, preset=preset, device=device)
    if name in REFINERS and name not in TRACKERS:
        raise LockonError(f"{name} refines the boxes of a tracker and does not track: load a tracker with refiner={name!r}")
    tracker_card = card(name, TRACKERS, "tracker")
    own, others = (overrides, {}) if refiner is None else split_overrides(overrides)
    tracker: Tracker
    if online is None:
        _check_no_fusion(tracker_card, own)
        tracker = _assemble(tracker_card, weights, preset, device, own)
    else:
        tracker = _fused(tracker_card, weights, preset, device, online=online, overrides=own)
    return tracker if refiner is None else wrap(tracker, refiner, device=device, overrides=others)


def _check_texts(weights: object, **names: object) -> None:
    """Check the types of what both loaders take.

    Raises:
        LockonError: Weights that are no path, or a name, preset or device that is no text.
    """
    if weights is not None and not isinstance(weights, str | os.PathLike):
        raise LockonError(f"weights={brief(weights)} given, expected the path of a file")
    for option, value in names.items():
        if not isinstance(value, str):
            raise LockonError(f"{option}={brief(value)} given, expected a name")


def load_refiner(name: str, weights: str | Path | None = None, preset: str = "default", device: str = "auto", **overrides: Any) -> Refiner:
    """Load a refiner, ready for `init`; `lockon.with_refiner` puts it behind a tracker.

    Args:
        name: One of `list_refiners()`.
        weights: As for `load`.
        preset: Named parameters: "default", "official" or "vot2020".
        device: As for `load`.
        overrides: Dotted configuration names with new values, for example ``mask_threshold=0.65``; of "siammask" those of its
            tracker begin with ``tracker.``.

    Returns:
        The refiner.

    Raises:
        LockonError: As `load`.
    """
    _check_texts(weights, name=name, preset=preset, device=device)
    refiner: Refiner = _assemble(card(name, REFINERS, "refiner"), weights, preset, device, overrides)
    return refiner


def wrap(
    tracker: Tracker,
    refiner: str | Refiner,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    overrides: Mapping[str, Any] = NOTHING,
) -> Tracker:
    """Put a refiner behind a tracker.

    Args:
        tracker: Any.
        refiner: NAME or NAME:PRESET, where the preset is that of refiner and wrapper; or a refiner object.
        weights: Of a refiner that is given by name, as for `load_refiner`.
        device: Likewise.
        overrides: ``refine.`` and a field of `RefineConfig`; for a refiner that is given by name also ``refiner.`` and a field of its own.

    Returns:
        A tracker with refined results.

    Raises:
        LockonError: As `load_refiner`; an unknown override; masks of a refiner that makes none.
    """
    own = {key.removeprefix("refiner."): value for key, value in overrides.items() if key.startswith("refiner.")}
    outer = {key.removeprefix("refine."): value for key, value in overrides.items() if not key.startswith("refiner.")}
    if isinstance(refiner, str):
        name, _, preset = refiner.partition(":")
        preset = preset or "default"
        refiner = load_refiner(name, weights, preset, device, **own)
        changes = card(name).presets[preset]
        outer = {key.removeprefix("refine."): value for key, value in changes.items() if key.startswith("refine.")} | outer
    elif weights is not None or own:
        raise LockonError("weights and parameters of a refiner belong to its name; set them where the given refiner object is made")
    return with_refiner(tracker, refiner, apply_overrides(RefineConfig(), outer))


def split_overrides(overrides: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the overrides of a tracker, and those that begin with ``refine.`` or ``refiner.``, for `wrap`."""
    others = {key: value for key, value in overrides.items() if key.startswith(("refine.", "refiner."))}
    return {key: value for key, value in overrides.items() if key not in others}, others


def take_overrides(overrides: Mapping[str, Any], prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the overrides that begin with a prefix, without it, and the others.

    >>> take_overrides({"online.learner.steps": 1, "search_crop.factor": 4}, "online.")
    ({'learner.steps': 1}, {'search_crop.factor': 4})
    """
    taken = {key.removeprefix(prefix): value for key, value in overrides.items() if key.startswith(prefix)}
    return taken, {key: value for key, value in overrides.items() if not key.startswith(prefix)}


def load_online(
    name: str, weights: str | Path | None = None, device: str = "auto", overrides: Mapping[str, Any] = NOTHING
) -> OnlineTracker:
    """Load a tracker that learns online, for `load` to put its learner beside another tracker.

    Args:
        name: NAME or NAME:PRESET.
        weights: As for `load`.
        device: As for `load`.
        overrides: Of its configuration.

    Raises:
        LockonError: As `load`; a tracker that does not learn online.
    """
    from lockon.online.tracker import OnlineTracker  # here, for commands without a learner start faster without it

    name, _, preset = name.partition(":")
    if name not in TRACKERS or card(name).assemble is not OnlineTracker:
        known = ", ".join(one for one in TRACKERS if card(one).assemble is OnlineTracker)
        raise LockonError(f"{brief(name)} is no tracker whose learner can stand beside another; expected one of {known}")
    if weights is None and not card(name).embedded:
        raise LockonError(f"{name} needs weights of its own beside another tracker; give --online-weights FILE")
    tracker: OnlineTracker = _assemble(card(name), weights, preset or "default", device, overrides)
    return tracker


def _fused(
    base: Card, weights: str | Path | None, preset: str, device: str, *, online: object, overrides: Mapping[str, Any]
) -> FusedTracker:
    """Return the tracker of a card with the learner of another one beside it.

    Raises:
        LockonError: As `load`; the other one does not learn online; the card's has no candidates that a learner could judge, or learns
            online itself.
    """
    from lockon.online.fused import FusedTracker, FusionConfig
    from lockon.online.tracker import OnlineTracker

    if not isinstance(online, OnlineTracker):
        raise LockonError(f"online={brief(online)} given, expected a tracker that learns online, such as lockon.load('dimp18', weights)")
    if not _matches_alone(base):
        raise LockonError(
            f"{base.name} has no candidates that a learner beside it could judge, or learns online itself; "
            "take a tracker that matches a template with a search crop, such as lockon-s"
        )
    fusion, own = take_overrides(overrides, "fusion.")
    config = apply_overrides(FusionConfig(), fusion)
    return FusedTracker(_assemble(base, weights, preset, device, {"localizer.score": DUAL_MODAL, **own}), online, config)


def _matches_alone(one: Card) -> bool:
    """Return whether a card's tracker does nothing but match a template with a search crop."""
    return isinstance(one.config, TrackerConfig) and one.assemble is NetworkTracker


def _check_no_fusion(one: Card, overrides: Mapping[str, Any]) -> None:
    """Check that nothing is set of a learner that is not there.

    Raises:
        LockonError: Something is.
    """
    if _matches_alone(one) and ("localizer.score.mu" in overrides or overrides.get("localizer.score") == DUAL_MODAL):
        raise LockonError(
            "localizer.score mixes in what a learner finds, and there is none; "
            "give a tracker that learns online: online=lockon.load('dimp18', weights), on the command line --online dimp18"
        )


def _inner_changes(one: Card, preset: str) -> dict[str, Any]:
    """Return what a preset changes in the card's own configuration; ``refine.`` is what it changes in `RefineConfig`."""
    return {key: value for key, value in one.presets[preset].items() if not key.startswith("refine.")}


def _assemble(one: Card, weights: str | Path | None, preset: str, device: str, overrides: Mapping[str, Any]) -> Any:
    """Return the tracker or refiner of a card, with its preset and overrides."""
    if preset not in one.presets:
        raise unknown_name(f"preset of {one.name}", preset, one.presets)
    path = None if weights is None else Path(weights)
    if one.construct is not None:
        weight_files(one.name, path)
        return one.construct(path, device, {**_inner_changes(one, preset), **overrides})
    path = weights_path(one, path)
    if one.inner is not None:
        own = {key: value for key, value in overrides.items() if not key.startswith("tracker.")}
        search = {key.removeprefix("tracker."): value for key, value in overrides.items() if key not in own}
        tracker = load(one.inner.name, path, device=device, **{**one.inner.changes, **search})
        return one.assemble(tracker, apply_overrides(one.config, own))
    model, header = open_model(one.name, path, device)
    size_ratio = model.search_size / model.template_size if one.search_by_size else None
    return one.assemble(model, inference_config(one, preset, header=header, size_ratio=size_ratio, overrides=overrides))


def inference_config(
    one: Card,
    preset: str = "default",
    *,
    header: Mapping[str, Any] = NOTHING,
    size_ratio: float | None = None,
    overrides: Mapping[str, Any] = NOTHING,
) -> Any:
    """Return the inference parameters of a card.

    Args:
        one: The card.
        preset: One of its presets.
        header: Of a weight file, whose "tracker" counts more than the card.
        size_ratio: Side of the network's search crop over that of its template crop, in pixels; None: as the card has it.
        overrides: What counts most.

    Raises:
        LockonError: An unknown or ill-typed parameter.
    """
    base = one.config
    if one.search_by_size and size_ratio is not None:
        base = apply_overrides(base, {"search_crop.factor": size_ratio})
    stored = header.get("tracker", {})
    if one.header_fields is not None:
        stored = {key: value for key, value in stored.items() if key in one.header_fields}
    return apply_in_order(base, flatten(stored), _inner_changes(one, preset), overrides)


__all__ = ["inference_config", "load", "load_online", "load_refiner", "split_overrides", "take_overrides", "wrap"]
