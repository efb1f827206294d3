"""How a trained run is judged on the validation videos: a tracker by tracking them, a refiner by what it makes of boxes in them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from lockon.bench.protocols.one_pass import OnePass
from lockon.bench.protocols.plan import Protocol
from lockon.bench.protocols.reset import Reset
from lockon.bench.run import BenchmarkOptions, run_benchmark
from lockon.bench.spec import TrackerSpec
from lockon.bench.store import Store
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.export.torch_model import TorchModel
from lockon.refiners.alpha_refine import AlphaRefiner
from lockon.session import Tracker
from lockon.studies.curve import CurvePoint, curve_file, measure_overlap, pairs_seen, write_curve
from lockon.studies.measured import measure_alignment, measure_refiner, measured_file, write_measured
from lockon.studies.metrics import ALIGNMENT, RESET
from lockon.studies.settings import Study
from lockon.studies.spec import StudyRun
from lockon.studies.tasks import OnProgress
from lockon.tracker import NetworkTracker
from lockon.train.launch import computes_bf16
from lockon.train.refine_task import RefineTask
from lockon.train.refine_validation import RefineValidation
from lockon.zoo.loading import load_refiner
from lockon.zoo.specs import load_spec, with_files


@dataclass(frozen=True, slots=True)
class TrackBase:
    """Tracks the validation videos with a tracker whose boxes all runs will refine.

    Attributes:
        study: Which.
        name: Of the tracker, with its own weights.
        needs: Nothing.
    """

    study: Study
    name: str
    needs: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """Named after the tracker."""
        return f"boxes of {self.name}"

    def do(self, on_progress: OnProgress) -> None:
        """Track what is missing.

        Raises:
            LockonError: It failed on a video.
        """
        on_progress("tracking")
        spec = with_files(TrackerSpec(self.name, self.name))
        _run(self.study.base, spec, OnePass(), self.study.validation(), seed=0, batch=1)


def judge(study: Study, run: StudyRun, on_progress: OnProgress) -> None:
    """Count everything that is counted of a trained run, as far as it is not there.

    Raises:
        LockonError: It failed on a video.
    """
    file = measured_file(study.out, run.label)
    if study.kind.bases:
        if not file.is_file():
            write_measured(file, _judge_refiner(study, run, on_progress))
        return
    on_progress("tracking")
    weights = study.weights(run)
    spec = TrackerSpec(
        run.label,
        run.row.tracker,
        weights,
        preset=study.preset,
        device=study.device,
        overrides=study.kind.variants[run.row.variant].inference,
        files=(weights,),
    )
    for protocol in (OnePass(), *((Reset(),) if set(RESET) & set(study.kind.metrics) else ())):
        _run(study.bench, spec, protocol, study.validation(), seed=run.seed, batch=study.batch)
    if set(study.kind.metrics) & set(ALIGNMENT) and not file.is_file():
        write_measured(file, measure_alignment(make_tracker(spec), study.validation(), on_progress))
    _judge_curve(study, run, spec, on_progress)


def _judge_curve(study: Study, run: StudyRun, spec: TrackerSpec, on_progress: OnProgress) -> None:
    file = curve_file(study.out, run.label)
    if not study.kind.curve or file.is_file():
        return
    sequences = study.validation()
    points = []
    marked = study.marked(run)
    for number, (step, weights) in enumerate(marked.items(), start=1):
        on_progress(f"tracking with point {number} of {len(marked)} of the curve")
        tracker = make_tracker(replace(spec, weights=weights, files=(weights,)))
        assert isinstance(tracker, NetworkTracker)
        assert isinstance(tracker.model, TorchModel)
        pairs = pairs_seen(tracker.model.header["training"], step)
        points.append(CurvePoint(step, pairs, measure_overlap(tracker, sequences)))
    write_curve(file, points)


def _judge_refiner(study: Study, run: StudyRun, on_progress: OnProgress) -> dict[str, Any]:
    refiner = load_refiner(run.row.tracker, study.weights(run), study.preset, study.device)
    recipe = study.recipe(run)
    assert isinstance(refiner, AlphaRefiner)
    assert isinstance(refiner.model, TorchModel)
    assert isinstance(recipe.validate, RefineValidation)
    assert isinstance(recipe.task, RefineTask)
    on_progress("refining the truth after jitter")
    jittered = recipe.validate.by_sequence(refiner.model.module)
    if "mask" not in recipe.task.terms:  # a mask head that has not learnt makes masks all the same
        jittered = {name: {key: value for key, value in one.items() if key != "J"} for name, one in jittered.items()}
    _in_bf16(refiner.model)
    return measure_refiner(refiner, jittered, study.validation(), on_progress, store=Store(study.base), names=study.kind.bases)


def _run(folder: Path, spec: TrackerSpec, protocol: Protocol, sequences: list[VideoSequence], *, seed: int, batch: int) -> None:
    options = BenchmarkOptions(workers=0, batch=batch, seed=seed)
    outcomes = run_benchmark([spec], sequences, folder, make_tracker, protocol=protocol, options=options)
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if failed:
        raise LockonError(f"{spec.label} failed on {failed[0].sequence} ({failed[0].error}) and {len(failed) - 1} more sequences")


def make_tracker(spec: TrackerSpec) -> Tracker:
    """Return the tracker of a run; networks run in bfloat16 where the hardware has it, as in training."""
    tracker = load_spec(spec)
    _in_bf16(getattr(tracker, "model", None))
    return tracker


def _in_bf16(model: object) -> None:
    if isinstance(model, TorchModel) and computes_bf16(model.device.type):
        model.dtype = torch.bfloat16


__all__ = ["TrackBase", "judge", "make_tracker"]
