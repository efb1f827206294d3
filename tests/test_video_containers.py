"""Videos among other streams: sound that lasts longer or begins earlier, a second video, a cover picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockon.errors import LockonWarning
from lockon.video import open_frames
from lockon.video_decoder import count_pictures

av = pytest.importorskip("av", reason="needs the video extra")

KINDS = {
    "mp4": ("mpeg4", "aac"),
    "mov": ("mpeg4", "aac"),
    "mkv": ("mpeg4", "aac"),
    "webm": ("vp8", "libopus"),
    "ts": ("mpeg2video", "mp2"),
    "flv": ("flv", "aac"),
    "avi": ("mpeg4", "mp2"),
    "ogv": ("libtheora", "libvorbis"),
    "wmv": ("wmv2", "wmav2"),
    "mpg": ("mpeg2video", "mp2"),
}
RATE = 48_000


def write(path: Path, *, frames: int = 50, late: int = 0, sound: float = 0.0, videos: int = 1) -> Path:
    """A file of 25 frames per second: videos that begin `late` frames after the sound, which lasts `sound` seconds."""
    video_codec, sound_codec = KINDS[path.suffix[1:]]
    if not {video_codec, sound_codec} <= av.codecs_available:
        pytest.skip(f"this PyAV has no {video_codec} or no {sound_codec}")
    with av.open(str(path), "w") as file:
        streams = [file.add_stream(video_codec, rate=25) for _ in range(videos)]
        for number, stream in enumerate(streams):
            stream.width, stream.height, stream.pix_fmt = 64 + 32 * number, 48, "yuv420p"
        listened = file.add_stream(sound_codec, rate=RATE, layout="stereo") if sound else None
        if listened is not None:
            listened.bit_rate = 128_000
        packets: list[Any] = []
        for number, stream in enumerate(streams):
            for index in range(frames):
                image = np.random.default_rng(index).integers(0, 255, (48, 64 + 32 * number, 3), dtype=np.uint8)
                frame = av.VideoFrame.from_ndarray(image, "rgb24")
                frame.pts, frame.time_base = index + late, Fraction(1, 25)
                packets += stream.encode(frame)
            packets += stream.encode(None)
        packets += [] if listened is None else sounds(listened, sound)
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            file.mux(packet)
    return path


def sounds(stream: Any, seconds: float) -> list[Any]:
    """The packets of silence."""
    form, size = stream.codec_context.format, stream.codec_context.frame_size or 1024
    packets: list[Any] = []
    for start in range(0, int(seconds * RATE), size):
        content = np.zeros((2, size) if form.is_planar else (1, 2 * size), np.float32 if form.name.startswith("flt") else np.int16)
        frame = av.AudioFrame.from_ndarray(content, form.name, "stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        packets += stream.encode(frame)
    return packets + stream.encode(None)


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize(("late", "seconds"), [(0, 4.0), (30, 3.2)])
def test_sound_that_outlasts_the_video_or_begins_before_it_is_no_lost_frame(tmp_path: Path, suffix: str, late: int, seconds: float) -> None:
    path = write(tmp_path / f"a.{suffix}", frames=80, late=late, sound=seconds + 3)
    with open_frames(path) as reader:
        numbers = [number for number, _ in reader]
    assert numbers == list(range(80))
    assert count_pictures(path) == 80


@pytest.mark.parametrize("suffix", ["mkv", "webm", "flv", "avi"])
def test_a_file_that_is_cut_still_says_what_is_missing(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.{suffix}", frames=80, sound=5.0)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    with pytest.warns(LockonWarning, match="the video ends early, or is damaged there"), open_frames(path) as reader:
        assert 5 < len(list(reader)) < 60


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "avi", "ogv", "wmv", "mpg"])
def test_a_second_video_stream_is_told(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a.{suffix}", videos=2)
    with pytest.warns(LockonWarning, match=rf"holds 2 video streams; the first is read; .* ffmpeg -i a.{suffix} -map 0:v:1") as caught:
        reader = open_frames(path)
    with reader:
        assert (reader.size, len(list(reader))) == ((64, 48), 50)
    assert len(caught) == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("suffix", KINDS)
def test_one_video_stream_with_sound_is_read_in_silence(tmp_path: Path, suffix: str) -> None:
    with open_frames(write(tmp_path / f"a.{suffix}", sound=2.0)) as reader:
        assert (reader.size, len(list(reader))) == ((64, 48), 50)


@pytest.mark.filterwarnings("error")
def test_a_cover_picture_is_no_second_video(tmp_path: Path) -> None:
    with av.open(str(write(tmp_path / "a.mp4"))) as source, av.open(str(tmp_path / "covered.mp4"), "w") as file:
        stream = file.add_stream_from_template(source.streams.video[0])
        picture = file.add_stream("png", rate=1)
        picture.width, picture.height, picture.pix_fmt = 32, 32, "rgb24"
        picture.disposition = av.stream.Disposition.attached_pic
        for packet in picture.encode(av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")):
            file.mux(packet)
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                file.mux(packet)
    with open_frames(tmp_path / "covered.mp4") as reader:
        assert (reader.size, len(list(reader))) == ((64, 48), 50)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_size_that_changes_inside_a_file_is_scaled_to_the_first(tmp_path: Path, suffix: str) -> None:
    if "libx264" not in av.codecs_available:
        pytest.skip("this PyAV has no libx264")
    content = b""
    for width, height, shade in ((64, 48, 50), (128, 64, 200)):  # raw H.264, which states its size again
        encoder = av.CodecContext.create("libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuv420p", Fraction(1, 25)
        encoder.options = {"tune": "zerolatency"}
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((height, width, 3), shade, np.uint8), "rgb24")
            frame.pts = index
            content += b"".join(bytes(packet) for packet in encoder.encode(frame))
        content += b"".join(bytes(packet) for packet in encoder.encode(None))
    (tmp_path / "raw.h264").write_bytes(content)
    with av.open(str(tmp_path / "raw.h264"), format="h264") as source, av.open(str(tmp_path / f"a.{suffix}"), "w") as file:
        stream = file.add_stream_from_template(source.streams.video[0])
        packets = (packet for packet in source.demux(video=0) if packet.size)
        for number, packet in enumerate(packets):
            packet.pts = packet.dts = round(number / 25 / packet.time_base)
            packet.stream = stream
            file.mux(packet)
    with open_frames(tmp_path / f"a.{suffix}") as reader:
        frames = [frame.image for frame in reader]
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 20
    assert [round(frame.mean() / 50) for frame in frames] == [1] * 10 + [4] * 10
