"""Write the videos of this folder; needs PyAV 18: `python tests/videos/make.py FOLDER`.

Each has 60 frames. Eight blocks at the bottom, 24 pixels wide each, are the binary digits of the frame's number.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

WIDTH, HEIGHT, FRAMES = 192, 128, 60
STEPS = np.random.default_rng(0).integers(11, 120, FRAMES - 1)
VARIABLE = [0, *np.cumsum(STEPS).tolist()]  # ms


def picture(number: int) -> np.ndarray:
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    image[30:52, 20 + number : 48 + number] = (200, 40, 40)
    for bit in range(8):
        image[-16:, bit * 24 : bit * 24 + 24] = 230 if number >> bit & 1 else 20
    return image


def encode(
    path: Path,
    codec: str,
    *,
    damaged: Sequence[int] = (),
    times: Sequence[int] = tuple(range(FRAMES)),
    clock: Fraction = Fraction(1, 25),
    pixels: str = "yuv420p",
    muxer: dict[str, str] | None = None,
    **options: str,
) -> None:
    """Encode a video; the bytes of the packets `damaged`, by their order in the file, become zeros."""
    with av.open(str(path), "w", options=muxer or {}) as file:
        stream: Any = file.add_stream(
            codec, rate=round(1 / clock), options={key.replace("_", "-"): value for key, value in options.items()}
        )
        stream.width, stream.height, stream.pix_fmt, stream.time_base = WIDTH, HEIGHT, pixels, clock
        stream.codec_context.gop_size, stream.codec_context.time_base = 10, clock
        packets = []
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = time, clock
            packets += stream.encode(frame)
        for index, packet in enumerate([*packets, *stream.encode(None)]):
            written = packet
            if index in damaged:
                written = av.Packet(bytes(packet.size))
                written.pts, written.dts, written.duration = packet.pts, packet.dts, packet.duration
                written.time_base, written.stream, written.is_keyframe = packet.time_base, stream, packet.is_keyframe
            file.mux(written)


def main(folder: Path) -> None:
    late, early = [50 + number for number in range(FRAMES)], [number - 5 for number in range(FRAMES)]
    plain = {"bf": "0"}
    encode(folder / "key_lost_mp4.mp4", "libx264", damaged=(0, 1, 2), **plain)
    encode(folder / "key_lost_mkv.mkv", "libx264", damaged=(0, 1, 2), **plain)
    encode(folder / "key_lost_bf_mp4.mp4", "libx264", damaged=(0, 1, 2), bf="3")
    encode(folder / "mid_key_bf_mp4.mp4", "libx264", damaged=(30,), bf="3")
    encode(folder / "vfr_bf_mkv.mkv", "libx264", times=VARIABLE, clock=Fraction(1, 1000), bf="3")
    encode(folder / "late_mkv.mkv", "libx264", times=late)
    encode(folder / "neg_mp4.mp4", "libx264", times=early, muxer={"avoid_negative_ts": "disabled", "use_editlist": "1"}, **plain)
    encode(folder / "h264_bf_avi.avi", "libx264", bf="3")
    encode(folder / "h264_10_mp4.mp4", "libx264", pixels="yuv420p10le")
    encode(folder / "mbaff_mp4.mp4", "libx264", x264_params="tff=1:bframes=2")
    encode(folder / "av1_mp4.mp4", "libsvtav1")
    encode(folder / "x.wmv", "wmv2")
    encode(folder / "x.webp", "libwebp_anim")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
