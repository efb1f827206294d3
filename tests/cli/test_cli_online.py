"""`--online`: a learner beside a tracker, of `lockon track` and `lockon bench run`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result as Outcome

import moving_square
from colored_learner import register_learner
from lockon.annotations import read_boxes
from lockon.bench.spec import CompanionSpec
from lockon.bench.store import Store
from lockon.cli import app
from lockon.cli._trackers import online_specs, refined_specs, tracker_specs

X, Y, W, H = moving_square.box_of(0)
MU = "localizer.score.mu"


def lockon(*words: object) -> Outcome:
    return CliRunner().invoke(app, [*map(str, words)])


@pytest.fixture
def colored(monkeypatch: pytest.MonkeyPatch) -> str:
    return register_learner(monkeypatch)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "learner.onnx"
    path.write_bytes(b"12345")
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return moving_square.write_clip(tmp_path / "square.avi", 6)


@pytest.fixture
def data(tmp_path: Path) -> str:
    """The clip as a dataset."""
    folder = tmp_path / "data" / "square"
    folder.mkdir(parents=True)
    moving_square.write_clip(folder / "square.avi", 6)
    (folder / "boxes.txt").write_text("".join(",".join(map(str, moving_square.box_of(number))) + "\n" for number in range(6)))
    return f"folder:{folder.parent}"


def test_a_video_is_tracked_with_a_learner_beside_the_tracker(colored: str, weights: Path, video: Path, tmp_path: Path) -> None:
    """Its share, its own parameters and those of the fusion are set by name."""
    boxes = []
    for number, settings in enumerate((["--online", colored, "--online-weights", weights, "--set", f"{MU}=0.7"], [])):
        save = tmp_path / f"{number}.csv"
        more = ["--set", "online.learner.steps=1", "--set", "fusion.redetect=0.3"] if settings else []
        result = lockon("track", video, "--box", f"{X},{Y},{W},{H}", *settings, *more, "--save", save, "--quiet")
        assert (result.exit_code, result.output) == (0, "")
        boxes.append([row[2:6] for row in read_boxes(save)])
    assert len(boxes[0]) == len(boxes[1]) == 6
    assert boxes[0] != boxes[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--online-weights", "w.onnx"],
            "--online-weights w.onnx belongs to an online tracker; name it, for example --online",
        ),
        (["--online", "colored"], "colored needs weights of its own beside another tracker; give --online-weights FILE"),
        (["--online", "kcf", "--online-weights", "w.onnx"], "'kcf' is no tracker whose learner can stand beside another"),
        (["--tracker", "kcf", "--online", "colored", "--online-weights", "w.onnx"], "kcf has no candidates that a learner beside it"),
        (["--tracker", "dimp18", "--online", "colored", "--online-weights", "w.onnx"], "dimp18 has no candidates that a learner"),
        (["--set", f"{MU}=0.6"], "mixes in what a learner finds, and there is none"),
        (["--online", "colored", "--online-weights", "w.onnx", "--set", f"{MU}=6"], f"{MU}=6 given, expected 0 to 1"),
        (["--online", "colored", "--online-weights", "w.onnx", "--set", "online.step=6"], "unknown option 'step'"),
        (["--online", "colored", "--online-weights", "w.onnx", "--out", "w.onnx"], "w.onnx"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_is_one_line(colored: str, video: Path, words: list[str], message: str) -> None:
    result = lockon("track", video, "--box", f"{X},{Y},{W},{H}", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_labels_and_configurations(colored: str, weights: Path) -> None:
    (spec,) = tracker_specs(["lockon-s"], [], [], [], [f"{MU}=0.5", "online.learner.every=9"])
    (fused,) = online_specs([spec], f"{colored}:slow", weights)
    assert (fused.label, fused.online) == ("lockon-s+colored-slow", CompanionSpec(colored, weights, "slow", (weights,)))
    assert fused.size() == spec.size() + 5
    configuration = fused.configuration(0)
    digest = configuration["online"]["weights"].pop("learner.onnx")
    assert (configuration["online"], len(digest)) == ({"name": colored, "preset": "slow", "weights": {}}, 64)
    assert "online" not in spec.configuration(0)
    (refined,) = refined_specs([fused], "refine-s", None)
    assert refined.label == "lockon-s+colored-slow+refine-s"
    assert set(refined.companions()) == {"online", "refiner"}
    assert online_specs([spec], f"mine={colored}", weights)[0].label == "lockon-s+mine"


def test_a_benchmark_with_a_learner_compared_and_reproduced(colored: str, weights: Path, data: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["bench", "run", "--trackers", "lockon-s", "--data", data, "--out", out, "--workers", 0]
    assert lockon(*words).exit_code == 0
    words += ["--online", colored, "--online-weights", weights, "--set", f"{MU}=0.7", "--set", "online.learner.every=2"]
    result = lockon(*words)
    assert result.exit_code == 0, result.output
    assert "0 done, 1 finished before" in lockon(*words).output
    assert Store(out).trackers() == ["lockon-s", "lockon-s+colored"]
    result = lockon("bench", "report", out, "--compare", "lockon-s+colored", "lockon-s")
    assert result.exit_code == 0, result.output
    assert "| metric | lockon-s+colored | lockon-s | difference |" in result.stdout
    result = lockon("bench", "reproduce", out, "--trackers", "lockon-s+colored", "--workers", 0)
    assert result.exit_code == 0, result.output
    assert "  online     colored, preset default\n" in result.stdout
    assert "  online     learner.onnx sha256 " in result.stdout
    assert result.stdout.endswith("identical\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trackers", "kcf", "--online", "colored"], "kcf has no candidates that a learner beside it could judge"),
        (["--trackers", "lockon-s", "--online", "kcf"], "'kcf' is no tracker whose learner can stand beside another"),
        (["--trackers", "lockon-s", "--online", "colored:fast"], "unknown preset of colored 'fast'"),
        (["--trackers", "lockon-s", "--online", "a+b=colored"], "online label 'a+b'"),
        (["--trackers", "lockon-s", "--online", "nobody"], "unknown online tracker 'nobody'"),
        (["--trackers", "lockon-s"], "belongs to an online tracker; name it"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_benchmark_that_cannot_run_says_so_before_it_begins(
    colored: str, weights: Path, data: str, words: list[str], message: str
) -> None:
    result = lockon("bench", "run", *words, "--online-weights", weights, "--data", data, "--out", weights.parent / "out", "--workers", 0)
    assert (result.exit_code, message in result.stderr) == (2, True), result.output


def test_the_share_is_swept(colored: str, weights: Path, data: str, tmp_path: Path) -> None:
    """A sweep knows the numbers of all parts, and the share that the tracker has unless told."""
    pytest.importorskip("matplotlib", reason="needs the bench extra")
    words = ["analyze", "stability", "--online", colored, "--online-weights", weights, "--data", data, "--out", tmp_path / "swept"]
    result = lockon(*words, "--parameter", MU, "--values", "0,0.8", "--metric", "AO", "--workers", 0)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "swept" / f"stability-{MU}.json").read_text())["trackers"]["lockon-s+colored"]
    assert (found["own"], found["values"], found["missing"]) == (0.8, [0.0, 0.8], [0, 0])
    wrong = lockon(*words, "--parameter", "localizer.score.mo", "--values", "0.5", "--workers", 0)
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (2, 1)
    assert "did you mean 'localizer.score.mu'" in wrong.stderr


def test_heat_maps_of_both_modalities_are_drawn(colored: str, weights: Path, data: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the bench extra")
    out = tmp_path / "heat"
    result = lockon("analyze", "heatmaps", "--online", colored, "--online-weights", weights, "--data", data, "--at", "2,5", "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["heatmaps.csv", "square.png"]
    head = (out / "heatmaps.csv").read_text().splitlines()[0].split(",")
    assert head[3:] == [f"{name}_{value}" for name in ("offline", "online", "fused") for value in ("peak", "distraction")]
    assert "lockon-s+colored, 2 frames" in result.stdout
