"""Small `TrackSet`s whose images tell where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lockon.data.tracks import Track, TrackSet
from lockon.types import Frame


@dataclass(frozen=True)
class Plain:
    """Images of one colour (100 x 80 pixels): red is the number of the frame, green that of the video, blue the track's."""

    size: tuple[int, int] = (100, 80)

    def __call__(self, video: str, track: str, frame: int) -> Frame:
        return np.full((self.size[1], self.size[0], 3), (frame % 256, int(video.strip("v")), int(track)), np.uint8)


def plain_set(name: str, lengths: Sequence[Sequence[int]], **more: object) -> TrackSet:
    """Video i has a track of `lengths[i][j]` boxes in frames 0, 2, 4, ... for every j."""
    tracks = [
        Track(f"v{video}", f"{number:02d}", np.arange(length) * 2, np.tile([10, 20, 40, 40], (length, 1)))
        for video, members in enumerate(lengths)
        for number, length in enumerate(members)
    ]
    return TrackSet.build(name, tracks, Plain(), **more)  # type: ignore[arg-type]
