"""Your own data: a folder of images or a video file, and one file of boxes.

One sequence is one of

    ROOT/boxes.txt or boxes.csv beside the images of one folder, taken in natural order (img2 before img10)
    ROOT/boxes.txt or boxes.csv beside the only video of a folder
    clip.mp4 with clip.txt or clip.csv beside it

and ROOT may hold many: every sub-folder of the first two kinds, every video of the third. Boxes are 0-based pixels.

    boxes.txt    line t: x,y,w,h of frame t (comma, tab or blank); an empty line or NaN where there is no box
    boxes.csv    a header line with the columns frame,x,y,w,h and, for several targets, target; other columns are ignored.
                 Frames are counted from 0; frames without a line have no box. Several targets make NAME.0, NAME.1, ...
                 This is also what `lockon track --save boxes.csv` writes; its rows with state "lost" count as no box.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, list_folders, list_images, list_videos
from lockon.data.datasets.parsing import read_table, read_text
from lockon.data.video_frames import VideoFrames
from lockon.errors import LockonError
from lockon.video_capture import VIDEO_SUFFIXES, is_video

EXPECTS = "images or a video with boxes.txt (x,y,w,h per line, 0-based) or boxes.csv (frame,x,y,w,h) beside them"
COLUMNS = ("frame", "x", "y", "w", "h")


def is_root(path: Path) -> bool:
    """Return whether the path is a video with boxes or a folder with at least one such sequence."""
    if path.is_file():
        return is_video(path) and _boxes_of_video(path) is not None
    return path.is_dir() and (_is_single(path) or any(map(_is_single, list_folders(path))) or bool(_videos_with_boxes(path)))


def _boxes_of_video(video: Path) -> Path | None:
    return next((path for path in (video.with_suffix(".csv"), video.with_suffix(".txt")) if path.is_file()), None)


def unread_video(root: Path) -> str:
    """Return what keeps a video with boxes beside it from being read, for messages; empty where there is none."""
    for path in [root] if root.is_file() else sorted(root.iterdir()):
        if path.suffix.lower() not in {".csv", ".txt", ""} and path.is_file() and not is_video(path) and _boxes_of_video(path) is not None:
            return f"holds {path.name}, but {path.suffix} files are not read; convert it to one of {' '.join(sorted(VIDEO_SUFFIXES))}"
    return ""


def _boxes_in(folder: Path) -> Path | None:
    return next((path for path in (folder / "boxes.csv", folder / "boxes.txt") if path.is_file()), None)


def _is_single(folder: Path) -> bool:
    return _boxes_in(folder) is not None


def _videos_with_boxes(folder: Path) -> list[Path]:
    return [path for path in list_videos(folder) if _boxes_of_video(path) is not None]


def scan(root: Path) -> list[SequenceFiles]:
    """List the files of every target at or under `root`, sorted by name.

    Raises:
        LockonError: A boxes.csv whose targets cannot be listed.
    """
    if root.is_file():
        return _scan_targets(root.stem, root.parent, (), root, _boxes_of_video(root))
    sequences = []
    for folder in (root, *list_folders(root)):
        if not _is_single(folder):
            continue
        videos = list_videos(folder)
        images = tuple(path for path in list_images(folder) if path not in videos)
        video = videos[0] if len(videos) == 1 and not images else None
        sequences += _scan_targets(folder.resolve().name, folder, images, video, _boxes_in(folder))
    for video in _videos_with_boxes(root):
        sequences += _scan_targets(video.stem, root, (), video, _boxes_of_video(video))
    return sorted(sequences, key=lambda files: files.name)


def _scan_targets(name: str, folder: Path, frames: tuple[Path, ...], video: Path | None, boxes: Path | None) -> list[SequenceFiles]:
    if boxes is None or boxes.suffix != ".csv":
        return [SequenceFiles(name, folder, frames, boxes, video=video)]
    count = None if video is None else VideoFrames(video).count()
    numbers = sorted({target for _, target, _, _ in _read_csv(boxes)[0]})
    targets: dict[str, int | None] = {f"{name}.{number}": number for number in numbers} if len(numbers) > 1 else {name: None}
    return [SequenceFiles(one, folder, frames, boxes, video=video, target=target, count=count) for one, target in targets.items()]


def truth(files: SequenceFiles) -> Truth:
    """Read the boxes of one target; `visible` is None: a frame without a box is one without annotation."""
    path = files.annotation
    if path.suffix == ".txt":
        table = read_table(path, (4,))
        return Truth(table.values, table.lines, table.problems, wrong=table.wrong)
    rows, faults = _read_csv(path)
    problems = list(faults)
    count = len(files.frames) if files.count is None else files.count
    boxes, lines = np.full((count, 4), np.nan), np.zeros(count, dtype=np.int64)
    for frame, target, box, line in rows:
        if files.target is not None and target != files.target:
            continue
        if not 0 <= frame < count:
            problems.append(f"{path}:{line}: frame {frame}, but there are {count} frames, counted from 0")
        elif lines[frame]:
            problems.append(f"{path}:{line}: frame {frame} was given before, in line {lines[frame]}")
        else:
            boxes[frame], lines[frame] = box, line
    return Truth(boxes, lines, tuple(problems))


def _read_csv(path: Path) -> tuple[list[tuple[int, int, list[float], int]], list[str]]:
    """Read rows (frame, target, box, line number) and problems of a boxes.csv.

    Raises:
        LockonError: Unreadable file or no header with the columns frame, x, y, w, h.
    """
    reader = csv.reader(read_text(path).splitlines(), skipinitialspace=True)
    header = [name.strip().lower() for name in next(reader, [])]
    if any(name not in header for name in COLUMNS):
        raise LockonError(f"{path}:1: expected a header with the columns {','.join(COLUMNS)} (and target for several), found {header}")
    columns = [header.index(name) for name in COLUMNS]
    target_column = header.index("target") if "target" in header else None
    state_column = header.index("state") if "state" in header else None
    rows, problems = [], []
    for fields in reader:
        if not any(field.strip() for field in fields):
            continue
        try:
            frame, *box = (float(fields[column]) for column in columns)
            target = 0 if target_column is None else int(fields[target_column])
            lost = state_column is not None and fields[state_column].strip() == "lost"
            if lost or all(map(math.isnan, box)):
                continue
            if not all(map(math.isfinite, (frame, *box))) or frame != int(frame):
                raise ValueError
        except (ValueError, IndexError):
            problems.append(
                f"{path}:{reader.line_num}: expected {','.join(header)} with a whole frame number, found {','.join(fields)[:60]!r}"
            )
            continue
        rows.append((int(frame), target, box, reader.line_num))
    return rows, problems


LAYOUT = Layout("folder", EXPECTS, is_root, scan, truth, origin=0, numbered=False)
DATASETS = (Dataset("folder", LAYOUT, "mixed"),)
