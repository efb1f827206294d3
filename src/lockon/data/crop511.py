"""Writes PySOT's 511-pixel layout from any training set: `lockon data crop511`.

    OUT/crop511/VIDEO/000000.00.x.jpg   frame and track: 511 pixels around the object, JPEG as OpenCV writes it
    OUT/crop511/VIDEO/000000.00.m.png   its mask, where the dataset has one and masks were asked for
    OUT/crop511/VIDEO/boxes.json        {track: {frame: [x1, y1, x2, y2]}} in pixels of the image; written when the video is done
    OUT/train.json                      all of them by video; written when the dataset is done

A stopped run goes on with the first video that is not done. Training from patches reads small files instead of large images.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lockon._documents import read_json_object
from lockon._files import write_bytes
from lockon._names import inside
from lockon.data.datasets.pysot511 import ANNOTATIONS, FOLDER, MASK_PATTERN, PATTERN
from lockon.data.samples.patches import cut_patch
from lockon.data.tracks import ImageFiles, TrackSet
from lockon.errors import LockonError

DONE = "boxes.json"
MARKER = "dataset.txt"
Boxes = dict[str, dict[str, list[float]]]


@dataclass(frozen=True, slots=True)
class CropReport:
    """What a run has written: videos of the annotation, patches of it, and what could not be read."""

    annotation: Path
    videos: int
    patches: int
    broken: tuple[str, ...]


def write_crops(tracks: TrackSet, out: Path, *, workers: int = 1, progress: Callable[[int, int, str], None] | None = None) -> CropReport:
    """Cut all patches of a training set.

    Args:
        tracks: A set of whole images.
        out: A folder for this dataset alone; made if it is not there.
        workers: Videos at a time (threads: decoding, cutting and encoding run beside each other).
        progress: Called with (videos done, videos, video).

    Returns:
        What was written. Images that cannot be read are left out and named; a later run tries their videos again.

    Raises:
        LockonError: A set that is cut already, a folder that holds something else, or no patch at all.
    """
    if tracks.cropped:
        raise LockonError(f"{tracks.name} consists of 511-pixel patches already; give the raw dataset")
    _claim(tracks, out)
    done: dict[str, Boxes] = {}
    broken: list[str] = []
    pool = ThreadPoolExecutor(max(1, workers))
    try:
        tasks = {pool.submit(crop_video, tracks, number, out / FOLDER): number for number in range(len(tracks))}
        for count, task in enumerate(as_completed(tasks), start=1):
            video = tracks.videos[tasks[task]]
            done[video], faults = task.result()
            broken += faults
            if progress is not None:
                progress(count, len(tracks), video)
    finally:
        pool.shutdown(cancel_futures=True)
    content = {video: done[video] for video in tracks.videos if done[video]}
    if not content:
        raise LockonError(f"no image of {tracks.name} could be read: {broken[0]}")
    write_bytes(out / ANNOTATIONS[0], json.dumps(content, separators=(",", ":")).encode())
    patches = sum(len(frames) for boxes in content.values() for frames in boxes.values())
    return CropReport(out / ANNOTATIONS[0], len(content), patches, tuple(sorted(broken)))


def crop_video(tracks: TrackSet, video: int, folder: Path) -> tuple[Boxes, list[str]]:
    """Cut the patches of one video, unless it is done; return its boxes by track and frame, and the images that could not be read."""
    name = tracks.videos[video]
    done = inside(folder, name, tracks.name) / DONE
    if done.is_file():
        boxes: Boxes = read_json_object(done, "remove it, so that the patches are cut again")
        return boxes, []
    boxes, broken = {}, []
    files, masks = ImageFiles(folder, PATTERN), ImageFiles(folder, MASK_PATTERN)
    for frame, rows in tracks.rows_by_frame(video).items():
        try:
            image = tracks.view(rows[0]).image  # the same for all tracks
        except LockonError as error:
            broken.append(str(error))
            continue
        for row in rows:
            track = tracks.place(row)[1]
            box = tracks.view(row, lambda *_, image=image: image).box
            patch = cv2.cvtColor(cut_patch(image, box), cv2.COLOR_RGB2BGR)
            write_bytes(files.path(name, track, frame), cv2.imencode(".jpg", patch)[1].tobytes())
            mask = tracks.mask(row)
            if mask is not None:
                cut = (cut_patch(mask.astype(np.uint8) * 255, box) > 127).astype(np.uint8) * 255
                write_bytes(masks.path(name, track, frame), cv2.imencode(".png", cut)[1].tobytes())
            boxes.setdefault(track, {})[f"{frame:06d}"] = [round(float(value), 3) for value in box]
    if not broken:
        write_bytes(done, json.dumps(boxes).encode())
    return boxes, broken


def _claim(tracks: TrackSet, out: Path) -> None:
    """Mark the folder as this dataset's: two datasets in one folder would mix their videos."""
    marker = out / FOLDER / MARKER
    if marker.is_file():
        owner = marker.read_text(encoding="utf-8").strip()
        if owner != tracks.name:
            raise LockonError(f"{out} holds patches of {owner}; give a folder for {tracks.name} alone")
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise LockonError(f"{out} is not empty; give a new folder, or one that this command has begun")
    else:
        write_bytes(marker, f"{tracks.name}\n".encode())


__all__ = ["CropReport", "crop_video", "write_crops"]
