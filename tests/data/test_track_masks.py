from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_layouts import make_davis, make_stills, mask_of, still
from tiny_train_sets import make_coco
from typer.testing import CliRunner

from lockon.cli.data import app
from lockon.data.samples.patch_jitter import PatchJitter
from lockon.data.samples.pysot import PysotDataConfig, pysot_pipeline
from lockon.data.track_masks import Segment
from lockon.data.track_sets import load_track_set
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError

STILL = PysotDataConfig(template=PatchJitter(size=127), search=PatchJitter(size=255), negative=0, masks=True)
SQUARE = [10, 20, 30, 20, 30, 50, 10, 50]


def extent(mask: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize(
    ("segmentation", "expected"),
    [
        ([SQUARE], [10, 20, 31, 51]),  # OpenCV draws the outline too
        ([SQUARE, [40, 20, 50, 20, 45, 40]], [10, 20, 51, 51]),
        ({"counts": [3, 2, 1, 3, 3], "size": [4, 3]}, [0, 0, 3, 4]),
    ],
)
def test_segments(segmentation: object, expected: list[int]) -> None:
    mask = Segment.parse(segmentation, 80, 100).draw()
    assert mask.dtype == np.bool_
    np.testing.assert_allclose(extent(mask), expected, atol=1)


def test_segments_are_those_of_the_coco_tools() -> None:
    tools = pytest.importorskip("pycocotools.mask", reason="the extra train is not installed")
    angles = np.linspace(0, 2 * np.pi, 30, endpoint=False)
    polygons = [(np.column_stack([60 + 40 * np.cos(angles), 50 + 25 * np.sin(angles)]) + shift).ravel().tolist() for shift in (0, 0.37)]
    for polygon in polygons:
        wanted = tools.decode(tools.merge(tools.frPyObjects([polygon], 100, 140))).astype(bool)
        found = Segment.parse([polygon], 100, 140).draw()
        assert (wanted & found).sum() / (wanted | found).sum() > 0.95
        coded = tools.encode(np.asfortranarray(wanted.astype(np.uint8)))
        text = {"counts": coded["counts"].decode(), "size": coded["size"]}
        np.testing.assert_array_equal(Segment.parse(text, 1, 1).draw(), wanted)


@pytest.mark.parametrize("segmentation", ["x", [[1, 2, 3]], {"counts": [3, 2], "size": [4, 3]}])
def test_bad_segments(segmentation: object) -> None:
    with pytest.raises(LockonError):
        Segment.parse(segmentation, 4, 3).draw()


def coco(root: Path) -> TrackSet:
    return load_track_set("COCO", make_coco(root), masks=True)


def test_coco(tmp_path: Path) -> None:
    tracks = coco(tmp_path)
    assert tracks.mask(0) is None  # no segmentation
    crowd, polygon = tracks.mask(1), tracks.mask(2)
    assert crowd is not None
    assert polygon is not None
    assert crowd.shape == polygon.shape == (100, 200)
    assert extent(crowd) == [100, 50, 120, 60]
    np.testing.assert_allclose(extent(polygon), tracks.boxes[2], atol=1)
    assert load_track_set("COCO", tmp_path).mask(2) is None  # nobody asked


def test_samples_have_the_mask_of_the_object(tmp_path: Path) -> None:
    pipeline = pysot_pipeline([coco(tmp_path)], STILL, 0)
    seen = set()
    for index in range(20):
        sample = pipeline.sample(index)
        assert sample["mask"].shape == (255, 255)
        assert sample["mask"].any() == sample["has_mask"]
        if sample["has_mask"]:
            np.testing.assert_allclose(extent(sample["mask"]), sample["box"], atol=3)  # of 3 crop pixels per image pixel
        seen.add(bool(sample["has_mask"]))
    assert seen == {False, True}
    assert "mask" not in pysot_pipeline([coco(tmp_path)], PysotDataConfig(), 0).sample(0)


def test_the_mask_follows_the_jitter(tmp_path: Path) -> None:
    jitter = PatchJitter(size=255, shift=64, scale=0.18, blur=1, flip=0.5, color=1)
    pipeline = pysot_pipeline([coco(tmp_path)], PysotDataConfig(search=jitter, negative=0, masks=True), 0)
    samples = [sample for sample in map(pipeline.sample, range(60)) if sample["has_mask"]]
    assert len(samples) > 20
    for sample in samples:
        np.testing.assert_allclose(extent(sample["mask"]), np.clip(sample["box"], 0, 255), atol=4)


def test_negative_pairs_have_no_mask(tmp_path: Path) -> None:
    pipeline = pysot_pipeline([coco(tmp_path)], PysotDataConfig(negative=1, masks=True), 0)
    assert not any(pipeline.sample(index)["has_mask"] for index in range(10))


def test_stills_and_videos(tmp_path: Path) -> None:
    runs = {"mask_rle": "41000", "mask_size": [2, 2]}  # not decoded here
    objects = [{"id": 1, "class": "fox", "box": [2, 2, 8, 8]}, {"id": 2, "class": "fox", "box": [3, 2, 8, 8], **runs}]
    make_stills(tmp_path / "train", "foxes", [still(0, objects)])
    tracks = load_track_set("stills", tmp_path / "train", masks=True)
    assert tracks.mask(0) is None
    with pytest.raises(LockonError, match="object 2"):
        tracks.mask(1)
    make_davis(tmp_path / "train_video" / "DAVIS2016", "dog", [mask_of(1, 2, 9, 8), mask_of(3, 2, 9, 8)])
    videos = load_track_set("videos", tmp_path / "train_video", masks=True)
    mask = videos.mask(1)
    assert mask is not None
    assert extent(mask) == [3, 2, 12, 10]


def test_masks_of_patches(tmp_path: Path) -> None:
    make_coco(tmp_path / "coco")
    result = CliRunner().invoke(app, ["crop511", f"COCO:{tmp_path / 'coco'}", str(tmp_path / "out"), "--masks"])
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").rglob("*.m.png"))) == 2
    raw, cut = load_track_set("COCO", tmp_path / "coco", masks=True), load_track_set("COCO", tmp_path / "out", masks=True)
    for index in range(10):
        one, other = (pysot_pipeline([tracks], STILL, 0).sample(index) for tracks in (raw, cut))
        assert one["has_mask"] == other["has_mask"]
        assert (one["mask"] != other["mask"]).mean() < 0.01
    cv2.imwrite(str(next((tmp_path / "out").rglob("*25/*.m.png"))), np.zeros((5, 5), np.uint8))
    with pytest.raises(LockonError, match=r"mask of \(5, 5\) for an image of \(511, 511\)"):
        [pysot_pipeline([cut], STILL, 0).sample(index) for index in range(10)]
