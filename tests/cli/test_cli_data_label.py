"""`lockon data label`: a new set of stills, and errors; what counts as an object is tested in tests/zoo/test_pseudo_labels.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lockon.cli import app
from lockon.data.datasets.stills import load_stills
from lockon.types import Result
from lockon.zoo import loading


class Knows:
    """The mask is always the bright square."""

    def init(self, frame: Any, box: Any) -> None:
        self.count = len(np.atleast_2d(box))

    def track(self, frame: Any) -> Result:
        mask = frame[..., 0] > 200
        return Result(np.zeros((self.count, 4)), np.ones(self.count), ("tracked",) * self.count, np.stack([mask] * self.count))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "stills" / "bare"
    (folder / "images").mkdir(parents=True)
    image = np.full((120, 160, 3), 60, np.uint8)
    image[40:80, 50:100] = 255
    cv2.imwrite(str(folder / "images/0.png"), image)
    (folder / "annotations.jsonl").write_text(json.dumps({"image": "images/0.png", "width": 160, "height": 120, "objects": []}))
    return folder


def invoke(*words: Any) -> Any:
    return CliRunner().invoke(app, ["data", "label", *map(str, words)])


def test_a_set_is_written(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    def load(name: str, weights: Path, **others: Any) -> Knows:
        given.update(others, name=name, weights=weights)
        return Knows()

    monkeypatch.setattr(loading, "load", load)
    out = tmp_path / "out" / "found"
    result = invoke(pictures, out, "--weights", "w.onnx", "--threshold", 0.4, "--set", "proposals=3")
    assert result.exit_code == 0, result.output
    assert "1 objects in 1 images" in result.output
    assert given == {"name": "siammask-r50", "weights": Path("w.onnx"), "device": "auto", "mask.threshold": 0.4}
    (image,) = load_stills(tmp_path / "out")
    assert image.objects[0].box == (50.0, 40.0, 50.0, 40.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--weights", "none.onnx"], "none.onnx does not exist"),
        (["--weights", "w.onnx", "--set", "proposal=3"], "did you mean"),
        (["--weights", "w.onnx", "--tracker", "csrt"], "csrt"),
    ],
)
def test_wrong_usage(pictures: Path, tmp_path: Path, words: list[str], message: str) -> None:
    result = invoke(pictures, tmp_path / "out", *words)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
