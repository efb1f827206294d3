"""Training runs by name: the only `recipe`. Settings and data of a card's experiment become a `Recipe` for the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from lockon.config import as_json
from lockon.data.samples.pairs import PairDataConfig
from lockon.data.samples.pytracking import PytrackingDataConfig
from lockon.data.samples.refine import RefineDataConfig
from lockon.errors import LockonError
from lockon.export.torch_model import TorchModel
from lockon.models.backbones.pretrained import load_pretrained
from lockon.models.backbones.pretrained_vit import load_vit
from lockon.models.backbones.vit import PatchEmbedding
from lockon.models.dual_modal import DualModalModel
from lockon.models.online import ATOMModel, DiMPModel
from lockon.models.protocols import DenseModel
from lockon.models.refiner import RefinerModel
from lockon.models.siammask import SiamMaskModel
from lockon.ops.crop_rules import OSTrackRule
from lockon.tracker import TrackerConfig
from lockon.train.dual_modal_task import Assigners, DualModalLosses, DualModalTask
from lockon.train.launch import computes_bf16
from lockon.train.mask_task import MaskTask
from lockon.train.provenance import trained_header
from lockon.train.recipe import Recipe, Task, TrainSources, Validate
from lockon.train.refine_task import RefineLosses, RefineTask
from lockon.train.refine_validation import RefineValidation
from lockon.train.sequence_task import SequenceLosses, SequenceTask
from lockon.train.task import DenseTask
from lockon.train.validation import overlap_metrics, track_batched
from lockon.zoo.card import Card
from lockon.zoo.external_weights import read_external
from lockon.zoo.loading import inference_config
from lockon.zoo.recipe_config import GROUPS, RecipeConfig, base_config, full_config
from lockon.zoo.registry import REFINERS, TRACKERS, all_cards, card
from lockon.zoo.training_data import make_samples


def recipe(sources: TrainSources, overrides: Mapping[str, Any], name: str) -> Recipe:
    """Return the training run of a name on the given data.

    Args:
        sources: Where the data lie.
        overrides: Settings by dotted name, see `RecipeConfig`.
        name: Of a tracker or refiner with a network.

    Raises:
        LockonError: A name that nothing trains, an unknown or ill-typed override, data that are missing or that the protocol forbids,
            backbone weights of another network.
    """
    known = {other: (TRACKERS | REFINERS)[other] for other, one in all_cards().items() if one.experiments is not None}
    one = card(name, known, "training recipe")
    assert one.build is not None  # who has a recipe has a network
    base = base_config(one, overrides)
    config = full_config(one, base, overrides)
    samples = make_samples(sources, config, as_published=config.datasets == base.datasets)
    torch.manual_seed(config.train.seed)
    module = one.build(config.model)
    notes = load_backbone(module, config.backbone_weights)
    settings, defaults = ({group: as_json(c)[group] for group in GROUPS} for c in (config, base))  # with the names of parts
    datasets = None if samples.datasets is None else list(samples.datasets)
    return Recipe(
        task=make_task(module, config),
        pipeline=samples.pipeline,
        config=config.train,
        validate=_validation(sources, one, module, config) if sources.val else None,
        header=trained_header(name, config.model, tracker=_header_parameters(one, config.data), data=samples.described),
        settings={**settings, "datasets": datasets},
        defaults=defaults,
        notes=(*samples.notes, *notes),
    )


def make_task(module: nn.Module, config: RecipeConfig) -> Task:
    """Return what the network learns: a refiner's box and mask, filters of a tracker that learns online, a dense head, or both."""
    if isinstance(config.loss, RefineLosses):
        assert isinstance(module, RefinerModel)
        return RefineTask(module, config.loss)
    if isinstance(config.loss, SequenceLosses):
        assert isinstance(module, DiMPModel | ATOMModel)
        return SequenceTask(module, config.loss, config.data.arrays, config.descent)
    assert config.assigner is not None
    if isinstance(config.loss, DualModalLosses):
        assert isinstance(module, DualModalModel)
        assigners = Assigners(config.assigner, config.score_assigner or config.assigner)
        return DualModalTask(module, config.loss, assigners, config.data.arrays, config.descent)
    assert config.sampling is not None
    if config.masks is None:
        return DenseTask(cast(DenseModel, module), config.loss, config.assigner, config.sampling, config.keep)
    assert isinstance(module, SiamMaskModel)
    return MaskTask(module, config.loss, config.assigner, config.sampling, config.masks)


def tracker_parameters(data: Any) -> dict[str, Any]:
    """Return the inference parameters that the samples of a run decide, for the header of its weights."""
    if isinstance(data, PairDataConfig):
        return {"template_crop": {"factor": data.template.factor}, "search_crop": {"factor": data.search.factor}}
    return data.tracker_parameters if isinstance(data, RefineDataConfig) else {}


def _header_parameters(one: Card, data: Any) -> dict[str, Any]:
    """Return `tracker_parameters`, and the windows of samples whose tracker cuts its own in the same way."""
    tracked = getattr(one.config, "search_crop", None)
    if isinstance(data, PytrackingDataConfig) and isinstance(tracked, OSTrackRule):
        return {"template_crop": {"factor": data.template.factor}, "search_crop": {"factor": data.search.factor}}
    return tracker_parameters(data)


def load_backbone(module: Any, file: str) -> tuple[str, ...]:
    """Load published weights, or those of any network with this backbone, into the backbone; return what to tell the user about them.

    Raises:
        LockonError: The file is missing or holds weights of another network.
    """
    if not file:
        return ("the backbone starts from random weights; give published ones by --set backbone_weights=FILE",)
    if not Path(file).is_file():
        raise LockonError(f"backbone weights {file} do not exist; docs/guides/training.md says where such weights can be had")
    state = read_external(Path(file))
    if isinstance(module.backbone, PatchEmbedding):  # a ViT's blocks are the encoder
        return load_vit(module.backbone, module.encoder, state, source=file)
    return load_pretrained(module.backbone, state, source=file, partial=True)


def _validation(sources: TrainSources, one: Card, module: Any, config: RecipeConfig) -> Validate:
    """Return what measures the weights at hand: by tracking the validation videos, or by refining boxes in them."""
    videos = sources.validation()
    if isinstance(config.data, RefineDataConfig):
        return RefineValidation(videos, config.data)
    header = {"config": {"model": as_json(config.model)}, "tracker": _header_parameters(one, config.data)}
    size_ratio = module.search_size / module.template_size if one.search_by_size else None
    inference = inference_config(one, header=header, size_ratio=size_ratio)
    if isinstance(inference, TrackerConfig):
        inference = replace(inference, mask=None)  # overlaps of boxes are what counts

    def validate(module: nn.Module) -> dict[str, float]:
        device = next(module.parameters()).device  # stay there: the averaged weights follow these very tensors
        tracker = one.assemble(_running(one, module, device, header), inference)
        return overlap_metrics(track_batched(tracker, videos), videos)

    return validate


def _running(one: Card, module: nn.Module, device: torch.device, header: Mapping[str, Any]) -> Any:
    """Return the network as the card's tracker takes it."""
    if one.torch_network is not None:
        return one.torch_network(module, device=str(device), header=header)
    return TorchModel(
        module, device, torch.bfloat16 if computes_bf16(device.type) else torch.float32, header
    )  # as in training; half the time


__all__ = ["load_backbone", "make_task", "recipe", "tracker_parameters"]
