"""Small JPEG pictures of a video for the HTML report, as many as a budget of bytes allows."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.types import Frame

LONGEST = 480  # pixels of the longer side
QUALITY = 72  # of JPEG

Find = Callable[[str, str], VideoSequence | None]  # dataset, sequence -> where its images are, or None


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures of one video.

    Attributes:
        jpegs: Frame -> base64 text of a JPEG file.
        note: Why there are none, or fewer than asked for; else empty.
    """

    jpegs: dict[int, str] = field(default_factory=dict)
    note: str = ""

    @property
    def size(self) -> int:
        """Bytes in the page."""
        return sum(map(len, self.jpegs.values()))


def take_pictures(sequence: VideoSequence, frames: int, size: tuple[int, int], wanted: int, budget: int) -> Pictures:
    """Return evenly spread pictures of a video, the first and the last frame among them.

    Args:
        sequence: Where the images are.
        frames: Length of the results.
        size: (width, height) that the results were made on.
        wanted: Number of pictures.
        budget: Bytes of base64 text; pictures are left out evenly until the rest fits.
    """
    if len(sequence) < frames:
        return Pictures(note=f"no pictures: the images at hand are {len(sequence)} frames and the results {frames}")
    chosen = spread(frames, wanted)
    jpegs: dict[int, str] = {}
    try:
        for index in chosen:
            frame = sequence.frames[index]
            given = (frame.shape[1], frame.shape[0])
            if given != size:
                return Pictures(
                    note=f"no pictures: the images at hand are {given[0]}x{given[1]} pixels and the results of {size[0]}x{size[1]}"
                )
            jpegs[index] = encode(frame)
    except LockonError as error:
        return Pictures(note=f"no pictures: {error}")
    kept = fitting({index: len(text) for index, text in jpegs.items()}, budget)
    note = "" if len(kept) == len(chosen) else f"{len(kept)} of {len(chosen)} pictures, to keep the file small"
    return Pictures({index: jpegs[index] for index in kept}, note)


def spread(frames: int, wanted: int) -> list[int]:
    """Return at most `wanted` different indices from 0 to frames - 1, evenly spread, ends included.

    >>> spread(10, 4)
    [0, 3, 6, 9]
    """
    if frames < 1 or wanted < 1:
        return []
    return sorted({round(float(value)) for value in np.linspace(0, frames - 1, min(wanted, frames))})


def fitting(sizes: dict[int, int], budget: int) -> list[int]:
    """Return the largest evenly spread part of the frames whose sizes stay within the budget.

    >>> fitting({0: 10, 3: 10, 6: 10, 9: 10}, 25)
    [0, 9]
    """
    frames = list(sizes)
    for count in range(len(frames), 0, -1):
        part = [frames[place] for place in spread(len(frames), count)]
        if sum(sizes[frame] for frame in part) <= budget:
            return part
    return []


def encode(frame: Frame) -> str:
    """Return the base64 text of a JPEG file, at most `LONGEST` pixels wide or high."""
    height, width = frame.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    if scale < 1:
        frame = cv2.resize(frame, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    _, content = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return base64.b64encode(content.tobytes()).decode()


__all__ = ["LONGEST", "QUALITY", "Find", "Pictures", "encode", "fitting", "spread", "take_pictures"]
