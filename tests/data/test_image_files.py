"""Image files are decoded whatever their names are, and what is none is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_layouts import write_image

from lockon.data.datasets.mask_images import read_mask
from lockon.data.image_files import broken_file, decode_image
from lockon.data.sequence import read_image
from lockon.errors import LockonError


def undecodable(folder: Path) -> Path:
    """A folder whose name is not UTF-8; skips where the file system takes none."""
    path = folder / os.fsdecode(b"caf\xe9")
    try:
        path.mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 names alone")
    return path


@pytest.mark.parametrize("name", [b"a.png", b"caf\xe9.png", "名.png".encode(), b"\xff\xfe.png", b"a\x1b\n.png"])
def test_any_name_is_read(tmp_path: Path, name: bytes) -> None:
    undecodable(tmp_path)
    write_image(tmp_path / "plain.png", 70)
    path = tmp_path / os.fsdecode(name)
    path.write_bytes((tmp_path / "plain.png").read_bytes())
    np.testing.assert_array_equal(read_image(path), read_image(tmp_path / "plain.png"))


def test_what_is_no_image_is_none(tmp_path: Path) -> None:
    png = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
    huge = png[:16] + (2**31 - 1).to_bytes(4, "big") * 2 + png[24:]
    for content in (b"", b"text", png[:20], huge):
        (tmp_path / "a.png").write_bytes(content)
        assert decode_image(tmp_path / "a.png", cv2.IMREAD_COLOR) is None
    assert decode_image(tmp_path / "missing.png", cv2.IMREAD_COLOR) is None
    assert decode_image(tmp_path, cv2.IMREAD_COLOR) is None
    with pytest.raises(LockonError, match="does not exist"):
        read_image(tmp_path / "missing.png")


@pytest.mark.parametrize("name", ["a.tif", "a.tiff", "a.png"])
def test_several_pictures_are_one_error_wherever_a_file_is_read_and_found_without_decoding(tmp_path: Path, name: str) -> None:
    page = np.full((12, 16, 3), 50, np.uint8)
    path = tmp_path / name
    for count in (1, 2):
        assert cv2.imwritemulti(str(tmp_path / "a.tif"), [page] * count)
        (tmp_path / "a.tif").rename(path)
        if count == 1:
            assert broken_file(path) is None
            assert read_mask(path).all()
            continue
        assert broken_file(path) == "holds 2 pictures (TIFF pages); write each to a file of its own, one per frame"
        for read in (read_image, read_mask, lambda path: decode_image(path, cv2.IMREAD_GRAYSCALE)):
            with pytest.raises(LockonError, match=r"a\.\w+ holds 2 pictures \(TIFF pages\); write each to a file of its own"):
                read(path)


def test_folders_that_are_not_utf8_are_tracked_and_scored(tmp_path: Path) -> None:
    """In processes of their own: OpenCV's own readers crash on such names."""
    folder = undecodable(tmp_path)
    images = folder / "data" / os.fsdecode(b"s\xe9q") / "img"
    images.mkdir(parents=True)
    write_image(tmp_path / "plain.jpg")
    for number in range(1, 5):
        (images / f"{number:04d}.jpg").write_bytes((tmp_path / "plain.jpg").read_bytes())
    (images.parent / "groundtruth_rect.txt").write_text("5,5,12,12\n" * 4)

    def lockon(*args: object) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-m", "lockon", *map(str, args)], check=False, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    boxes = ("--save", folder / "o.csv", "--save", folder / "o.json", "--save", folder / "o.xml")
    assert lockon("track", images, "--box", "4,4,12,12", "--tracker", "kcf", *boxes)[0] == 0
    assert {path.name for path in folder.iterdir()} == {"data", "o.csv", "o.json", "o.xml"}
    run = lockon("bench", "run", "--trackers", "kcf", "--data", f"OTB100:{folder / 'data'}", "--out", folder / "runs", "--workers", 0)
    assert run[0] == 0, run[1]
    status, text = lockon("bench", "report", folder / "runs", "--per-sequence")
    assert (status, r"s\xe9q" in text) == (0, True)
    status, text = lockon("track", images, "--box", "4,4,12,12", "--tracker", "kcf", "--out", folder / "o.mp4")
    assert (status, r"caf\xe9/o.mp4 is not UTF-8" in text) == (2, True)
