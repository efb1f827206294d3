"""`Recipe`: all that `lockon train` needs of a tracker; and `TrainSources`, the data that a recipe is made for.

`lockon.zoo.training.recipe` makes one: ``recipe(sources: TrainSources, overrides: Mapping[str, Any], name: str) -> Recipe``.
It keeps its numbers in one frozen dataclass with a field ``train: TrainConfig`` and applies the overrides to it with
`lockon.config.apply_overrides`, so that the command line says ``--set train.optimizer.learning_rate=1e-3``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from lockon.data.datasets.registry import load_videos
from lockon.data.samples.pipeline import Pipeline
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.train.config import TrainConfig

Validate = Callable[[nn.Module], dict[str, float]]


class Task(Protocol):
    """What is learnt: a module and its loss.

    Optional: ``on_run(config: TrainConfig) -> None`` runs once before the first update, with the number of steps known.
    ``on_step(step: int) -> None`` runs before every update with the 0-based step; the place to freeze and unfreeze
    (by `requires_grad`) or to change a loss weight. It must depend on the step alone, so that a resumed run is exact.
    """

    @property
    def module(self) -> nn.Module:
        """The module that is trained, averaged and saved."""

    def loss(self, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        """Compute scalar tensors by name for one batch on the module's device; "loss" is the total, the rest is logged.

        Runs under autocast when the precision is bf16: whatever needs float32 (IoU, logarithms) casts to it.
        """


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run, ready for the engine.

    Attributes:
        task: Module and loss.
        pipeline: Endless samples by index.
        config: Settings of the loop.
        validate: Averaged weights (in evaluation mode, on the device) -> metrics by name, or None. Runs on the first process only.
        header: JSON header of the weight files (architecture, config, licence, data ...); the engine adds "metrics" and "training".
        settings: Everything else that decides what is learnt (task, data and model settings), as JSON values:
            a resumed run must have the same.
        defaults: `settings` of an untouched configuration. A run of an earlier version that lacks a setting is resumed as if it
            had the default, so a setting that is added must have its old effect as default.
        notes: Lines to tell the user before training starts, such as how many boxes were skipped.
    """

    task: Task
    pipeline: Pipeline
    config: TrainConfig
    validate: Validate | None = None
    header: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TrainSources:
    """Folders of training data; a recipe says which it needs.

    Attributes:
        stills: Images with boxes or masks.
        videos: Training sequences.
        val: Folders of sequences to validate on; none trains without validation.
        root: Folder that may hold training datasets under their names, for recipes that train on those.
        sets: More such datasets, each "NAME:FOLDER".

    Raises:
        LockonError: A folder that does not exist, or nothing to train on.
    """

    stills: Path | None = None
    videos: Path | None = None
    val: tuple[Path, ...] = ()
    root: Path | None = None
    sets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given = [("stills", self.stills), ("videos", self.videos), *(("val", folder) for folder in self.val)]
        for name, folder in given:
            if folder is not None and not folder.is_dir():
                raise LockonError(f"--{name} {folder} is not a folder; give the folder that holds the {name} data")
        for text in self.sets:
            name, _, place = text.partition(":")
            if not name or not Path(place).is_dir() or not place:
                raise LockonError(f"--data {text} is not NAME:FOLDER with a folder that exists, such as COCO:/data/coco")
        if self.stills is None and self.videos is None and self.root is None and not self.sets:
            raise LockonError("no training data: give --data-root DIR (with train/ and train_video/ in it), --stills DIR or --videos DIR")

    @classmethod
    def find(
        cls,
        root: Path | None,
        *,
        stills: Path | None = None,
        videos: Path | None = None,
        val: Sequence[Path] = (),
        sets: Iterable[str] = (),
    ) -> TrainSources:
        """Return the given folders, and for those not given the subfolders train, train_video and val of `root` where they exist."""
        if root is not None and not root.is_dir():
            raise LockonError(f"--data-root {root} is not a folder; give the folder that holds train/, train_video/ and val/")

        def pick(given: Path | None, name: str) -> Path | None:
            return given if given is not None or root is None or not (root / name).is_dir() else root / name

        found = None if val else pick(None, "val")
        folders = tuple(val) if found is None else (found,)
        return cls(stills=pick(stills, "train"), videos=pick(videos, "train_video"), val=folders, root=root, sets=tuple(sets))

    def validation(self) -> list[VideoSequence]:
        """Return the sequences to validate on, folder by folder; nothing without a folder.

        Raises:
            LockonError: A folder that cannot be read, or two sequences of one name: metrics could not tell them apart.
        """
        sequences = [sequence for folder in self.val for sequence in load_videos(folder)]
        twice = [name for name, count in Counter(sequence.name for sequence in sequences).items() if count > 1]
        if twice:
            raise LockonError(f"--val has several sequences named {twice[0]}; rename one of them, or leave one folder out")
        return sequences


__all__ = ["Pipeline", "Recipe", "Task", "TrainSources", "Validate"]
