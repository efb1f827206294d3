"""The tasks of a study: make samples, train each run, judge it on the validation videos. Each part is skipped where it is finished."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from lockon._documents import MALFORMED, parse_json
from lockon.config import as_json
from lockon.data.samples.cached import CachedPipeline
from lockon.errors import LockonError
from lockon.studies.evaluation import TrackBase, judge
from lockon.studies.features import FrozenFeatures, fingerprint, is_frozen, take_backbone
from lockon.studies.settings import Study
from lockon.studies.spec import StudyRun
from lockon.studies.tasks import OnProgress, StudyTask
from lockon.train.checkpoint import load_weights, save_weights
from lockon.train.engine import Engine, marked
from lockon.train.recipe import Recipe

# Settings of a recipe that decide what it learns, not from which samples.
_NOT_SAMPLES = ("loss", "model", "assigner", "score_assigner", "descent", "train")


@dataclass(frozen=True, slots=True)
class Prepare:
    """Fills the cache that all runs of a family with one seed and one kind of samples learn from, or one part of it.

    Attributes:
        study: Which.
        run: Any of these runs.
        part: Which part of the work, from 0; processes share it.
        parts: Number of parts.
        needs: Nothing.
    """

    study: Study
    run: StudyRun
    part: int = 0
    parts: int = 1
    needs: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """Named after the family, the kind of samples, the seed and the part."""
        kind = self.study.kind.variants[self.run.row.variant].samples
        whose = f"{self.run.row.family} ({kind})" if kind else self.run.row.family
        return f"samples of {whose}, seed {self.run.seed}, part {self.part + 1} of {self.parts}"

    def do(self, on_progress: OnProgress) -> None:
        """Make the samples that are missing."""
        cache = _cache(self.study, self.study.recipe(self.run))
        if cache is not None:
            cache.fill(lambda done, count: on_progress(f"{done}/{count} shards"), part=self.part, parts=self.parts)


@dataclass(frozen=True, slots=True)
class TrainAndTrack:
    """Trains one run, and judges it on the validation videos.

    Attributes:
        study: Which.
        run: Row and seed.
        needs: Keys of what prepares its samples, and the boxes that it is judged on.
    """

    study: Study
    run: StudyRun
    needs: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """The run's label."""
        return self.run.label

    def do(self, on_progress: OnProgress) -> None:
        """Train and judge, as far as that is not done.

        Raises:
            LockonError: Training or judging failed.
            KeyboardInterrupt: Stopped; the same call goes on from there.
        """
        trained = self.study.kind.trained(self.run)
        if not self.study.weights(self.run).is_file():
            if trained != self.run:
                raise LockonError(f"{self.run.label} tracks with the weights of {trained.label}, which are not there; study that row too")
            on_progress("training")
            _train(self.study, self.run)
        judge(self.study, self.run, on_progress)


def _train(study: Study, run: StudyRun) -> None:
    recipe = study.recipe(run)
    module = recipe.task.module
    cache = _cache(study, recipe)
    backbone = None
    config = recipe.config
    if cache is not None and isinstance(cache.pipeline, FrozenFeatures):
        backbone = take_backbone(module)
        # a copy from disk: workers would cost more than they help
        config = replace(config, unfreeze=(), machine=replace(config.machine, workers=0))
    if cache is not None and cache.complete:
        cache.pipeline = None
    recipe = replace(recipe, pipeline=recipe.pipeline if cache is None else cache, config=config, validate=None)
    folder = study.folder(run)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it names the precision of every run
    with Path(os.devnull).open("w") as nowhere:
        engine = Engine(recipe, folder, device=study.device, resume=True, console=Console(file=nowhere))
        outcome = engine.fit()
    if outcome.status != "finished":
        raise KeyboardInterrupt
    header = {**recipe.header, "study": {"row": run.row.name, "seed": run.seed, **study.common()}, "training": as_json(config)}
    saved = {path: folder / "curve" / path.name for path in (marked(folder, step) for step in config.output.marks)}
    for source, target in {**saved, folder / "last.safetensors": study.weights(run)}.items():
        if backbone is not None:
            take_backbone(module)
        load_weights(module, source)
        if backbone is not None:
            module.backbone = backbone
        save_weights(module, target, header)


def _cache(study: Study, recipe: Recipe) -> CachedPipeline | None:
    """Return the samples of a recipe, kept in the study's folder under a name made of all that decides them."""
    kind = study.cache
    if kind == "auto":
        kind = "features" if is_frozen(recipe) else "images"
    if kind == "none":
        return None
    identity: dict[str, Any] = {
        "kind": kind,
        "seed": recipe.config.seed,
        "settings": {name: value for name, value in recipe.settings.items() if name not in _NOT_SAMPLES},
        "sources": {name: str(getattr(study.sources, name)) for name in ("stills", "videos")},
    }
    pipeline: Any = recipe.pipeline
    if kind == "features":
        if study.kind.bases:
            raise LockonError("--cache features is for trackers: masks of refiners need more than the last map; give --cache images")
        if not is_frozen(recipe):
            raise LockonError('the backbone learns in these runs; give --cache images, or freeze it: --set "train.unfreeze=((0,0),)"')
        backbone = recipe.task.module.backbone
        assert isinstance(backbone, torch.nn.Module)
        identity["backbone"] = fingerprint(backbone)
        pipeline = FrozenFeatures(recipe.pipeline, backbone)
    name = sha256(json.dumps(identity, sort_keys=True, default=str).encode()).hexdigest()[:12]
    return CachedPipeline(pipeline, study.out / "cache" / name, study.samples, identity=identity, trust=True)


def tasks_of(study: Study, runs: Sequence[StudyRun], *, parts: int) -> list[StudyTask]:
    """Return the runs in their order, after what they need.

    Before all come the boxes that refiners are judged on, and before the first run of each family, kind of samples and seed its samples, in
    `parts` tasks.
    """
    bases = [TrackBase(study, name) for name in study.kind.bases]
    tasks: list[StudyTask] = [*bases]
    boxes = frozenset(task.key for task in bases)
    needs: dict[tuple[str, str, int], frozenset[str]] = {}
    for run in runs:
        trained = study.kind.trained(run)
        if trained != run:
            tasks.append(TrainAndTrack(study, run, frozenset({trained.label}) if trained in runs else frozenset()))
            continue
        group = run.row.family, study.kind.variants[run.row.variant].samples, run.seed
        if group not in needs:
            prepared = [Prepare(study, run, part, parts) for part in range(parts)] if study.cache != "none" else []
            needs[group] = boxes | {task.key for task in prepared}
            tasks += prepared
        tasks.append(TrainAndTrack(study, run, needs[group]))
    return tasks


def progress_of(study: Study, key: str) -> str:
    """Return how far the training of a run is, by its log: "step 240, loss 1.52"; "" where there is none, or it is over."""
    folder = study.out / "runs" / key
    log = folder / "log.jsonl"
    if not log.is_file() or (folder / "weights.safetensors").is_file():
        return ""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - 4096))
        lines = stream.read().decode(errors="ignore").splitlines()
    try:
        record = parse_json(lines[-1])
        return f"step {record['step']}, loss {record['loss']:.2f}"
    except MALFORMED:
        return ""


__all__ = ["Prepare", "TrainAndTrack", "progress_of", "tasks_of"]
