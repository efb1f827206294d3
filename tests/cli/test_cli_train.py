"""`lockon train` on a tiny recipe put in the place of a tracker's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
from torch import nn
from typer.testing import CliRunner

import lockon.cli.train as command
from lockon.config import apply_overrides
from lockon.errors import LockonError
from lockon.train.checkpoint import read_weights, save_weights
from lockon.train.config import MachineConfig, TrainConfig
from lockon.train.recipe import Recipe, TrainSources
from lockon.zoo.training import recipe as training_recipe

SMALL = ["--set", "train.steps=4", "--workers", "0", "--threads", "1", "--device", "cpu"]


class Task:
    def __init__(self) -> None:
        self.module = nn.Linear(1, 1)

    def loss(self, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
        return {"loss": self.module(batch["value"]).square().mean()}


class Pipeline:
    def sample(self, index: int) -> dict[str, Any]:
        return {"value": np.full(1, index % 5, np.float32), "ids": str(index)}


def recipe(sources: TrainSources, overrides: dict[str, Any], name: str) -> Recipe:
    if name != "tiny":
        return training_recipe(sources, overrides, name)
    names = {name.removeprefix("train."): value for name, value in overrides.items()}
    config = apply_overrides(TrainConfig(batch_size=2, machine=MachineConfig(precision="fp32")), names)
    torch.manual_seed(config.seed)
    return Recipe(task=Task(), pipeline=Pipeline(), config=config, header={"architecture": "tiny"})


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr("lockon.zoo.training.recipe", recipe)
    app = typer.Typer(rich_markup_mode="rich")
    app.command()(command.train)
    return app


def invoke(app: typer.Typer, tmp_path: Path, *words: str) -> Any:
    (tmp_path / "data" / "train").mkdir(parents=True, exist_ok=True)
    return CliRunner().invoke(app, ["tiny", "--data-root", str(tmp_path / "data"), "--out", str(tmp_path / "run"), *words])


def test_a_run_to_the_end(app: typer.Typer, tmp_path: Path) -> None:
    result = invoke(app, tmp_path, *SMALL)
    assert result.exit_code == 0, result.output
    assert "finished 4 steps; weights: " in result.stderr.replace("\n", "")
    assert read_weights(tmp_path / "run" / "last.safetensors")[1]["training"]["step"] == 4


def test_slices_by_minutes_say_how_to_go_on(app: typer.Typer, tmp_path: Path) -> None:
    first = invoke(app, tmp_path, *SMALL, "--minutes", "0.000001")
    assert first.exit_code == 0
    assert "paused at step 1" in first.stderr
    assert "the same command with --resume continues" in first.stderr
    assert invoke(app, tmp_path, *SMALL, "--resume").exit_code == 0
    assert read_weights(tmp_path / "run" / "last.safetensors")[1]["training"]["step"] == 4


def test_init_starts_from_given_weights(app: typer.Typer, tmp_path: Path) -> None:
    save_weights({"weight": torch.full((1, 1), 40.0), "bias": torch.zeros(1)}, tmp_path / "init.safetensors")
    assert invoke(app, tmp_path, *SMALL, "--init", str(tmp_path / "init.safetensors")).exit_code == 0
    weights, _ = read_weights(tmp_path / "run" / "last.safetensors")
    assert weights["weight"].item() == pytest.approx(40, abs=0.5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "train.step=4"], "unknown option 'step'"),
        (["--set", "train.steps"], "--set train.steps is not name=value"),
        (["--set", "train.steps=4", "--steps", "5"], "--steps and --set train.steps both say the same"),
        (["--set", "train.machine.workers=0", "--workers", "1"], "--workers and --set train.machine.workers both say the same"),
        (["--minutes", "0"], "--minutes must be above 0"),
        (["--init", "none.safetensors"], "no weights at none.safetensors"),
        (["--videos", "nowhere"], "--videos nowhere is not a folder"),
        (["--device", "abacus"], "unknown device 'abacus'"),
    ],
)
def test_mistakes_are_one_line(app: typer.Typer, tmp_path: Path, words: list[str], message: str) -> None:
    result = invoke(app, tmp_path, *words)
    assert isinstance(result.exception, LockonError)
    assert message in str(result.exception)
    assert not (tmp_path / "run").exists()


def test_an_unknown_recipe_is_named(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    result = CliRunner().invoke(app, ["lockon-x", "--videos", str(tmp_path / "data"), "--out", str(tmp_path / "run")])
    assert "unknown training recipe 'lockon-x'; did you mean 'lockon-s'?" in str(result.exception)


def test_help_has_examples(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert "lockon train lockon-s --data-root data --out runs/first --resume" in " ".join(result.output.split())
