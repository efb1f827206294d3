"""Training runs of the SiamRPN++ family: ``recipe(sources, overrides, name)`` for every name of `recipe_settings.SETTINGS`.

What differs between the trackers is numbers (recipe_settings.py) and networks (their own modules); what is done with them is here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import torch

from lockon.config import apply_overrides, as_json
from lockon.data.samples.pysot import pysot_pipeline
from lockon.data.samples.views import ImageCache
from lockon.data.track_sets import TrainProtocol, check_protocol, find_track_sets, load_track_sets, train_set_name
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError
from lockon.models.backbones.pretrained import load_pretrained
from lockon.models.refiner import RefinerModel
from lockon.models.siamese import SiameseModel
from lockon.models.siammask import SiamMaskModel
from lockon.train.mask_task import MaskTask
from lockon.train.provenance import trained_header
from lockon.train.recipe import Recipe, Task, TrainSources, Validate
from lockon.train.task import SiameseTask
from lockon.zoo.external_weights import read_external
from lockon.zoo.presets import default_config
from lockon.zoo.recipe_settings import CUSTOM, RecipeConfig, base_config
from lockon.zoo.torch_weights import NETWORKS, config_of
from lockon.zoo.tracking_validation import tracking_validation

CUSTOM_NAMES = tuple(sampling.name for sampling in CUSTOM)
GROUPS = (
    "model",
    "data",
    "loss",
    "masks",
    "datasets",
    "protocol",
    "experiment",
)  # beside the loop, what decides what is learnt
CACHE_BYTES = 1_000_000_000  # of decoded images, in each process that makes samples of one's own few images


def recipe(sources: TrainSources, overrides: Mapping[str, Any], name: str) -> Recipe:
    """The training run of one tracker of the family on the given data.

    Args:
        sources: where the data lie. overrides: settings by dotted name (`RecipeConfig`). name: of the tracker.

    Raises:
        LockonError: an unknown or ill-typed override, data that are missing or that the protocol forbids, backbone weights of another
            network.
    """
    base = base_config(name, config_of(name), overrides)
    config = apply_overrides(base, overrides)
    if config.model.search_size != config.data.search.size:
        raise LockonError(
            f"model.search_size is {config.model.search_size} but data.search.size is {config.data.search.size}; set both to the same"
        )
    sets, notice = load_sets(sources, config, as_published=config.datasets == base.datasets)
    names = tuple(one.name for one in sets)
    own = set(names) <= set(CUSTOM_NAMES)
    data = replace(config.data, sets=tuple(sampling for sampling in config.data.sets if sampling.name in names))
    pipeline = pysot_pipeline(sets, data, config.train.seed, ImageCache(CACHE_BYTES) if own else None)
    torch.manual_seed(config.train.seed)
    module: SiameseModel = importlib.import_module(NETWORKS[name]).build(config.model)
    notes = load_backbone(module, config.backbone_weights)
    settings = {group: as_json(getattr(config, group)) for group in GROUPS}
    return Recipe(
        task=make_task(module, config),
        pipeline=pipeline,
        config=config.train,
        validate=_validation(sources, name, module),
        header=trained_header(name, config.model, tracker={}, data=describe_sets(sets)),
        settings={**settings, "datasets": list(names)},
        defaults={group: as_json(getattr(base, group)) for group in GROUPS},
        notes=(*notice, *notes, *pipeline.notes),
    )


def make_task(module: SiameseModel, config: RecipeConfig) -> Task:
    """What the network learns: scores and boxes, and masks where it has them."""
    if config.masks is None:
        return SiameseTask(module, config.loss)
    assert isinstance(module, SiamMaskModel)
    return MaskTask(module, config.loss, config.masks)


class _UsesSets(Protocol):
    """What `load_sets` reads of a recipe's configuration: `data.masks`, the names of the datasets, and the protocol."""

    @property
    def data(self) -> Any: ...

    @property
    def datasets(self) -> tuple[str, ...]: ...

    @property
    def protocol(self) -> TrainProtocol | None: ...


def load_sets(sources: TrainSources, config: _UsesSets, *, as_published: bool) -> tuple[list[TrackSet], tuple[str, ...]]:
    """The training datasets of a run, and what to tell the user about the choice.

    Args:
        as_published: the datasets are those of the untouched recipe: where none of them is there, stills and videos will do.

    Raises:
        LockonError: datasets that are missing, or that the protocol forbids.
    """
    places = _places(sources)
    wanted = [train_set_name(name) for name in config.datasets]
    missing = [name for name in wanted if name not in places]
    own = [name for name in CUSTOM_NAMES if name in places]
    notice: tuple[str, ...] = ()
    if as_published and own and missing == wanted and config.protocol is None:
        notice = (f"none of {', '.join(wanted)} is there: training on {' and '.join(own)}",)
        wanted = own
    elif missing:
        check_protocol(wanted, config.protocol)
        there = [name for name in wanted if name in places] or own
        advice = f", or train on what is there: --set datasets={','.join(there)}" if there and config.protocol is None else ""
        where = sources.root or "the folders that were given"
        raise LockonError(f"{', '.join(missing)} not found under {where}; add the data, say where they are by --data NAME:FOLDER{advice}")
    return load_track_sets({name: places[name] for name in wanted}, protocol=config.protocol, masks=config.data.masks), notice


def _places(sources: TrainSources) -> dict[str, Path]:
    """Folders by the names of the training datasets in them; what is given by itself goes before what lies under the root."""
    places = dict(find_track_sets(sources.root)) if sources.root is not None else {}
    for name in CUSTOM_NAMES:
        folder = getattr(sources, name)
        if folder is not None:
            places[name] = folder
    given = [text.partition(":") for text in sources.sets]
    return {**places, **{train_set_name(name): Path(folder) for name, _, folder in given}}


def load_backbone(module: SiameseModel | RefinerModel, file: str) -> tuple[str, ...]:
    """Published weights, or those of any tracker with this backbone, into the backbone; what to tell the user about them."""
    if not file:
        return ("the backbone starts from random weights; give published ones by --set backbone_weights=FILE",)
    if not Path(file).is_file():
        raise LockonError(f"backbone weights {file} do not exist; docs/training.md says where such weights can be had")
    return load_pretrained(module.backbone, read_external(Path(file)), source=file, partial=True)


def _validation(sources: TrainSources, name: str, module: SiameseModel) -> Validate | None:
    if sources.val is None:
        return None
    config = default_config(name, search_factor=module.search_size / module.template_size)
    return tracking_validation(sources.val, replace(config, mask=None))


def describe_sets(sets: list[TrackSet]) -> dict[str, str]:
    """How much each dataset of a run has, by name, for the header of its weights."""
    return {one.name: f"{len(one)} videos or images, {len(one.boxes)} boxes" for one in sets}


__all__ = ["describe_sets", "load_backbone", "load_sets", "make_task", "recipe"]
