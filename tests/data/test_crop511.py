import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_layouts import make_otb
from tiny_train_sets import make_coco, make_vid, make_ytbb
from typer.testing import CliRunner

from lockon.cli.data import app
from lockon.data.crop511 import write_crops
from lockon.data.samples.patches import cut_patch
from lockon.data.samples.pysot import PysotDataConfig, pysot_pipeline
from lockon.data.track_sets import load_track_set
from lockon.data.tracks import Track, TrackSet
from lockon.errors import LockonError
from tiny_tracks import plain_set

RUN = CliRunner()
VIDEO = "ILSVRC2015_VID_train_0000/ILSVRC2015_train_00139005"


@pytest.mark.parametrize(("name", "make"), [("COCO", make_coco), ("VID", make_vid), ("YTBB", make_ytbb)])
def test_patches_serve_as_the_raw_dataset_does(tmp_path: Path, name: str, make) -> None:
    raw = load_track_set(name, make(tmp_path / "raw"))
    seen = []
    report = write_crops(raw, tmp_path / "out", workers=2, progress=lambda *state: seen.append(state))
    assert (report.videos, report.patches, report.broken) == (len(raw), len(raw.boxes), ())
    assert [state[:2] for state in seen] == [(count, len(raw)) for count in range(1, len(raw) + 1)]
    cut = load_track_set(name, tmp_path / "out")
    assert cut.cropped
    assert (cut.videos, cut.tracks) == (raw.videos, raw.tracks)
    for row in range(len(raw.boxes)):
        one, other = raw.view(row), cut.view(row)
        np.testing.assert_allclose(one.box, other.box, atol=1e-3)  # pixels, also of YouTube-BB
        difference = cut_patch(one.image, one.box).astype(int) - other.image
        assert np.abs(difference).mean() < 3  # JPEG
    config = PysotDataConfig()
    for index in range(6):
        one, other = (pysot_pipeline([tracks], config, seed=1).sample(index) for tracks in (raw, cut))
        np.testing.assert_allclose(one["box"], other["box"], atol=1e-3)
        assert one["ids"] == other["ids"]


def test_files_are_named_as_in_pysot(tmp_path: Path) -> None:
    write_crops(load_track_set("VID", make_vid(tmp_path / "raw")), tmp_path / "out")
    found = sorted(path.name for path in (tmp_path / "out" / "crop511" / VIDEO).glob("*.jpg"))
    assert found == [
        f"{frame:06d}.{track}.x.jpg" for frame, track in [(0, "00"), (1, "00"), (1, "02"), (2, "00"), (2, "02"), (6, "00"), (7, "00")]
    ]
    content = json.loads((tmp_path / "out" / "train.json").read_text())
    assert content[VIDEO]["02"] == {"000001": [1, 20, 21, 35], "000002": [2, 20, 22, 35]}


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    raw = load_track_set("COCO", make_coco(tmp_path / "raw"))

    def stop(done: int, total: int, video: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_crops(raw, tmp_path / "out", progress=stop)
    assert not (tmp_path / "out" / "train.json").exists()
    done = next((tmp_path / "out").rglob("boxes.json")).parent
    for patch in done.glob("*.jpg"):
        patch.write_bytes(b"kept")
    report = write_crops(raw, tmp_path / "out")
    assert (report.videos, report.patches) == (2, 3)
    assert all(patch.read_bytes() == b"kept" for patch in done.glob("*.jpg"))


def test_broken_images_are_named_and_tried_again(tmp_path: Path) -> None:
    root = make_vid(tmp_path / "raw")
    image = root / "Data" / "VID" / "train" / VIDEO / "000001.JPEG"
    content = image.read_bytes()
    image.write_bytes(b"no image")
    raw = load_track_set("VID", root)
    report = write_crops(raw, tmp_path / "out")
    assert len(report.broken) == 1
    assert "000001.JPEG is not a readable image" in report.broken[0]
    assert report.patches == 5
    assert "000001" not in json.loads(report.annotation.read_text())[VIDEO]["00"]
    image.write_bytes(content)
    report = write_crops(raw, tmp_path / "out")
    assert (report.patches, report.broken) == (7, ())


def test_what_is_refused(tmp_path: Path) -> None:
    raw = load_track_set("COCO", make_coco(tmp_path / "raw"))
    with pytest.raises(LockonError, match="is not empty"):
        write_crops(raw, tmp_path / "raw")
    write_crops(raw, tmp_path / "out")
    with pytest.raises(LockonError, match="holds patches of COCO; give a folder for made alone"):
        write_crops(plain_set("made", [[1]]), tmp_path / "out")
    with pytest.raises(LockonError, match="511-pixel patches already"):
        write_crops(load_track_set("COCO", tmp_path / "out"), tmp_path / "again")
    for path in (tmp_path / "raw" / "train2017").iterdir():
        path.unlink()
    with pytest.raises(LockonError, match=r"no image of COCO could be read: .*does not exist"):
        write_crops(raw, tmp_path / "other")


def test_command(tmp_path: Path) -> None:
    make_coco(tmp_path / "coco")
    result = RUN.invoke(app, ["crop511", f"COCO:{tmp_path / 'coco'}", str(tmp_path / "out"), "--workers", "1"])
    assert result.exit_code == 0, result.output
    assert f"{tmp_path / 'out' / 'train.json'}: 2 videos, 3 patches" in result.output
    assert "note     COCO: 1 boxes without width or height left out" in result.output
    patch = cv2.imread(str(tmp_path / "out" / "crop511" / "train2017" / "000000000025" / "000000.00.x.jpg"))
    assert patch.shape == (511, 511, 3)
    next((tmp_path / "coco" / "train2017").glob("*25.jpg")).unlink()
    result = RUN.invoke(app, ["crop511", f"COCO:{tmp_path / 'coco'}", str(tmp_path / "two")])
    assert result.exit_code == 1
    assert "000000000025.jpg does not exist" in result.output
    make_otb(tmp_path, "Car1")
    result = RUN.invoke(app, ["crop511", f"OTB100:{tmp_path}", str(tmp_path / "three")])
    assert isinstance(result.exception, LockonError)


@pytest.mark.parametrize("video", ["../../outside", "/outside", "a/../../../outside", "C:outside"])
def test_nothing_is_written_outside_by_the_name_of_a_video(tmp_path: Path, video: str) -> None:
    track = Track(video, "00", [0], [[1, 1, 9, 9]])
    tracks = TrackSet.build("set", [track], lambda *_: np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(LockonError, match="leads out of"):
        write_crops(tracks, tmp_path / "in" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["out"]
