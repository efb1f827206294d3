"""A published tracker as teacher of a small one: which one, and where its answers are kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from lockon.data.samples.cached import CachedPipeline
from lockon.errors import LockonError
from lockon.export.runtime import load_model
from lockon.train.distillation import ContextTeacher, DistillationPipeline, Teacher
from lockon.train.recipe import Pipeline
from lockon.types import FloatArray
from lockon.zoo.presets import FAMILIES, STRIDE


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherConfig:
    """Who teaches.

    Attributes:
        weights: an exported tracker of the SiamRPN++ family (`lockon export siammask-r50 ...`), or empty for no teacher.
        cache: folder for the samples and the teacher's answers, which take far longer than a step of the student; empty asks it anew
            for every sample.
        samples: how many samples the cache holds; they come again in another order.
        device: where the teacher runs: cpu, openvino, openvino-bf16 or cuda.

    Raises:
        LockonError: no samples.
    """

    weights: str = ""
    cache: str = ""
    samples: int = 6400
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise LockonError(f"teacher.samples={self.samples} given, expected at least 1")


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
    if header["architecture"] not in FAMILIES:
        raise LockonError(f"{config.weights} holds {header['architecture']!r}, which cannot teach; give one of {', '.join(FAMILIES)}")
    teacher = partial(_teacher, config.weights, config.device, FAMILIES[header["architecture"]].anchors)
    with_teacher = DistillationPipeline(pipeline, teacher, points)
    if not config.cache:
        return with_teacher
    return CachedPipeline(with_teacher, config.cache, config.samples, identity={**identity, "teacher": [header["pair"], config.device]})


def _teacher(weights: str, device: str, anchors: int) -> Teacher:
    return ContextTeacher(load_model(weights, device, threads=1), anchors, STRIDE)


__all__ = ["TeacherConfig", "distillation_pipeline"]
