"""A published tracker as teacher of a small one: its scores join the samples, and are kept in a cache."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from lockon.data.samples.cached import CachedPipeline
from lockon.errors import LockonError
from lockon.export.deployed import DeployedModel, load_model
from lockon.train.distillation import ContextTeacher, DistillationPipeline, Teacher
from lockon.train.recipe import Pipeline
from lockon.types import FloatArray
from lockon.zoo.pysot_inference import STRIDE
from lockon.zoo.recipe_config import TeacherConfig
from lockon.zoo.registry import TRACKERS, all_cards


def distillation_pipeline(pipeline: Pipeline, config: TeacherConfig, points: FloatArray, identity: dict[str, Any]) -> Pipeline:
    """Return the pipeline with the teacher's answers, from the cache where one is given; the pipeline itself without a teacher.

    Args:
        pipeline: Makes the samples.
        config: The teacher and the cache.
        points: (N, 2) the student's candidate points in search-crop pixels.
        identity: What decides the samples, as JSON values.

    Raises:
        LockonError: No such weights, or not of the family; a cache of other samples.
    """
    if not config.weights:
        return pipeline
    header = load_model(config.weights, config.device, threads=1).header  # a wrong file is an error now, not in a worker
    teachers = _teachers()
    if header["architecture"] not in teachers:
        raise LockonError(f"{config.weights} holds {header['architecture']!r}, which cannot teach; give one of {', '.join(teachers)}")
    make_teacher = partial(_teacher, config.weights, config.device, teachers[header["architecture"]])
    distilled = DistillationPipeline(pipeline, make_teacher, points)
    if not config.cache:
        return distilled
    return CachedPipeline(distilled, config.cache, config.samples, identity={**identity, "teacher": [header["pair"], config.device]})


def _teachers() -> dict[str, int]:
    """Return the trackers of PySOT's family, each with its number of candidates per grid point."""
    return {name: one.config.localizer.anchors for name, one in all_cards().items() if name in TRACKERS and one.search_by_size}


def _teacher(weights: str, device: str, anchors: int) -> Teacher:
    model = cast(DeployedModel, load_model(weights, device, threads=1))  # by its architecture, which was looked at
    return ContextTeacher(model, anchors, STRIDE)


__all__ = ["distillation_pipeline"]
