"""YouTube-VOS and saliency sets: boxes that only masks tell."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_train_sets import PALETTE, make_saliency, make_youtube_vos, palette_png

from lockon.data.datasets import mask_boxes, youtube_vos
from lockon.data.datasets.mask_boxes import remembered_boxes
from lockon.data.datasets.mask_images import mask_targets, png_palette, read_mask
from lockon.data.track_sets import load_track_set
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError


def content(tracks: TrackSet) -> dict[str, list[float]]:
    places = [tracks.place(row) for row in range(len(tracks.boxes))]
    return {f"{video}/{frame:06d}.{track}": box for (video, track, frame), box in zip(places, tracks.boxes.tolist(), strict=True)}


@pytest.mark.parametrize("palette", [True, False])
@pytest.mark.parametrize("inside", ["", "train"])
def test_youtube_vos(tmp_path: Path, palette: bool, inside: str) -> None:
    tracks = load_track_set("YouTube-VOS", make_youtube_vos(tmp_path, palette=palette) / inside, masks=True)
    assert content(tracks) == {
        "aa/000000.01": [10, 20, 50, 60],
        "aa/000005.01": [15, 20, 55, 60],
        "aa/000010.01": [20, 20, 60, 60],
        "aa/000000.02": [100, 30, 160, 50],
        "bb/000000.01": [10, 20, 50, 60],
    }
    assert tracks.notes == ("YouTubeVOS: 1 boxes without width or height left out",)  # object 2 is hidden in frame 5
    for row in range(len(tracks.boxes)):
        mask, (x1, y1, x2, y2) = tracks.mask(row), tracks.boxes[row].astype(int)
        assert mask is not None
        assert mask.shape == tracks.view(row).image.shape[:2]
        assert mask.sum() == mask[y1:y2, x1:x2].sum() == (x2 - x1) * (y2 - y1)
    assert load_track_set("YouTubeVOS", tmp_path).masks is None


def test_youtube_vos_of_another_part(tmp_path: Path) -> None:
    make_youtube_vos(tmp_path)
    file = tmp_path / "train" / "meta.json"
    file.write_text(json.dumps({"videos": {"aa": {"objects": {"1": {"frames": ["00000"]}}}}}))
    with pytest.raises(LockonError, match="not of the training part: object 1 of aa has no category"):
        load_track_set("YouTubeVOS", tmp_path)
    for text in ("{", "[]", '{"videos": {"aa": {}}}'):
        file.write_text(text)
        with pytest.raises(LockonError, match=r"is no meta\.json of YouTube-VOS"):
            youtube_vos.read(tmp_path / "train")


def test_saliency(tmp_path: Path) -> None:
    make_saliency(tmp_path / "saliency")
    tracks = load_track_set("saliency", tmp_path, masks=True)
    box = [30, 20, 90, 60]
    assert content(tracks) == {f"{name}/000000.00": box for name in ("DUTS/a", "DUTS/b", "MSRA10K/a")}
    assert tracks.notes == ("saliency: 1 boxes without width or height left out",)  # a mask without a pixel
    mask = tracks.mask(0)
    assert mask is not None
    assert mask.sum() == 60 * 40
    one = load_track_set("saliency", tmp_path / "saliency" / "DUTS")
    assert one.videos == ("a", "b")
    assert one.masks is None


def test_saliency_without_masks(tmp_path: Path) -> None:
    (tmp_path / "gt").mkdir()
    (tmp_path / "images").mkdir()
    with pytest.raises(LockonError, match="no image with a mask of the same name"):
        load_track_set("saliency", tmp_path)


class TestRememberedBoxes:
    def test_read_once(self, tmp_path: Path) -> None:
        calls: list[str] = []

        def read(key: str) -> np.ndarray:
            calls.append(key)
            return np.full(4, float(len(key)))

        for _ in range(2):
            assert remembered_boxes(tmp_path, ["a", "bb"], read).tolist() == [[1] * 4, [2] * 4]
        assert sorted(calls) == ["a", "bb"]
        assert remembered_boxes(tmp_path, ["a", "ccc"], read).tolist() == [[1] * 4, [3] * 4]  # other keys
        assert len(calls) == 4
        (tmp_path / mask_boxes.FILE).write_bytes(b"broken")
        assert len(remembered_boxes(tmp_path, ["a"], read)) == 1
        assert len(calls) == 5

    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        found = remembered_boxes(tmp_path / "file", ["a"], lambda key: np.zeros(4))
        assert found.tolist() == [[0] * 4]
        (tmp_path / "taken").write_text("")
        assert remembered_boxes(tmp_path / "taken", ["a"], lambda key: np.ones(4)).tolist() == [[1] * 4]

    def test_nothing(self, tmp_path: Path) -> None:
        assert remembered_boxes(tmp_path, [], lambda key: np.zeros(4)).shape == (0, 4)


def test_masks_by_the_files_own_palette(tmp_path: Path) -> None:
    numbers = np.array([[0, 1], [2, 2]], np.uint8)
    own, voc, plain = (tmp_path / name for name in ("own.png", "voc.png", "plain.png"))
    own.write_bytes(palette_png(numbers, PALETTE))
    cv2.imwrite(str(voc), np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0)], np.uint8)[numbers][..., ::-1])
    cv2.imwrite(str(plain), numbers)
    palette = png_palette(own)
    assert palette is not None
    assert [tuple(colour) for colour in palette.tolist()] == list(PALETTE)
    assert png_palette(voc) is png_palette(plain) is None
    for path in (own, voc, plain):
        assert mask_targets(path) == [1, 2]
        assert read_mask(path, 2).tolist() == [[False, False], [True, True]]
        assert not read_mask(path, 9).any()
        assert read_mask(path).tolist() == [[False, True], [True, True]]
