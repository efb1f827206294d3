"""Checks of a dataset that serves training alone (COCO, ImageNet, YouTube-BB, 511-pixel patches)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lockon.data.check import DataReport, Progress
from lockon.data.datasets import pysot511
from lockon.data.datasets.table import known_names
from lockon.data.image_files import broken_file
from lockon.data.samples.patches import PATCH
from lockon.data.track_sets import TRAIN_SETS, default_root, find_track_sets, load_track_set, train_set_name
from lockon.data.tracks import ImageFiles, TrackSet
from lockon.errors import LockonError


def training_only(name: str, root: Path | None) -> str | None:
    """Return the training set that a name and folder mean, where no benchmark's reader knows them; else None."""
    try:
        known = train_set_name(name)
    except LockonError:
        return None
    patches = root is not None and root.is_dir() and pysot511.is_root(find_track_sets(root).get(known, root))
    return known if known not in known_names() or (patches and TRAIN_SETS[known].patches) else None


def check_track_set(name: str, root: Path | None, *, full: bool = False, progress: Progress | None = None) -> DataReport:
    """Read the whole annotation, and check the first image of every video.

    Args:
        name: Name of the training set.
        root: As for `load_track_set`.
        full: Decode every image.
        progress: Called after each video.

    Raises:
        LockonError: No such data there, or an annotation that cannot be read.
    """
    tracks = load_track_set(name, root)
    report = DataReport(
        name, root or default_root() or Path(), sequences=len(tracks), notes=list(tracks.notes), problems=list(tracks.unread)
    )
    for video in range(len(tracks)):
        groups = list(tracks.rows_by_frame(video).values())
        if tracks.cropped:  # each box has a patch of its own
            groups = [[row] for rows in groups for row in rows]
        report.frames += len(groups)
        for rows in groups if full else groups[:1]:
            report.problems += [f"{tracks.videos[video]}: {fault}" for fault in _faults(tracks, rows, full)]
        if progress is not None:
            progress(video + 1, len(tracks), tracks.videos[video])
    return report


def _faults(tracks: TrackSet, rows: list[int], full: bool) -> list[str]:
    """Return the faults of one image and of the boxes in it."""
    if isinstance(tracks.read, ImageFiles):
        path = tracks.read.path(*tracks.place(rows[0]))
        fault = broken_file(path)
        if fault is not None or not full:
            return [f"{path} {fault}"] if fault is not None else []
    try:
        image = tracks.view(rows[0]).image
    except LockonError as error:
        return [str(error)]
    height, width = image.shape[:2]
    views = [tracks.view(row, lambda *_: image) for row in rows]
    if tracks.cropped:
        return [] if width == height == PATCH else [f"{views[0].id} is a patch of {width}x{height} pixels, expected {PATCH}x{PATCH}"]
    boxes = np.array([view.box for view in views])  # (n, 4)
    outside = (boxes[:, 2:] <= 0).any(1) | (boxes[:, :2] >= [width, height]).any(1)
    return [f"{views[number].id}: the box lies outside the image" for number in np.flatnonzero(outside)]


__all__ = ["check_track_set", "training_only"]
