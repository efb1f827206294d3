"""`lockon study`: options, the page, and errors; training is tested in tests/studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lockon.cli import app, study


def invoke(*words: str, kind: str = "rbo") -> Any:
    return CliRunner().invoke(app, ["study", kind, *words])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--report"], "holds no study"),
        (["--seeds", "0,0"], "--seeds 0,0; expected different whole numbers"),
        (["--seeds", "a"], "--seeds a; expected"),
        (["--only", "compact-ban.all"], "unknown row's variant 'all'"),
        (["--results", "runs"], "results runs given, but the study rbo has no refiner; leave --results out"),
        ([], "no training data"),
    ],
)
def test_wrong_usage(tmp_path: Path, words: list[str], message: str) -> None:
    (tmp_path / "out").mkdir()
    result = invoke("--out", str(tmp_path / "out"), *words)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_seeds() -> None:
    assert study._seeds("0,2,1") == [0, 2, 1]


@pytest.mark.parametrize("kind", ["rbo", "siamla", "alpha-refine"])
def test_help_names_the_command(kind: str) -> None:
    text = invoke("--help", kind=kind).output
    assert f"DIR/{kind}.md tells the outcome" in " ".join(text.split())
    assert f"lockon study {kind} --data-root data --out runs/" in " ".join(text.split())
    assert "rbo" not in text or kind == "rbo"


def test_every_study_has_a_command() -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    from lockon.studies import KINDS

    assert set(study._HELP) == set(KINDS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "rows", "sizes"),
    [
        ("rbo", ("compact-ban.base", "compact-ban.cr"), ["model.template_size=64", "model.search_size=96"]),
        ("siamla", ("compact-car.base", "compact-car.lafa"), ["model.template_size=64", "model.search_size=96"]),
        ("alpha-refine", ("refine-s.base", "refine-s.rpn"), ["model.size=64", "model.hidden=8"]),
    ],
)
def test_two_runs_and_their_page(tmp_path: Path, kind: str, rows: tuple[str, str], sizes: list[str]) -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    pytest.importorskip("lightning_fabric", reason="needs the train extra")
    from tiny_training_data import make_stills, make_validation

    make_stills(tmp_path / "data")
    make_validation(tmp_path / "data")
    settings = ["model.channels=8", "train.batch_size=2", "train.machine.precision=fp32", *sizes]
    words = ["--data-root", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--only", rows[0], "--only", rows[1]]
    words += ["--seeds", "0", "--steps", "2", "--samples", "4", "--jobs", "0", "--device", "cpu", "--page", str(tmp_path / "page.md")]
    result = invoke(*words, *(word for setting in settings for word in ("--set", setting)), kind=kind)
    assert result.exit_code == 0, result.output
    assert f"{rows[1]}.s0: done" in result.output
    page = (tmp_path / "page.md").read_text()
    assert page == (tmp_path / "out" / f"{kind}.md").read_text()
    assert "2 rows, seeds 0, 2 runs of 2 updates" in page
    assert str(tmp_path) not in page
