"""What all runs of a study have in common, and where they lie; kept in the study's folder so that nothing is mixed up later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lockon._documents import read_json_object
from lockon._files import write_bytes
from lockon.config import as_json, differences
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.studies.curve import marks_of
from lockon.studies.spec import StudyRun, StudySpec
from lockon.train.recipe import Recipe, TrainSources
from lockon.zoo.training import recipe

Cache = Literal["auto", "features", "images", "none"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """A study in a folder.

    Attributes:
        kind: Which study it is.
        out: RUN folders in runs/, results of tracking in bench/, boxes to refine in base/, samples in cache/, study.json.
        sources: Training data and validation videos.
        steps: Updates of each run; None for each recipe's own.
        samples: Different pairs per seed, drawn once and kept; when they have been used up they come again in another order.
        cache: What is kept of a sample. "features": what the frozen backbone makes of it; "images": the crops; "none": nothing, every
            sample is new; "auto": features where the recipe's backbone never learns, else images.
        overrides: Settings of all runs, by dotted name, such as backbone_weights.
        preset: Inference parameters of all trackers.
        device: Where networks run, in training and tracking.
        threads: torch threads of each process.
        batch: Sequences tracked side by side.
    """

    kind: StudySpec
    out: Path
    sources: TrainSources
    steps: int | None = None
    samples: int = 12_800
    cache: Cache = "auto"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "default"
    device: str = "auto"
    threads: int = 1
    batch: int = 17

    def recipe(self, run: StudyRun) -> Recipe:
        """Return the recipe of a run.

        Raises:
            LockonError: Unknown tracker or setting, missing data.
        """
        settings: dict[str, Any] = {"train.seed": run.seed, "train.machine.threads": self.threads, "train.output.validate_every": 0}
        settings |= self.kind.budget.get(run.row.tracker, {})
        if self.steps is not None:
            settings["train.steps"] = self.steps
        settings |= {**self.overrides, **self.kind.settings(run.row)}
        made = recipe(self.sources, settings, run.row.tracker)
        marks = marks_of(made.config, self.kind.curve)
        return replace(made, config=replace(made.config, output=replace(made.config.output, marks=marks)))

    def folder(self, run: StudyRun) -> Path:
        """Return where a run trains."""
        return self.out / "runs" / run.label

    def weights(self, run: StudyRun) -> Path:
        """Return the finished weights that a run tracks with; they exist when their training is over."""
        return self.folder(self.kind.trained(run)) / "weights.safetensors"

    def marked(self, run: StudyRun) -> dict[int, Path]:
        """Return the weights of a trained run for its curve, by the number of updates, rising."""
        files = sorted((self.folder(run) / "curve").glob("step-*.safetensors"))
        return {int(file.stem[5:]): file for file in files}

    @property
    def base(self) -> Path:
        """Results of the trackers whose boxes refiners are judged on, readable by `lockon bench report`."""
        return self.out / "base"

    @property
    def bench(self) -> Path:
        """Results of tracking, readable by `lockon bench report`."""
        return self.out / "bench"

    def validation(self) -> list[VideoSequence]:
        """Return the sequences that runs are judged on.

        Raises:
            LockonError: There are none.
        """
        if not self.sources.val:
            raise LockonError("a study needs validation videos; give --data-root DIR with val/ in it, or --val DIR")
        return self.sources.validation()

    def common(self) -> dict[str, Any]:
        """Return the JSON values that must be the same for all runs of the folder."""
        return {
            "study": self.kind.name,
            **{name: getattr(self, name) for name in ("steps", "samples", "cache", "preset")},
            "overrides": {name: str(value) for name, value in self.overrides.items()},
            "budget": as_json(self.kind.budget),
        }

    def claim(self) -> None:
        """Note the settings in the folder, or compare them with those noted.

        Raises:
            LockonError: The folder belongs to a study with other settings, or cannot be written.
        """
        path = self.out / "study.json"
        if not path.is_file():
            write_bytes(path, (json.dumps(self.common(), indent=1) + "\n").encode())
        elif changed := differences(read_json_object(path, "remove it, or give another --out"), self.common()):
            raise LockonError(f"{self.out} holds a study with other settings: {', '.join(changed)}; give the same, or another --out")


__all__ = ["Cache", "Study"]
