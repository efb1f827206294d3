"""`lockon bench run --refine`, and `lockon bench compare`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result as Outcome

from lockon.bench.spec import CompanionSpec
from lockon.bench.store import Store
from lockon.cli import app
from lockon.cli._trackers import refined_specs, tracker_specs

NEAR = "28,18,28,19\n"  # a start box three pixels beside the target

pytestmark = pytest.mark.filterwarnings("ignore:Still has no move")


def bench(*words: object) -> Outcome:
    return CliRunner().invoke(app, ["bench", *map(str, words)])


@pytest.fixture
def data(red_clip: Path) -> str:
    """The red clip as a dataset: its truth is near the target at first, then on it, and absent on the last two frames."""
    (red_clip / "boxes.txt").write_text(NEAR + "30,20,24,16\n" * 7 + "nan,nan,nan,nan\n" * 2)
    return f"folder:{red_clip.parent}"


@pytest.fixture
def plain(still: str, data: str, tmp_path: Path) -> Path:
    """Results of the tracker alone."""
    assert bench("run", "--trackers", still, "--data", data, "--out", tmp_path / "out", "--workers", 0).exit_code == 0
    return tmp_path / "out"


def test_run_with_a_refiner_and_compare(plain: Path, sharp: str, data: str) -> None:
    """Both are in one folder; a second call finds both finished; the pair comes out as a table and as JSON."""
    words = ["run", "--trackers", "still", "--refine", sharp, "--data", data, "--out", plain, "--workers", 0]
    result = bench(*words)
    assert result.exit_code == 0, result.output
    assert "0 done, 1 finished before" in bench(*words).output
    store = Store(plain)
    assert store.trackers() == ["still", "still+sharp"]
    assert "refiner" not in store.describe("still")["configuration"], "old results keep their configuration"
    assert store.describe("still+sharp")["configuration"]["refiner"] == {"name": "sharp", "preset": "default", "weights": {}}
    (record,) = store.records("still+sharp")
    np.testing.assert_allclose(record.run.boxes[1:8], [(30, 20, 24, 16)] * 7, atol=1.5)
    save = plain.parent / "pairs.json"
    result = bench("compare", plain, "--save", save)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[2].startswith("| still | sharp | 0.7")
    (row,) = json.loads(save.read_text())["rows"]
    assert (row["base"], row["other"], row["mask_j"]) == ("still", "still+sharp", None)
    assert row["metrics"]["AO"]["difference"] > 0.1


def test_presets_settings_and_labels(still: str, sharp: str, tmp_path: Path) -> None:
    weights = tmp_path / "w.onnx"
    weights.write_bytes(b"12345")
    (spec,) = tracker_specs([still], [], [], [], ["refine.box=base"])
    (refined,) = refined_specs([spec], f"{sharp}:official", weights)
    assert (refined.label, refined.refiner) == ("still+sharp-official", CompanionSpec("sharp", weights, "official", (weights,)))
    assert refined.size() == 5
    configuration = refined.configuration(0)
    assert configuration["overrides"] == {"refine.box": "base"}
    assert list(configuration["refiner"]["weights"]) == ["w.onnx"]
    assert refined_specs([spec], f"masks={sharp}", None)[0].label == "still+masks"


def test_reproduced(plain: Path, sharp: str, data: str) -> None:
    assert bench("run", "--trackers", "still", "--refine", sharp, "--data", data, "--out", plain, "--workers", 0).exit_code == 0
    result = bench("reproduce", plain, "--trackers", "still+sharp", "--workers", 0)
    assert result.exit_code == 0, result.output
    assert "refiner    sharp, preset default" in result.stdout
    assert result.stdout.endswith("identical\n")


def test_oracle(sharp: str, data: str, tmp_path: Path) -> None:
    """A refiner alone can be put on the truth; what is finished is not run again."""
    out, saves = tmp_path / "out", [tmp_path / "o.md", tmp_path / "o.json"]
    words = ["run", "--protocol", "one-pass", "oracle", "--trackers", sharp, "--data", data, "--out", out, "--workers", 0]
    result = bench(*words)
    assert result.exit_code == 0, result.output
    assert "2 done, 0 finished before" in result.output
    result = bench("compare", out, "--oracle", "--save", saves[0], "--save", saves[1])
    assert result.exit_code == 0, result.output
    assert result.stdout == saves[0].read_text()
    (row,) = json.loads(saves[1].read_text())["rows"]
    assert (row["base"], row["difference"], row["sequences"]) == ("sharp", "before", 1)
    assert row["metrics"]["AO"]["first"] == pytest.approx(0.95, abs=0.05)
    assert Store(out).protocols(sharp) == ["one-pass", "oracle"]
    before = (out / sharp).stat().st_mtime_ns
    assert "0 done, 2 finished before" in bench(*words).output
    assert (out / sharp).stat().st_mtime_ns == before
    other = bench(*words, "--rule", "when=after")
    assert (other.exit_code, "was made under other rules: when" in other.stderr) == (2, True)


def test_latency(still: str, sharp: str, data: str, tmp_path: Path) -> None:
    save = tmp_path / "l.json"
    result = bench("compare", "--trackers", still, "--refine", sharp, "--data", data, "--rounds", 2, "--warmup", 3, "--save", save)
    assert result.exit_code == 0, result.output
    content = json.loads(save.read_text())
    (row,) = content["rows"]
    assert (row["base"], row["refined"], row["frames"]) == ("still", "still+sharp", 12)
    assert row["added_median_ms"] > 0
    assert (content["threads"], content["rounds"], content["videos"]) == (1, 2, ["red"])
    assert "2 rounds of red, at most 100 frames each, 3 of them warm-up." in result.stdout


def test_latency_on_the_bundled_clip(still: str, sharp: str) -> None:
    result = bench("compare", "--trackers", still, "--refine", sharp, "--rounds", 1, "--frames", 4, "--warmup", 1)
    assert result.exit_code == 0, result.output
    assert "1 round of big_buck_bunny.mp4" in result.stdout


MISTAKES = {
    "a refiner as a tracker": (["run", "--trackers", "sharp"], "put it behind one: --refine sharp"),
    "unknown refiner": (["run", "--trackers", "still", "--refine", "shrap"], "unknown refiner 'shrap'; did you mean 'sharp'"),
    "unknown preset": (["run", "--trackers", "still", "--refine", "sharp:offical"], "did you mean 'official'"),
    "label": (["run", "--trackers", "still", "--refine", "a+b=sharp"], "refiner label 'a+b'; expected letters, digits"),
    "weights alone": (
        ["run", "--trackers", "still", "--refiner-weights", "a.onnx"],
        "--refiner-weights a.onnx belongs to a refiner; name it",
    ),
    "settings": (["run", "--trackers", "still", "--refine", "sharp", "--set", "refine.boxes=1"], "'boxes'"),
    "oracle": (
        ["run", "--trackers", "still", "--protocol", "oracle"],
        "still cannot be put on the truth: it has no move(boxes); these have: lockon-s",
    ),
    "protocol": (["run", "--trackers", "still", "--protocol", "orcale"], "unknown protocol 'orcale'; did you mean 'oracle'"),
    "rule": (["run", "--trackers", "still", "--protocol", "one-pass", "reset", "--rule", "skp=1"], "'skp'"),
    "save": (["compare", "--trackers", "still", "--refine", "sharp", "--save", "table.txt"], "expected a file that ends in .md or .json"),
    "latency of a refiner": (["compare", "--trackers", "sharp", "--refine", "sharp"], "put it behind one"),
    "nothing": (["compare", "--trackers", "still"], "nothing to compare; give a folder of results, or --refine NAME"),
}


@pytest.mark.usefixtures("still", "sharp")
@pytest.mark.parametrize(("words", "text"), MISTAKES.values(), ids=MISTAKES)
def test_wrong_options_end_with_status_2_and_a_message(data: str, tmp_path: Path, words: list[object], text: str) -> None:
    out = [] if words[0] == "compare" else ["--out", tmp_path / "out"]
    result = bench(*words, "--data", data, *out)
    assert (result.exit_code, text in result.stderr) == (2, True), result.output


def test_nothing_to_compare(plain: Path) -> None:
    result = bench("compare", plain)
    assert (result.exit_code, "no tracker was run both without and with a refiner" in result.stderr) == (2, True)
