"""Analyses take every network with a dense head: labels of samples, scores against IoU, calibration."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

for _module, _extra in (("torch", "torch"), ("lightning_fabric", "train"), ("matplotlib", "bench")):
    pytest.importorskip(_module, reason=f"needs the {_extra} extra")

from colored_videos import BLUE, GREEN, RED, ColorModel, video  # noqa: E402
from lockon.analysis.alignment import candidate_alignment  # noqa: E402
from lockon.analysis.score import analyze_score  # noqa: E402
from lockon.cli import app  # noqa: E402
from lockon.tracker import NetworkTracker  # noqa: E402
from lockon.zoo.loading import inference_config, load  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402
from tiny_training_data import make_stills  # noqa: E402

if TYPE_CHECKING:
    from miniatures import Miniature

ONE_STREAM = ("ostrack256", "ostrack256-ce", "rtrack256", "compact-ostrack", "compact-rtrack")
VIDEOS = [video("red", RED, masks=True), video("green", GREEN), video("blue", BLUE)]


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_stills(tmp_path_factory.mktemp("stills"))


def invoke(*words: object) -> Any:
    return CliRunner().invoke(app, ["analyze", "assignment", *map(str, words)])


@pytest.mark.parametrize(
    ("name", "settings", "threshold"),
    [
        ("lockon-s", (), False),
        ("siamrpn-alexnet", (), True),
        ("ostrack256-ce", (), False),
        ("rtrack256", (), True),
        ("rtrack256", ("assigner=one-to-one-assigner",), False),
        ("rtrack256", ("assigner=max-iou-assigner", "assigner.boxes=own-boxes"), True),
        ("compact-ostrack", (), False),
        ("compact-rtrack", ("assigner.candidates=center-distance", "assigner.candidates.k=9"), True),
    ],
)
def test_labels_of_every_kind_of_head(
    name: str, settings: tuple[str, ...], *, threshold: bool, stills: Path, miniature: Callable[[str], Miniature], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = [word for setting in settings for word in ("--set", setting)]
    weights = miniature(name).weights
    result = invoke("--tracker", name, "--weights", weights, "--stills", stills, "--samples", 2, "--seed", 1, "--out", out, *words)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (out / "samples").iterdir()) == ["0000.png", "0001.png"]
    with (out / "assignment.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = json.loads((out / "assignment.json").read_text())
    assert [row["sample"] for row in rows] == ["0", "1"]
    assert [int(row["positives"]) for row in rows] == [row["positives"] for row in found["samples"]]
    assert all((row["threshold"] != "") == threshold for row in rows)
    assert (found["tracker"], found["seed"], found["summary"]["samples"]) == (name, 1, 2)
    assert all(math.isfinite(row["iou_top"]) for row in found["samples"])
    assert all((row["iou_init"] is not None) == ("rtrack" in name) for row in found["samples"] if row["positives"])
    if "assigner.candidates.k=9" in settings:
        assert {row["candidates"] for row in rows} == {"9"}


def test_the_same_samples_come_again(stills: Path, tmp_path: Path) -> None:
    words = ("--tracker", "compact-ostrack", "--stills", stills, "--samples", 2, "--set", "model.channels=8", "--set", "model.heads=2")
    first, second = (json.loads(_written(tmp_path / name, words)) for name in ("first", "second"))
    assert first == second


def _written(out: Path, words: tuple[object, ...]) -> str:
    result = invoke(*words, "--out", out)
    assert result.exit_code == 0, result.output
    assert "initial weights" in result.stdout
    return (out / "assignment.json").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tracker", "refine-s"), "refine-s refines boxes and has no candidates to assign"),
        (("--tracker", "csrt"), "csrt"),
        (("--tracker", "compact-rtrak"), "did you mean"),
        (("--set", "train.seed=3"), "give --seed alone"),
        (("--set", "assigner.candidates=nearest"), "assigner.candidates"),
        (("--weights", "none.safetensors"), "no weights at none.safetensors"),
        (("--plot-format", "bmp"), "unknown format of plots 'bmp'"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str, stills: Path, tmp_path: Path) -> None:
    tracker = () if "--tracker" in words else ("--tracker", "compact-rtrack")
    result = invoke(*tracker, "--stills", stills, "--out", tmp_path / "out", *words)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_without_data_or_with_weights_of_another_network_the_fix_is_told(
    stills: Path, miniature: Callable[[str], Miniature], tmp_path: Path
) -> None:
    without = invoke("--tracker", "compact-rtrack", "--out", tmp_path)
    assert "no training data: give --data-root DIR" in without.stderr
    other = invoke("--tracker", "compact-rtrack", "--weights", miniature("rtrack256").weights, "--stills", stills, "--out", tmp_path)
    assert "holds weights of rtrack256, not of compact-rtrack" in other.stderr


@pytest.mark.parametrize("name", ONE_STREAM)
def test_scores_against_iou_of_all_candidates(name: str, miniature: Callable[[str], Miniature]) -> None:
    tracker = load(name, miniature(name).weights, device="torch")
    found = candidate_alignment(tracker, VIDEOS, every=4)
    assert len(found.scores) == sum(found.frames) * (36 if name.startswith("compact") else 16)
    assert np.isfinite(found.scores).all()
    assert ((found.overlaps >= 0) & (found.overlaps <= 1)).all()


@pytest.mark.parametrize("name", ONE_STREAM)
def test_a_network_that_finds_colours_is_calibrated_with_the_parameters_of_each_card(name: str) -> None:
    """Crop rules, window and states are the card's own, the network knows the truth."""
    tracker = NetworkTracker(ColorModel(), inference_config(card(name)))
    report = analyze_score(tracker, VIDEOS, 0, lambda name, total: lambda count: None)
    assert report.metrics["overlap"]["hits"] == report.metrics["overlap"]["frames"] == 27
    assert report.metrics["absence"]["swapped"]["auroc"] == 1.0
    assert report.config.calibration.scale > 0
