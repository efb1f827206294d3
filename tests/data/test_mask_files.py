from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from lockon.data.mask_files import MaskWriter
from lockon.data.rle import decode_rle
from lockon.errors import LockonError
from lockon.types import Result


def result(*masks) -> Result:
    if len(masks) == 1:
        return Result(np.ones(4), 1.0, "tracked", masks[0])
    return Result(np.ones((len(masks), 4)), np.ones(len(masks)), ("tracked",) * len(masks), np.stack(masks))


def disc(x: int, y: int) -> np.ndarray:
    rows, columns = np.mgrid[:30, :40]
    return (columns - x) ** 2 + (rows - y) ** 2 < 50


def test_pictures_of_one_target(tmp_path: Path) -> None:
    with MaskWriter(tmp_path / "masks") as writer:
        writer.write(0, Result(np.ones(4), 1.0, "tracked"))
        writer.write(7, result(disc(10, 10)))
        writer.write(123, result(disc(20, 12)))
    assert sorted(path.name for path in (tmp_path / "masks").iterdir()) == ["000007.png", "000123.png"]
    picture = cv2.imread(str(tmp_path / "masks" / "000123.png"), cv2.IMREAD_UNCHANGED)
    assert (picture.dtype, picture.shape) == (np.uint8, (30, 40))
    np.testing.assert_array_equal(picture, 255 * disc(20, 12))


def test_pictures_of_several_targets(tmp_path: Path) -> None:
    """Where they overlap the later one is on top."""
    with MaskWriter(tmp_path) as writer:
        writer.write(1, result(disc(10, 10), disc(15, 10), disc(30, 20)))
    picture = cv2.imread(str(tmp_path / "000001.png"), cv2.IMREAD_UNCHANGED)
    assert sorted(set(picture.ravel().tolist())) == [0, 1, 2, 3]
    np.testing.assert_array_equal(picture == 2, disc(15, 10))
    np.testing.assert_array_equal(picture == 1, disc(10, 10) & ~disc(15, 10))


def test_lines(tmp_path: Path) -> None:
    path = tmp_path / "masks.jsonl"
    with MaskWriter(path) as writer:
        writer.write(1, result(disc(10, 10)))
        assert not path.exists(), "it appears when it is complete"
        writer.write(2, result(disc(10, 10), np.zeros((30, 40), dtype=bool)))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["frame"], line["target"], line["size"]) for line in lines] == [(1, 0, [30, 40]), (2, 0, [30, 40]), (2, 1, [30, 40])]
    np.testing.assert_array_equal(decode_rle(lines[0]["counts"], 30, 40), disc(10, 10))
    assert not decode_rle(lines[2]["counts"], 30, 40).any()


def test_nothing_to_write(tmp_path: Path) -> None:
    with MaskWriter(tmp_path / "masks.ndjson") as writer:
        writer.write(0, Result(np.ones(4), 1.0, "tracked"))
    assert list(tmp_path.iterdir()) == []
    writer.close()


def test_other_suffixes_and_unwritable_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LockonError, match=r"a folder of PNG pictures or to a file that ends in .jsonl or .ndjson"):
        MaskWriter(tmp_path / "masks.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(LockonError, match="cannot write"):
        MaskWriter(tmp_path / "file")
