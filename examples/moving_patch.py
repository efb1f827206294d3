"""Small annotated videos to play with, in the layout for your own data: a textured patch that moves over noise."""

from pathlib import Path

import numpy as np

from lockon.video_write import VideoWriter


def write_videos(folder: Path, count: int = 2, length: int = 30, side: int = 40) -> Path:
    """Write clip0.avi, clip0.txt (one x,y,w,h line per frame), clip1.avi, ... into `folder`."""
    for number in range(count):
        rng = np.random.default_rng(number)
        background = rng.integers(0, 120, (240, 320, 3), dtype=np.uint8)
        patch = np.repeat(np.repeat(rng.integers(80, 256, (8, 8, 3), dtype=np.uint8), side // 8, 0), side // 8, 1)
        corners = [(60 + 4 * t, 100 + round(40 * np.sin(t / 6))) for t in range(length)]
        with VideoWriter(folder / f"clip{number}.avi") as video:
            for x, y in corners:
                frame = background.copy()
                frame[y : y + side, x : x + side] = patch
                video.write(frame)
        lines = [f"{x},{y},{side},{side}\n" for x, y in corners]
        (folder / f"clip{number}.txt").write_text("".join(lines))
    return folder
