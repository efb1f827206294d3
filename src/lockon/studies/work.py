"""The tasks of a study in the order in which they are done, and how far one is."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lockon.studies.evaluation import TrackBase
from lockon.studies.grid import StudyRun
from lockon.studies.settings import Study
from lockon.studies.tasks import StudyTask
from lockon.studies.training import Prepare, TrainAndTrack


def tasks_of(study: Study, runs: Sequence[StudyRun], *, parts: int) -> list[StudyTask]:
    """Return the runs in their order, after what they need.

    Before all come the boxes that refiners are judged on, and before the first run of each family and seed its samples, in `parts` tasks.
    """
    bases = [TrackBase(study, name) for name in study.kind.bases]
    tasks: list[StudyTask] = [*bases]
    boxes = frozenset(task.key for task in bases)
    needs: dict[tuple[str, int], frozenset[str]] = {}
    for run in runs:
        group = run.row.family, run.seed
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
        record = json.loads(lines[-1])
        return f"step {record['step']}, loss {record['loss']:.2f}"
    except (IndexError, ValueError, KeyError):
        return ""


__all__ = ["progress_of", "tasks_of"]
