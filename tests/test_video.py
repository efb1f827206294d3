from __future__ import annotations

import gc
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from lockon import _background
from lockon.errors import LockonError, LockonWarning
from lockon.ops.pixels import FrameConversion
from lockon.types import Frame
from lockon.video import open_frames

SIZE = (64, 48)


def shade(number: int) -> Frame:
    """A frame whose brightness tells its number, coded robustly against compression."""
    return np.full((SIZE[1], SIZE[0], 3), 10 + 5 * number, np.uint8)


def shown(frame: Frame) -> int:
    return round((float(frame.mean()) - 10) / 5)


def write_clip(path: Path, n: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, SIZE)
    for number in range(n):
        writer.write(shade(number))
    writer.release()
    return path


def frame_threads() -> list[threading.Thread]:
    """Threads that read frames; those that wait for further work are left out."""
    return [thread for thread in threading.enumerate() if thread.name == "lockon-background" and thread not in _background._waiting]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.avi", 40)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    for number in range(12):
        cv2.imwrite(str(images / f"{number}.png"), shade(number))
    return images


def damage(clip: Path, numbers: set[int]) -> None:
    """Overwrite the JPEG data of some frames of a Motion JPEG file."""
    content = bytearray(clip.read_bytes())
    start = content.index(b"movi")
    for number in range(max(numbers) + 1):
        start = content.index(b"00dc", start)
        size = int.from_bytes(content[start + 4 : start + 8], "little")
        if number in numbers:
            content[start + 8 : start + 8 + size] = bytes(size)
        start += 8 + size
    clip.write_bytes(content)


def test_video_file(clip: Path) -> None:
    with open_frames(clip) as reader:
        assert (reader.size, reader.fps, reader.count) == (SIZE, 25.0, 40)
        numbers = [(number, shown(image)) for number, image in reader]
    assert numbers == [(number, number) for number in range(40)]
    assert reader.report.skipped == 0
    assert not frame_threads()


def test_damaged_frames_are_skipped_and_numbers_stay_true(clip: Path) -> None:
    damage(clip, {17, 30, 31})
    with pytest.warns(LockonWarning) as caught, open_frames(str(clip)) as reader:
        numbers = [(number, shown(image)) for number, image in reader]
    kept = [number for number in range(40) if number not in {17, 30, 31}]
    assert numbers == [(number, number) for number in kept]
    assert reader.report.indices == [17, 30, 31]
    assert reader.report.skipped == 3
    texts = [str(warning.message) for warning in caught]
    assert "frame 17 skipped" in texts[0]
    assert "frames 30 to 31 skipped" in texts[1]


def test_a_truncated_file_gives_what_it_has(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", 40)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    with pytest.warns(LockonWarning), open_frames(clip) as reader:
        numbers = [number for number, _ in reader]
    assert numbers == list(range(len(numbers)))
    assert 5 < len(numbers) < 35


@pytest.mark.parametrize("kind", ["clip", "folder", "arrays"])
def test_start_keeps_the_numbers(kind: str, clip: Path, folder: Path) -> None:
    source = {"clip": clip, "folder": folder, "arrays": [shade(number) for number in range(12)]}[kind]
    with open_frames(source, start=9) as reader:
        assert reader.first.number == 9
        first_three = [(number, shown(image)) for number, image in (next(reader), next(reader), next(reader))]
    assert first_three == [(9, 9), (10, 10), (11, 11)]


def test_folder_in_natural_order(folder: Path) -> None:
    with open_frames(folder) as reader:
        assert (reader.size, reader.fps, reader.count) == (SIZE, None, 12)
        assert [(number, shown(image)) for number, image in reader] == [(number, number) for number in range(12)]


def test_a_broken_image_is_skipped(folder: Path) -> None:
    (folder / "5.png").write_bytes(b"no image")
    with pytest.warns(LockonWarning, match=r"frame 5 skipped: 5\.png"), open_frames(folder) as reader:
        assert [number for number, _ in reader] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert reader.report.indices == [5]


def test_a_broken_first_image_moves_the_start(folder: Path) -> None:
    (folder / "0.png").write_bytes(b"no image")
    with pytest.warns(LockonWarning, match="frame 0 skipped"), open_frames(folder) as reader:
        assert reader.first.number == 1


def test_mixed_sizes_stop_with_the_frame_named(folder: Path) -> None:
    cv2.imwrite(str(folder / "3.png"), np.zeros((20, 30, 3), np.uint8))
    with open_frames(folder) as reader:
        assert [next(reader).number for _ in range(3)] == [0, 1, 2]
        with pytest.raises(LockonError, match=r"frame 3 is 30x20 pixels but the first frame is 64x48; resize"):
            next(reader)
        assert list(reader) == []


def test_arrays_of_any_kind() -> None:
    frames = [shade(0)[..., 0], np.dstack([shade(1), shade(1)[..., :1]]), shade(2).astype(np.uint16) << 8, shade(3) / 255.0]
    with open_frames(frames) as reader:
        assert (reader.fps, reader.count) == (None, 4)
        assert [shown(image) for _, image in reader] == [0, 1, 2, 3]


def test_generators_are_not_read_ahead() -> None:
    taken = []

    def frames() -> Iterator[Frame]:
        for number in range(10):
            taken.append(number)
            yield shade(number)

    with open_frames(frames()) as reader:
        assert reader.count is None
        next(reader)
        next(reader)
        assert taken == [0, 1]
    assert list(reader) == []


def test_errors_of_the_callers_generator_come_through() -> None:
    def frames() -> Iterator[Frame]:
        yield shade(0)
        raise RuntimeError("camera on fire")

    with open_frames(frames()) as reader, pytest.raises(RuntimeError, match="on fire"):
        list(reader)


def test_decoding_stays_a_few_frames_ahead(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lockon import video_sources

    read = []
    original = video_sources.read_pixels
    monkeypatch.setattr(video_sources, "read_pixels", lambda path, conversion: (read.append(path), original(path, conversion))[1])
    with open_frames(folder) as reader:
        deadline = time.monotonic() + 5
        while len(read) < 6 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert len(read) == 6  # the first frame, four that wait, one in hand
        assert next(reader).number == 0
    assert not frame_threads()


def test_leaving_early_stops_the_thread(clip: Path) -> None:
    for _ in range(5):
        with open_frames(clip) as reader:
            next(reader)
    assert not frame_threads()
    reader.close()  # twice is fine


def test_videos_that_are_read_one_after_another_share_a_thread(clip: Path) -> None:
    before = {thread for thread in threading.enumerate() if thread.name == "lockon-background"}
    used = set()
    for index in range(20):
        with open_frames(clip) as reader:
            used |= set(frame_threads())
            assert len(list(reader) if index % 2 else [next(reader)]) == (40 if index % 2 else 1)
    assert len(used | before) <= max(len(before), 1)


def test_a_forgotten_reader_stops_its_thread(clip: Path) -> None:
    reader = open_frames(clip)
    next(reader)
    del reader
    gc.collect()
    assert not frame_threads()


def test_errors_in_the_thread_reach_the_consumer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lockon import video_sources

    original = video_sources.read_pixels

    def fail(path: Path, conversion: FrameConversion) -> Frame | None:
        if path.name == "4.png":
            raise MemoryError("too much")
        return original(path, conversion)

    monkeypatch.setattr(video_sources, "read_pixels", fail)
    with open_frames(folder) as reader, pytest.raises(MemoryError, match="too much"):
        list(reader)


def test_live_sources_drop_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    from lockon import video
    from lockon.video_sources import NumberedFrame, OpenedSource

    done = threading.Event()

    def camera() -> Iterator[NumberedFrame]:
        for number in range(20):
            yield NumberedFrame(number, shade(number))
        done.set()

    monkeypatch.setattr(video, "open_source", lambda source, start, range, color: OpenedSource("camera", camera(), live=True))  # type: ignore[arg-type]
    with open_frames(0) as reader:
        assert done.wait(5)
        numbers = [number for number, _ in reader]
    # the first frame is taken when the source is opened, wherever the camera is by then; after it the newest are kept
    first, *rest = numbers
    assert rest == [number for number in range(16, 20) if number > first]
    assert reader.report.dropped == 20 - len(numbers)


BAD = {
    "missing": ("nowhere.mp4", "does not exist; give a video file"),
    "empty path": ("", "empty path"),
    "no video": ("text.mp4", "is not a video"),
    "empty file": ("zero.mp4", "is empty"),
    "empty folder": ("void", "holds no images"),
    "one image": ("one.png", "is a single image"),
    "only broken images": ("broken", "no frame could be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_sources(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.mp4").write_text("hello")
    Path("zero.mp4").touch()
    Path("void").mkdir()
    Path("broken").mkdir()
    Path("broken/1.jpg").write_bytes(b"no image")
    cv2.imwrite("one.png", shade(0))
    source, expected = BAD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LockonWarning)
        with pytest.raises(LockonError, match=expected) as caught:
            open_frames(source)
    assert "\n" not in str(caught.value)


def test_bad_arrays() -> None:
    with pytest.raises(LockonError, match="looks like a single frame"):
        open_frames(shade(0))
    with pytest.raises(LockonError, match="no frame could be read"):
        open_frames([])
    with pytest.raises(LockonError, match=r"frame 1: a frame of shape \(3,\)"):
        list(open_frames([shade(0), np.zeros(3)]))
    with pytest.raises(LockonError, match="cannot read frames from a float"):
        open_frames(3.5)  # type: ignore[arg-type]


def test_a_start_beyond_the_end(clip: Path) -> None:
    with pytest.raises(LockonError, match="no frame from number 40 on"):
        open_frames(clip, start=40)
    with pytest.raises(LockonError, match="negative"):
        open_frames(clip, start=-1)


def test_no_camera() -> None:
    with pytest.raises(LockonError, match="webcam 77 cannot be opened; check that a camera is connected"):
        open_frames("77")


def test_no_server() -> None:
    with pytest.raises(LockonError, match="cannot be opened; check the address"):
        open_frames("http://127.0.0.1:9/stream.mp4")


def thermal(low: float, high: float, *, grey: bool = False) -> Frame:
    """A ramp from left to right."""
    ramp = np.linspace(low, high, SIZE[0]).round().astype(np.uint8)
    return np.broadcast_to(ramp[:, None], (SIZE[1], SIZE[0], 3)).copy() if not grey else np.tile(ramp, (SIZE[1], 1))


@pytest.mark.parametrize(
    ("low", "high", "example"), [(100, 120, "95:125"), (0, 20, "0:25"), (235, 255, "230:255"), (100, 130, "92:138"), (50, 55, "48:57")]
)
@pytest.mark.parametrize("kind", ["video", "folder", "arrays", "grey arrays"])
def test_little_contrast_is_told_once_with_a_range_that_stretches_it(tmp_path: Path, kind: str, low: int, high: int, example: str) -> None:
    frames = [thermal(low, high, grey=kind == "grey arrays")] * 3
    if kind == "folder":
        for number, frame in enumerate(frames):
            cv2.imwrite(str(tmp_path / f"{number}.png"), frame)
    elif kind == "video":
        writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"FFV1"), 25.0, SIZE)
        for frame in frames:
            writer.write(frame)
        writer.release()
    source = {"folder": tmp_path, "video": tmp_path / "a.avi"}.get(kind, frames)
    with pytest.warns(LockonWarning, match=f"the first frame has little contrast, values from .* with --range {example}") as caught:
        list(open_frames(source))
    assert len(caught) == 1
    stretched = next(open_frames(source, range=[int(number) for number in example.split(":")])).image
    assert int(stretched.max()) - int(stretched.min()) > 100


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("low", "high"), [(0, 255), (100, 140), (7, 7), (0, 2), (200, 255)])
def test_usual_and_empty_pictures_are_read_in_silence(low: int, high: int) -> None:
    assert len(list(open_frames([thermal(low, high)] * 2))) == 2


def test_the_first_frame_is_the_one_on_which_tracking_begins() -> None:
    frames = [thermal(100, 120), thermal(0, 255), thermal(100, 120)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_frames(frames, 1)
    with pytest.warns(LockonWarning, match="little contrast"):
        open_frames(frames, 2)
