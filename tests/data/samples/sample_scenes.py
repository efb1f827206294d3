"""Small textured videos, stills, cut-outs and tracks, whose samples are frozen in golden_samples.npz."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.data.datasets.stills import StillImage, StillObject
from lockon.data.rle import encode_rle
from lockon.data.sequence import LazyList, VideoSequence
from lockon.data.synthesize import Cutout
from lockon.data.tracks import Track, TrackSet
from lockon.types import Frame


def texture(name: str, width: int, height: int) -> Frame:
    """Smooth random colours that depend on the name alone."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    coarse = rng.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3), dtype=np.uint8)
    return np.ascontiguousarray(np.kron(coarse, np.ones((16, 16, 1), np.uint8))[:height, :width])


def disc(width: int, height: int, box_xywh: tuple[float, ...]) -> NDArray[np.bool_]:
    """The ellipse in a box."""
    x, y, w, h = box_xywh
    rows, columns = np.mgrid[:height, :width] + 0.5
    inside: NDArray[np.bool_] = ((columns - x - w / 2) / (w / 2)) ** 2 + ((rows - y - h / 2) / (h / 2)) ** 2 <= 1
    return inside


def picture(name: str, width: int, height: int, box_xywh: tuple[float, ...]) -> Frame:
    """A texture with an elliptical object of another one."""
    image = texture(name, width, height)
    mask = disc(width, height, box_xywh)
    image[mask] = 255 - texture(f"{name.split('/', maxsplit=1)[0]} object", width, height)[mask]
    return image


def video_box(frame: int) -> tuple[float, float, float, float]:
    """Where the object of a video is: it leaves the image, and is too small to train on at frame 7."""
    return (150.0 - 9 * frame, 20.0 + 5.5 * frame, 40.0 + frame, 28.0) if frame != 7 else (10.0, 10.0, 4.0, 4.0)


def videos() -> list[VideoSequence]:
    """Two videos of 20 frames, the second without masks and with an absent target."""

    def read(path: Path) -> Frame:
        return picture(f"{path.parent}/{path.name}", 200, 150, video_box(int(path.name)))

    def read_mask(path: Path) -> NDArray[np.bool_]:
        return disc(200, 150, video_box(int(path.name)))

    boxes = np.array([video_box(frame) for frame in range(20)])
    one, other = ([Path(name) / str(frame) for frame in range(20)] for name in ("one", "other"))
    visible = np.arange(20) % 5 != 4
    return [
        VideoSequence("one", "made", LazyList(one, read), boxes, masks=LazyList(one, read_mask)),
        VideoSequence("other", "made", LazyList(other, read), boxes, visible),
    ]


def stills(folder: Path) -> list[StillImage]:
    """Three single images with two objects each (one of them with a mask) and a short video of four, as PNG files."""
    images = []
    for number in range(7):
        clip = number >= 3
        width, height = (180, 140) if number % 2 else (400, 300)
        boxes = [(30.0 + 3 * number, 20.0, 60.0, 44.5), (90.0, 60.0, 31.0, 70.0)]
        image = picture(f"still{'' if clip else number}/{number}", width, height, boxes[0])
        path = folder / f"{number}.png"
        cv2.imwrite(str(path), image[..., ::-1])
        mask = encode_rle(disc(width, height, boxes[0]))
        objects = (StillObject("0", "disc", boxes[0], mask, (height, width)), StillObject("1", "part", boxes[1]))
        place = {"video": "clip", "frame": number} if clip else {}
        images.append(StillImage(path, width, height, objects[:1] if clip else objects, f"set{number % 2}", **place))
    return images


def cutouts() -> list[Cutout]:
    """Objects for synthetic scenes: two of one class and one of another."""
    made = []
    for name, label, width, height in (("a", "round", 60, 40), ("b", "round", 90, 120), ("c", "flat", 160, 36)):
        mask = disc(width, height, (0, 0, width, height))
        cutout = Cutout.from_mask(texture(name, width, height), mask, label)
        assert cutout is not None
        made.append(cutout)
    return made


def track_set(name: str, *, masks: bool = False, cropped: bool = False) -> TrackSet:
    """Three videos of one to three tracks with 1 to 12 boxes, of whole images or of 511-pixel patches."""

    def box(track: str, frame: int) -> tuple[float, float, float, float]:
        return 30.0 + 4 * frame + 11 * int(track), 40.0 + 2.25 * frame, 36.5 + 2 * int(track), 50.0 - frame

    def read(video: str, track: str, frame: int) -> Frame:
        if cropped:
            return picture(f"{name}{video}{track}/{frame}", 511, 511, (205, 195, 101, 121))
        return picture(f"{name}{video}/{frame}", 320, 240, box(track, frame))

    def read_mask(video: str, track: str, frame: int) -> NDArray[np.bool_] | None:
        if track == "02":
            return None
        return disc(511, 511, (205, 195, 101, 121)) if cropped else disc(320, 240, box(track, frame))

    tracks = []
    for video, lengths in (("v0", (12,)), ("v1", (5, 1, 8)), ("v2", (9, 4))):
        for number, length in enumerate(lengths):
            frames = np.arange(length) * 2 + number
            corners = [[x, y, x + w, y + h] for x, y, w, h in (box(f"{number:02d}", int(frame)) for frame in frames)]
            tracks.append(Track(video, f"{number:02d}", frames, corners))
    made = TrackSet.build(name, tracks, read, cropped=cropped)
    return replace(made, masks=read_mask) if masks else made


def slim_tracks() -> TrackSet:
    """One video whose target is too small or too slim to train on in three frames of four."""
    sides = ((1.5, 30.0), (2.2, 220.0), (40.0, 30.0), (2.0, 600.0))

    def read(video: str, track: str, frame: int) -> Frame:
        return picture(f"slim{video}/{frame}", 320, 240, (50.0 + frame, 5.0, *sides[frame % 4]))

    corners = [[50.0 + frame, 5.0, 50.0 + frame + w, 5.0 + h] for frame in range(16) for w, h in (sides[frame % 4],)]
    return TrackSet.build("slim", [Track("v0", "00", np.arange(16), corners)], read)
