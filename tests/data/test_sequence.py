"""`VideoSequence` refuses fields that do not belong together; lazy paths."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lockon.data.datasets.registry import load_dataset
from lockon.data.sequence import LazyList, LazyPaths, VideoSequence, read_image
from lockon.errors import LockonError


def make(count: int = 3, **fields: Any) -> VideoSequence:
    frames = LazyList([Path(f"{index}.jpg") for index in range(count)], read_image)
    return VideoSequence("a", "folder", frames, np.ones((3, 4)), **fields)


def test_fields_of_annotations() -> None:
    sequence = make(anchors=(0, 2), backward=frozenset({2}), frame_size=(640, 480), fps=29.97)
    assert (sequence.anchors, sequence.backward, sequence.frame_size, sequence.fps) == ((0, 2), {2}, (640, 480), 29.97)
    plain = make()
    assert (plain.anchors, plain.backward, plain.frame_size, plain.fps) == (None, frozenset(), None, None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"count": 2}, "2 frames but 3 boxes"),
        ({"anchors": (0, 3)}, r"anchors \[0, 3\], expected ascending frames from 0 to 2"),
        ({"anchors": (-1,)}, "expected ascending frames"),
        ({"anchors": (2, 0)}, "expected ascending frames"),
        ({"anchors": (1, 1)}, "expected ascending frames"),
        ({"anchors": (0,), "backward": frozenset({2})}, r"backward \[2\], expected some of the anchors \[0\]"),
        ({"backward": frozenset({2})}, "expected some of the anchors"),
        ({"frame_size": (0, 4)}, r"frame_size \(0, 4\), expected \(width, height\)"),
        ({"frame_size": (3, 4, 3)}, "expected \\(width, height\\)"),
        ({"fps": 0.0}, "fps 0.0, expected a positive number"),
        ({"fps": float("nan")}, "fps nan"),
        ({"visible": np.ones(2, dtype=bool)}, r"visible of shape \(2,\), expected \(3,\)"),
        ({"polygons": np.ones((3, 4))}, r"polygons of shape \(3, 4\), expected \(3, 8\)"),
        ({"masks": LazyList([Path("a")], read_image)}, "1 masks, expected 3"),
    ],
)
def test_fields_that_do_not_fit(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(LockonError, match=f"sequence a: .*{message}"):
        make(**fields)


def numbered(folder: Path, index: int) -> Path:
    return folder / f"{index}.jpg"


def test_lazy_paths_are_a_sequence() -> None:
    paths = LazyPaths(partial(numbered, Path("x")), 3)
    assert list(paths) == [Path("x/0.jpg"), Path("x/1.jpg"), Path("x/2.jpg")]
    assert (paths[-1], paths[1:], len(paths)) == (Path("x/2.jpg"), [Path("x/1.jpg"), Path("x/2.jpg")], 3)
    assert Path("x/1.jpg") in paths
    for index in (3, -4):
        with pytest.raises(IndexError):
            paths[index]


def test_the_command_that_checks_a_dataset_can_be_typed_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "my videos" / "walk").mkdir(parents=True)
    for number in range(3):
        cv2.imwrite(str(tmp_path / "my videos" / "walk" / f"{number}.png"), np.zeros((20, 20, 3), np.uint8))
    (tmp_path / "my videos" / "walk" / "boxes.txt").write_text("1,1,9,9\n")
    with pytest.raises(LockonError) as caught:
        load_dataset(f"folder:{tmp_path}/my videos")
    command = str(caught.value).rpartition("run `")[2].rstrip("`")
    assert shlex.split(command) == ["lockon", "data", "check", f"folder:{tmp_path}/my videos"]
