"""The number of every picture of videos that decoders do not give whole or in step; `videos/make.py` wrote them."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from lockon.data.video_frames import VideoFrames
from lockon.errors import LockonError, LockonWarning
from lockon.types import Frame
from lockon.video import open_frames
from lockon.video_containers import Container
from lockon.video_decoder import VideoDecoder, count_pictures
from lockon.video_numbers import FrameNumbers

VIDEOS = Path(__file__).parent / "videos"
WHOLE = [*range(60)]
NUMBERS = {
    "key_lost_mp4.mp4": [*range(10, 60)],
    "key_lost_mkv.mkv": [*range(10, 60)],
    "key_lost_bf_mp4.mp4": [*range(10, 60)],
    "vfr_bf_mkv.mkv": WHOLE,
    "late_mkv.mkv": WHOLE,
    "h264_bf_avi.avi": WHOLE,
    "h264_10_mp4.mp4": WHOLE,
    "x.wmv": WHOLE,
    "x.webp": WHOLE,
}


def told(image: Frame) -> int:
    """The number that a picture shows."""
    return sum((image[-10:-5, bit * 24 + 8 : bit * 24 + 16].mean() > 125) << bit for bit in range(8))


@pytest.mark.parametrize("name", NUMBERS)
def test_pictures_have_the_numbers_that_they_show(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LockonWarning)
        with open_frames(VIDEOS / name) as reader:
            numbers = {number: told(image) for number, image in reader}
    assert list(numbers) == list(numbers.values()) == NUMBERS[name]
    assert [str(warning.message).partition(": ")[2] for warning in caught] == (
        ["frames 0 to 9 skipped: the video is damaged there"] if len(numbers) < 60 else []
    )
    assert count_pictures(VIDEOS / name) == 60


@pytest.mark.parametrize("name", NUMBERS)
def test_datasets_and_tracking_read_the_same_frames(name: str) -> None:
    frames = VideoFrames(VIDEOS / name, cache=2)
    for number in (40, 12, 59, 13):
        assert told(frames.read(number)) == number
    assert frames.unreadable() == sorted(set(WHOLE) - set(NUMBERS[name]))


class HollowCapture:
    """A capture that says it decoded a picture and gives none, as OpenCV does with some damaged AVI files."""

    def get(self, _: int) -> float:
        return 0.0

    def grab(self) -> bool:
        return True

    def retrieve(self) -> tuple[bool, None]:
        return True, None


def test_a_picture_that_is_decoded_to_nothing_counts_as_damaged() -> None:
    decoder = VideoDecoder(HollowCapture(), "clip.avi")
    assert decoder.advance() == 0
    assert decoder.picture() is None


@pytest.mark.parametrize("stated", [2**28, 2**31 - 1, 2**32 - 1])
def test_a_header_of_more_pictures_than_the_file_has_bytes_counts_nothing(stated: int, tmp_path: Path) -> None:
    content = bytearray((VIDEOS / "h264_bf_avi.avi").read_bytes())
    main, stream = content.index(b"avih") + 8 + 16, content.index(b"strh") + 8 + 32  # dwTotalFrames, dwLength
    for place in (main, stream):
        content[place : place + 4] = struct.pack("<I", stated)
    (tmp_path / "clip.avi").write_bytes(content)
    assert VideoFrames(tmp_path / "clip.avi").unreadable() == []
    assert count_pictures(tmp_path / "clip.avi") == 60


def test_numbers_are_right_again_after_a_damaged_key_frame() -> None:
    with pytest.warns(LockonWarning, match="frames 29 to 37 skipped"), open_frames(VIDEOS / "mid_key_bf_mp4.mp4") as reader:
        numbers = {number: told(image) for number, image in reader}
    assert all(numbers[number] == number for number in (*range(29), *range(40, 60)))


def test_frames_that_an_edit_list_hides_are_not_counted() -> None:
    with open_frames(VIDEOS / "neg_mp4.mp4") as reader:
        assert [(number, told(image)) for number, image in reader] == [(number, number + 5) for number in range(55)]
    assert count_pictures(VIDEOS / "neg_mp4.mp4") == 55


def test_a_damaged_frame_of_a_dataset_is_an_error_that_names_all_of_them() -> None:
    with pytest.raises(LockonError, match="frame 3 cannot be read; of its 60 frames 0-9 cannot be decoded"):
        VideoFrames(VIDEOS / "key_lost_mp4.mp4").read(3)


@pytest.mark.parametrize(("name", "reason"), [("av1_mp4.mp4", "AV1"), ("mbaff_mp4.mp4", "interlaced")])
def test_what_opencv_does_not_decode_is_decoded_by_pyav_or_named(name: str, reason: str) -> None:
    if find_spec("av") is None:
        with pytest.raises(LockonError, match=rf'{reason}.*pip install "lockon\[video\]"'):
            open_frames(VIDEOS / name)
        return
    with open_frames(VIDEOS / name) as reader:
        assert [told(image) for _, image in reader] == WHOLE


@pytest.mark.parametrize("frames", [1, 7])
@pytest.mark.parametrize(("suffix", "codec"), [(".avi", "MJPG"), (".mp4", "mp4v"), (".mkv", "MJPG"), (".ts", "MPG2"), (".flv", "FLV1")])
def test_short_videos_of_any_suffix_and_odd_size_are_whole(tmp_path: Path, suffix: str, codec: str, frames: int) -> None:
    path = write_shades(tmp_path / f"clip{suffix}", codec, range(frames))
    assert read_shades(path) == [(number, number) for number in range(frames)]
    assert count_pictures(path) == frames


def write_shades(path: Path, codec: str, shades: Iterable[int]) -> Path:
    """Write frames of one grey each, 20 times `shades` + 20 (of 0 to 11)."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25, (98, 66))
    for shade in shades:
        writer.write(np.full((66, 98, 3), 20 * shade + 20, np.uint8))
    writer.release()
    return path


def read_shades(path: Path) -> list[tuple[int, int]]:
    """Number and shade of each frame that tracking reads."""
    with open_frames(path) as reader:
        return [(number, round((float(image.mean()) - 20) / 20)) for number, image in reader]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lengths", [(5, 5), (1, 1, 1), (10, 40), (40, 10), (45, 45), (30, 30, 30, 30), (3,) * 30, (90, 90)])
def test_transport_streams_that_were_joined_are_read_one_after_the_other(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    shades, content = [], b""
    for part, length in enumerate(lengths):  # each begins with time 0 and has B-frames
        shades += [(part + number) % 12 for number in range(length)]
        content += write_shades(tmp_path / "part.ts", "MPG2", shades[-length:]).read_bytes()
    (tmp_path / "joined.ts").write_bytes(content)
    assert read_shades(tmp_path / "joined.ts") == list(enumerate(shades))
    assert count_pictures(tmp_path / "joined.ts") == VideoFrames(tmp_path / "joined.ts").count() == len(shades)


@pytest.mark.parametrize("period", [40.0, 1000.0])
@pytest.mark.parametrize("depth", [2, 8, 16])
def test_pictures_in_another_order_are_no_new_recording(depth: int, period: float) -> None:
    order = [0, *(first + place for first in range(1, 400, depth + 1) for place in (depth, *range(depth)))]  # I, then P B ... B
    stamps = ((number * period, number % (5 * (depth + 1)) == 0) for number in order)
    numbers = FrameNumbers(stamps, Container(), period=period)  # type: ignore[arg-type]
    decoded = [number for number in range(300) if number % 7 != 3]  # counting would not do
    assert [numbers.number(number * period, index) for index, number in enumerate(decoded)] == decoded
    assert numbers.count() == len(order)


def test_a_rotation_flag_is_followed_by_tracking_and_datasets(tmp_path: Path) -> None:
    content = bytearray((VIDEOS / "h264_10_mp4.mp4").read_bytes())
    matrix = content.index(b"tkhd") + 44
    content[matrix : matrix + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    (tmp_path / "turned.mp4").write_bytes(content)
    with open_frames(tmp_path / "turned.mp4") as reader:
        assert reader.size == (128, 192)
    assert VideoFrames(tmp_path / "turned.mp4").read(5).shape == (192, 128, 3)


def write_raw(path: Path, frames: list[np.ndarray]) -> Path:
    """Write grey frames of 16 bits without loss."""
    height, width = frames[0].shape
    settings = [cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U, cv2.VIDEOWRITER_PROP_IS_COLOR, 0]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"FFV1"), 10.0, (width, height), settings)
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def test_a_grey_video_of_16_bits_keeps_its_contrast_for_tracking_and_datasets(tmp_path: Path) -> None:
    ramp = np.linspace(0, 320, 48 * 64).reshape(48, 64)
    path = write_raw(tmp_path / "raw.mkv", [(7100 + 20 * index + ramp).astype(np.uint16) for index in range(5)])
    with pytest.warns(LockonWarning, match=r"raw\.mkv: values of type uint16 from .* are stretched"), open_frames(path) as reader:
        frames = [frame.image for frame in reader]
    assert len(frames) == 5
    assert all(len(np.unique(frame)) > 100 for frame in frames)
    assert (np.diff([frame.mean() for frame in frames]) > 5).all(), "they become brighter one by one, as in the file"
    with pytest.warns(LockonWarning, match="stretched"):
        assert np.array_equal(VideoFrames(path).read(3), frames[3])
    with open_frames(path, range=(7100, 7500)) as reader:
        assert reader.first.image.max() == pytest.approx(204, abs=1)
