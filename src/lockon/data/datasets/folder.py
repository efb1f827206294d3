"""Your own data: a folder of images or a video file, and one file of boxes.

One sequence is one of

    ROOT/boxes.txt or boxes.csv beside the images of one folder, taken in natural order (img2 before img10)
    ROOT/boxes.txt or boxes.csv beside the only video of a folder
    clip.mp4 with clip.txt or clip.csv beside it

and ROOT may hold many: every sub-folder of the first two kinds, every video of the third. Boxes are 0-based pixels.

    boxes.txt    line t: x,y,w,h of frame t, and a score; an empty line, NaN or 0,0,0,0 where there is no box (also at the end)
    boxes.csv    a heading with the columns frame,x,y,w,h and, for several targets, target; other columns are ignored.
                 Frames are counted from 0; frames without a line have no box. Several targets make NAME.0, NAME.1, ...
                 This is also what `lockon track --save boxes.csv` writes; its rows with state "lost" count as no box.

Either name may hold either, and boxes.txt what MOT tools write (from 1): see `lockon.box_tables`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lockon.box_tables import BoxLines, parse_box_table, read_box_text
from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, list_folders, list_images, list_videos
from lockon.data.video_frames import VideoFrames
from lockon.errors import LockonError
from lockon.pictures import check_one_kind
from lockon.video_capture import VIDEO_SUFFIXES, is_video

EXPECTS = "images or a video with boxes.txt (x,y,w,h per line, 0-based) or boxes.csv (frame,x,y,w,h) beside them"


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
        LockonError: A folder that cannot be listed.
    """
    if root.is_file():
        return _scan_targets(root.stem, root.parent, (), root, _boxes_of_video(root))
    sequences = []
    for folder in (root, *list_folders(root)):
        if not _is_single(folder):
            continue
        videos = list_videos(folder)
        images = tuple(path for path in list_images(folder) if path not in videos)
        if len(videos) == len(images) == 1:
            images = ()  # a picture beside a video, such as the contact sheet of a demo, is no video of its own
        video = videos[0] if len(videos) == 1 and not images else None
        sequences += _scan_targets(folder.resolve().name, folder, images, video, _boxes_in(folder))
    for video in _videos_with_boxes(root):
        sequences += _scan_targets(video.stem, root, (), video, _boxes_of_video(video))
    return sorted(sequences, key=lambda files: files.name)


def overlooked(root: Path) -> list[str]:
    """List the videos and folders of images under `root` that have no boxes."""
    if root.is_file():
        return []
    lines = [f"it {text}" for text in [unread_video(root)] if text]
    for video in () if _is_single(root) else list_videos(root):
        if _boxes_of_video(video) is None:
            lines.append(f"{video.name} is left out: there is no {video.stem}.csv or {video.stem}.txt beside it")
    for folder in list_folders(root):
        count = len({*list_images(folder), *list_videos(folder)})
        if count and not _is_single(folder):
            lines.append(f"{folder.name}/ is left out: it has no boxes.csv or boxes.txt beside its {count} images or videos")
    return lines


def _scan_targets(name: str, folder: Path, frames: tuple[Path, ...], video: Path | None, boxes: Path | None) -> list[SequenceFiles]:
    files = SequenceFiles(name, folder, frames, boxes, video=video)
    if boxes is None:
        return [files]
    try:
        files = replace(files, count=None if video is None else VideoFrames(video).count())
        targets = _list_targets(boxes)
    except LockonError:  # `truth` says it of this sequence alone
        return [files]
    return [files] if len(targets) < 2 else [replace(files, name=f"{name}.{target}", target=target) for target in targets]


def _list_targets(boxes: Path) -> list[int]:
    return sorted({row.target for _, row in _read(boxes).rows if row.state != "lost"})


def truth(files: SequenceFiles) -> Truth:
    """Read the boxes of one target; `visible` is None: a frame without a box is one without annotation."""
    try:
        check_one_kind(files.frames)
        lines = _read(files.annotation)
        length = VideoFrames(files.video).count() if files.video is not None and files.count is None else files.length
    except LockonError as error:
        return Truth(np.zeros((0, 4)), np.zeros(0, dtype=np.int64), (str(error),))
    problems = [*_rivals(files), *(f"{files.annotation}:{line}: {why}" for line, why in lines.problems)]
    wrong = frozenset(line for line, _ in lines.problems)
    by_line = "frame" not in lines.columns.places
    count = _lines_that_count(lines, length) if by_line else length
    boxes, numbers = np.full((count, 4), np.nan), np.zeros(count, dtype=np.int64)
    if by_line:
        numbers[:] = np.arange(lines.start, lines.start + count)
    for line, row in lines.rows:
        if files.target is not None and row.target != files.target:
            continue
        if row.frame < count:
            numbers[row.frame] = line
            boxes[row.frame] = np.nan if row.state == "lost" and not row.is_empty else (row.x, row.y, row.w, row.h)
        elif not by_line:
            problems.append(f"{files.annotation}:{line}: frame {row.frame}, but there are {count} frames, counted from 0")
    return Truth(boxes, numbers, tuple(problems), wrong=wrong)


def _rivals(files: SequenceFiles) -> list[str]:
    """Return a problem where a second file of boxes lies beside the same frames: nothing says which of them is meant."""
    names = ["boxes.csv", "boxes.txt"] if files.video is None or list_videos(files.video.parent) == (files.video,) else []
    names += [] if files.video is None else [files.video.with_suffix(suffix).name for suffix in (".csv", ".txt")]
    found = [name for name in dict.fromkeys(names) if files.annotation.with_name(name).is_file()]
    if len(found) < 2:
        return []
    frames = files.folder if files.video is None else files.video
    return [f"{frames} has more than one file of boxes beside it: {', '.join(found)}; move all but one to another folder"]


def _lines_that_count(lines: BoxLines, frames: int) -> int:
    """Return how many lines stand for a frame: empty ones at the end where there are frames for them."""
    count = len(lines.rows) + len(lines.problems)
    return frames if count - lines.blank < frames <= count else count - lines.blank


def _read(path: Path) -> BoxLines:
    """Read the lines of a file of boxes.

    Raises:
        LockonError: Unreadable file, or columns that cannot be told.
    """
    try:
        lines = parse_box_table(read_box_text(path), mot=path.suffix == ".txt")
    except LockonError as error:
        raise LockonError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    if not lines.rows and not lines.problems:
        raise LockonError(f"{path}: the file is empty; expected x,y,w,h per line, or a heading frame,x,y,w,h")
    return lines


LAYOUT = Layout("folder", EXPECTS, is_root, scan, truth, origin=0, numbered=False, overlooked=overlooked)
DATASETS = (Dataset("folder", LAYOUT, "mixed"),)
