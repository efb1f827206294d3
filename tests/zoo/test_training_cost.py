"""Operations of whole runs, and `lockon analyze cost` on a run that was made."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

for _module, _extra in (("torch", "torch"), ("lightning_fabric", "train"), ("tensorboard", "train"), ("matplotlib", "bench")):
    pytest.importorskip(_module, reason=f"needs the {_extra} extra")

from miniatures import SMALL  # noqa: E402
from rich.console import Console  # noqa: E402

from lockon.cli import app  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.train.engine import Engine  # noqa: E402
from lockon.train.recipe import TrainSources  # noqa: E402
from lockon.zoo.network_cost import count_pair  # noqa: E402
from lockon.zoo.training import recipe  # noqa: E402
from lockon.zoo.training_cost import TrainingCost  # noqa: E402
from tiny_training_data import make_stills, make_validation  # noqa: E402

SPARSE = {**SMALL["RTrackConfig"], "elimination.blocks": (0, 1)}
COMPACT = SMALL["CompactOneStreamConfig"]


def settings(model: dict[str, Any], train: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"train": {"batch_size": 2, "gradients": {"accumulate": 3}, **train}, "model": model, "processes": 2, **others}


def test_dense_and_sparse_updates_by_turns() -> None:
    keep = {"part": "alternate-keep", "by": "batch", "first": "dense", "keep": 0.5}
    cost = TrainingCost("rtrack256", settings(SPARSE, {"steps": 10}, keep=keep))
    dense, sparse = (count_pair("rtrack256", keep=share, **SPARSE) for share in (1.0, 0.5))
    assert cost.until(3) == 12 * (2 * dense.training + sparse.training)
    assert cost.until(0) == 0
    assert cost.forward() == dense.forward


def test_stages_that_learn_later() -> None:
    cost = TrainingCost("compact-ostrack", settings(COMPACT, {"steps": 10, "unfreeze": [[0.0, 0], [0.5, 1]]}))
    frozen, learning = (count_pair("compact-ostrack", stages=stages, **COMPACT) for stages in (0, 1))
    assert learning.training > frozen.training
    assert cost.until(7) == 12 * (5 * frozen.training + 2 * learning.training)


def test_a_run_without_a_network_is_an_error() -> None:
    with pytest.raises(LockonError, match="csrt"):
        TrainingCost("csrt", {})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four updates of two pairs, with a validation after every second."""
    folder = tmp_path_factory.mktemp("data")
    changes = {f"model.{name}": value for name, value in COMPACT.items()} | {
        "train.steps": 4,
        "train.batch_size": 2,
        "train.machine.workers": 0,
        "train.machine.threads": 1,
        "train.output.log_every": 1,
        "train.output.validate_every": 2,
    }
    made = recipe(TrainSources(stills=make_stills(folder), val=(make_validation(folder),)), changes, "compact-ostrack")
    Engine(made, folder / "first", device="cpu", console=Console(quiet=True)).fit()
    return folder / "first"


def invoke(*words: object) -> Any:
    return CliRunner().invoke(app, ["analyze", "cost", *map(str, words)])


def test_tables_and_files(run: Path, tmp_path: Path) -> None:
    result = invoke(run, "--ao", "0", "--out", tmp_path / "cost")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "cost").iterdir()) == ["cost.csv", "cost.json", "cost.png", "points.csv"]
    (row,) = csv.DictReader((tmp_path / "cost/cost.csv").open())
    pair = count_pair("compact-ostrack", stages=0, **COMPACT)  # its backbone does not learn
    assert (row["run"], row["tracker"], row["pairs_per_update"], row["pairs"]) == ("first", "compact-ostrack", "2", "8")
    assert (row["level_pairs"], int(row["level_flops"])) == ("4", 4 * pair.training)
    assert float(row["level_seconds"]) > 0
    points = json.loads((tmp_path / "cost/cost.json").read_text())["points"]
    assert [point["pairs"] for point in points] == [4, 8]
    assert "Until AO 0" in result.stdout


def test_a_level_that_is_not_reached_and_no_files(run: Path) -> None:
    result = invoke(run, run, "--ao", "1")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("not reached") == 2
    whole = invoke(run)
    assert "Until the end" in whole.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--metric", "EAO"), "no validation with EAO; it has AO, SR50, SR75: give --metric AO"), (("--ao", "2"), "--ao")],
)
def test_mistakes_are_one_line(run: Path, words: tuple[str, ...], message: str) -> None:
    result = invoke(run, *words)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    result = invoke(tmp_path)
    assert result.exit_code == 2
    assert "is no folder of a training run" in result.stderr
    assert result.stderr.count("\n") == 1
