"""`lockon train`: train a tracker of the zoo on your own data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockon.cli._options import Settings, SourceOptions, TrainDevice, option_groups
from lockon.cli._terminal import echo
from lockon.cli._texts import parse_overrides
from lockon.errors import LockonError

if TYPE_CHECKING:
    from lockon.train.engine import TrainOutcome


@dataclass(frozen=True, kw_only=True)
class TrainSourceOptions(SourceOptions):
    """Where the training data lie, single datasets too."""

    data: Annotated[list[str] | None, typer.Option(help="NAME:FOLDER of a dataset that lies elsewhere; may be repeated.")] = None


@dataclass(frozen=True, kw_only=True)
class SettingOptions:
    """Options that change the settings of a run."""

    steps: Annotated[int | None, typer.Option(help="Updates of the whole run.")] = None
    settings: Settings = None
    threads: Annotated[int | None, typer.Option(help="Torch threads of this process.")] = None
    workers: Annotated[int | None, typer.Option(help="Processes that make samples.")] = None

    def overrides(self) -> dict[str, Any]:
        """Return ``--set`` texts and the options that are settings of the loop, by dotted name."""
        overrides = parse_overrides(self.settings or [])
        options = {"train.steps": self.steps, "train.machine.threads": self.threads, "train.machine.workers": self.workers}
        for name, value in options.items():
            if value is not None and name in overrides:
                raise LockonError(f"--{name.rpartition('.')[2]} and --set {name} both say the same; give one of the two")
            if value is not None:
                overrides[name] = value
        return overrides


@option_groups
def train(
    name: Annotated[str, typer.Argument(help="tracker to train, for example lockon-s")],
    *,
    out: Annotated[Path, typer.Option(help="folder of the run: checkpoints, weights, logs")],
    sources: TrainSourceOptions,
    settings: SettingOptions,
    resume: Annotated[bool, typer.Option("--resume", help="continue the run in --out, exactly where it was saved")] = False,
    init: Annotated[Path | None, typer.Option(help="start from these .safetensors weights (a resumed run keeps its own)")] = None,
    minutes: Annotated[float | None, typer.Option(help="save and stop after this time; --resume continues")] = None,
    device: TrainDevice = "auto",
) -> None:
    """Train a tracker; stop it at any time, continue with --resume.

    [bold]Examples[/bold]

      lockon train lockon-s --data-root data --out runs/first

      lockon train lockon-s --data-root data --out runs/first --resume --minutes 50

      lockon train lockon-s --videos my_videos --out runs/mine --init best.safetensors --steps 2000 --set train.optimizer.learning_rate=3e-4

      lockon train siamban-r50-rbo --data-root data --out runs/ban --set backbone_weights=resnet50.pth

      torchrun --nproc-per-node 4 --no-python lockon train lockon-s --data-root data --out runs/four
    """
    from lockon._files import refuse_overwriting
    from lockon._require import require

    for module in ("torch", "lightning_fabric", "safetensors", "tensorboard"):
        require(module, "train")
    from lockon.train.checkpoint import load_weights
    from lockon.train.engine import Engine
    from lockon.zoo.training import recipe

    if minutes is not None and not minutes > 0:
        raise LockonError(f"--minutes must be above 0, got {minutes}; leave it out to train to the end")
    folders = (sources.data_root, sources.stills, sources.videos, *(sources.val or ()))
    refuse_overwriting([("--out", out)], [folder for folder in folders if folder is not None])
    made = recipe(sources.find(sources.data or ()), settings.overrides(), name)
    if init is not None:
        load_weights(made.task.module, init)
    for note in made.notes:
        echo(note, err=True)
    outcome = Engine(made, out, device=device, resume=resume, stop_after_minutes=minutes).fit()
    _report(outcome, out)


def _report(outcome: TrainOutcome, out: Path) -> None:
    """Print on stderr how the run ended; exit with 130 if it was interrupted."""
    state = outcome.state
    if outcome.status != "finished":
        echo(f"{outcome.status} at step {state.step}, saved in {out}; the same command with --resume continues", err=True)
        raise typer.Exit(130 if outcome.status == "interrupted" else 0)
    best = "" if state.best_step is None else f", best {state.best_value:.4f} at step {state.best_step}"
    weights = out / ("last.safetensors" if state.best_step is None else "best.safetensors")
    echo(f"finished {state.step} steps{best}; weights: {weights}", err=True)
