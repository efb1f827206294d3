from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from lockon.data.mask_files import MaskWriter
from lockon.data.rle import decode_rle
from lockon.errors import LockonError, LockonWarning
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


def test_pictures_of_other_kinds_are_never_replaced_and_older_masks_are_said(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "000001.png"), np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(LockonError, match=r"holds pictures that are no masks, such as 000001\.png"):
        MaskWriter(tmp_path)
    (tmp_path / "000001.png").unlink()
    for number in (1, 2):
        cv2.imwrite(str(tmp_path / f"{number:06d}.png"), np.zeros((4, 6), np.uint8))
    writer = MaskWriter(tmp_path)
    writer.write(1, Result(np.array([1.0, 1, 2, 2]), 1.0, "tracked", np.ones((4, 6), bool)))
    with pytest.warns(LockonWarning, match=r"also holds 1 pictures of before, such as 000002\.png"):
        writer.close()
