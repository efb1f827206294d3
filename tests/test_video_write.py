from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lockon.errors import LockonError
from lockon.types import Frame
from lockon.video import open_frames
from lockon.video_write import ContactSheet, VideoWriter


def shade(value: int, size: tuple[int, int] = (64, 48)) -> Frame:
    return np.full((size[1], size[0], 3), value, np.uint8)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v", ".mkv", ".avi"])
def test_what_is_written_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    with VideoWriter(path, 30.0) as writer:
        for value in range(0, 250, 25):
            writer.write(shade(value))
        assert not path.exists()
    assert list(tmp_path.iterdir()) == [path]
    with open_frames(path) as reader:
        assert reader.fps == pytest.approx(30.0)
        values = [float(image.mean()) for _, image in reader]
    assert values == pytest.approx(list(range(0, 250, 25)), abs=4)


def test_colours_are_rgb(tmp_path: Path) -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[..., 0] = 200
    with VideoWriter(tmp_path / "out.avi") as writer:
        writer.write(frame)
    with open_frames(tmp_path / "out.avi") as reader:
        assert reader.first.image.mean(axis=(0, 1)) == pytest.approx([200, 0, 0], abs=6)


@pytest.mark.parametrize("fps", [None, 23.976, 29.97002997, 59.94, 240.0, 0.5])
def test_odd_sizes_and_rates(tmp_path: Path, fps: float | None) -> None:
    with VideoWriter(tmp_path / "out.mp4", fps) as writer:
        writer.write(shade(100, (33, 21)))
        writer.write(shade(100, (33, 21)))
    with open_frames(tmp_path / "out.mp4") as reader:
        assert reader.size == (34, 22)
        assert reader.fps == pytest.approx(fps or 25.0, rel=1e-3)
        assert len(list(reader)) == 2


def test_numbers_that_were_left_out_repeat_the_frame_before(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4") as writer:
        for number, value in ((100, 50), (101, 100), (104, 200)):
            writer.write(shade(value), number)
    with open_frames(tmp_path / "out.mp4") as reader:
        assert [float(image.mean()) for _, image in reader] == pytest.approx([50, 100, 100, 100, 200], abs=4)


def test_an_error_midway_keeps_what_was_written(tmp_path: Path) -> None:
    def work() -> None:
        with VideoWriter(tmp_path / "out.mp4") as writer:
            writer.write(shade(10))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    with open_frames(tmp_path / "out.mp4") as reader:
        assert len(list(reader)) == 1


def test_no_frames_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_bad_destinations_fail_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LockonError, match=r"suffix '\.gif' is unknown"):
        VideoWriter(tmp_path / "out.gif")
    with pytest.raises(LockonError, match="cannot write"):
        VideoWriter(tmp_path / "file" / "out.mp4")


@pytest.mark.parametrize("count", [1, 5, 6, 24, 25, 100, 1000])
def test_contact_sheet_spans_the_video(tmp_path: Path, count: int) -> None:
    sheet = ContactSheet(n=6, columns=3, width=8)
    for number in range(count):
        sheet.add(shade(round(255 * number / max(count - 1, 1)), (16, 12)))
    image = sheet.image()
    pictures = min(count, 6)
    assert image.shape == (6 * -(-pictures // 3), 8 * min(pictures, 3), 3)
    values = [int(image[6 * (place // 3), 8 * (place % 3), 0]) for place in range(pictures)]
    assert values[0] == 0
    assert values == pytest.approx(np.linspace(0, 255, pictures).tolist() if pictures > 1 else [0], abs=35)


def test_contact_sheet_as_png(tmp_path: Path) -> None:
    sheet = ContactSheet(n=2, columns=2, width=64)
    sheet.add(np.full((48, 64, 3), (200, 10, 20), np.uint8))
    sheet.save(tmp_path / "sheet.png")
    assert cv2.imread(str(tmp_path / "sheet.png"))[0, 0].tolist() == [20, 10, 200]
    with pytest.raises(LockonError, match="no frames"):
        ContactSheet().save(tmp_path / "none.png")
