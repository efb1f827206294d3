"""`TrackSet`s from other kinds of data: sequences of benchmarks' training parts, custom videos, stills."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.data.datasets.registry import load_dataset, load_videos
from lockon.data.datasets.stills import StillImage, list_sets, load_stills, short_videos
from lockon.data.samples.views import is_trainable
from lockon.data.sequence import VideoSequence, read_image
from lockon.data.track_masks import Mask
from lockon.data.tracks import Track, TrackSet
from lockon.ops.boxes import xywh_to_xyxy
from lockon.types import Frame

_UNFIT = "under 6 px, thinner than 1:8, or off the image"


StillObjects = dict[tuple[str, str, int], tuple[StillImage, int]]
"""The image of an object and its index there, by video, track and frame."""


def read_part(root: Path, name: str, skip: Collection[str] = ()) -> TrackSet:
    """Read the training part of a benchmark (GOT10k_train, LaSOT_train, TrackingNet_train) as `load_dataset` knows it.

    Of each sequence the frames where the target is in sight and its box is wholly inside the image, as in SiamBAN's and RBO's data.

    Args:
        root: Folder of the data.
        name: Name of the benchmark.
        skip: Sequences to leave out.
    """
    sequences = load_dataset(name, root)
    return from_sequences(name, {sequence.name: sequence for sequence in sequences}, skip, inside=True)


def read_videos(root: Path, name: str = "videos", skip: Collection[str] = (), *, masks: bool = False) -> TrackSet:
    """Read custom videos, or benchmark folders to train on; of them the boxes that can train (see `is_trainable`).

    Args:
        root: Folder of the videos.
        name: Name of the set.
        skip: Videos to leave out.
        masks: Whether to keep the masks.
    """
    sequences = {f"{sequence.dataset}/{sequence.name}": sequence for sequence in load_videos(root)}
    tracks = from_sequences(name, sequences, skip, inside=False)
    return replace(tracks, masks=partial(_sequence_mask, sequences)) if masks else tracks


def _sequence_mask(sequences: Mapping[str, VideoSequence], video: str, track: str, frame: int) -> Mask | None:
    masks = sequences[video].masks
    return None if masks is None else masks[frame]


def from_sequences(name: str, sequences: Mapping[str, VideoSequence], skip: Collection[str] = (), *, inside: bool) -> TrackSet:
    """Make a track of each sequence.

    Args:
        name: Name of the set.
        sequences: Sequences by the name that the video must have.
        skip: Videos to leave out.
        inside: Only boxes wholly inside the image; else all that `is_trainable` accepts.
    """
    tracks = [
        Track(video, "00", np.flatnonzero(keep), xywh_to_xyxy(sequence.boxes[keep]))
        for video, sequence in sequences.items()
        for keep in (_keep(sequence, inside),)
    ]
    left = sum(len(sequence) for sequence in sequences.values()) - sum(len(np.asarray(track.frames)) for track in tracks)
    built = TrackSet.build(name, tracks, partial(_sequence_frame, sequences), skip=skip)
    reason = "hidden, absent or not wholly inside the image" if inside else f"hidden, {_UNFIT}"
    return replace(built, notes=(*built.notes, *((f"{name}: {left} frames left out ({reason})",) if left else ())))


def _sequence_frame(sequences: Mapping[str, VideoSequence], video: str, track: str, frame: int) -> Frame:
    return sequences[video].frames[frame]


def _keep(sequence: VideoSequence, inside: bool) -> NDArray[np.bool_]:
    """Return (T,) which frames can train."""
    width, height = sequence.frame_size or sequence.frames[0].shape[1::-1]
    boxes = sequence.boxes
    if inside:
        good = (boxes[:, :2] >= 0).all(1) & (boxes[:, 2:] > 0).all(1) & (boxes[:, :2] + boxes[:, 2:] <= [width, height]).all(1)
    else:
        good = np.array([is_trainable(box, width, height) for box in boxes], bool)
    return np.asarray(good if sequence.visible is None else good & sequence.visible)


def read_stills(root: Path, name: str = "stills", skip: Collection[str] = (), *, masks: bool = False) -> TrackSet:
    """Read stills and short videos: objects of a short video are tracks over its images, others are tracks of one frame.

    Args:
        root: Folder of the sets.
        name: Name of the set.
        skip: Sets or videos to leave out.
        masks: Whether to keep the masks.
    """
    images = load_stills(root, exclude=[folder for folder in list_sets(root) if folder in skip])
    objects: StillObjects = {}
    tracks = sorted(_still_tracks(images, objects), key=lambda track: track.video)
    left = sum(len(image.objects) for image in images) - sum(len(np.asarray(track.frames)) for track in tracks)
    built = TrackSet.build(name, tracks, partial(_still_image, objects), skip=skip)
    notes = (*built.notes, *((f"{name}: {left} objects left out ({_UNFIT})",) if left else ()))
    return replace(built, masks=partial(_still_mask, objects) if masks else None, notes=notes)


def _still_image(objects: StillObjects, video: str, track: str, frame: int) -> Frame:
    return read_image(objects[video, track, frame][0].path)


def _still_mask(objects: StillObjects, video: str, track: str, frame: int) -> Mask | None:
    image, index = objects[video, track, frame]
    return image.mask(index)


def _still_tracks(images: Iterable[StillImage], objects: StillObjects) -> Iterator[Track]:
    """Yield the tracks, those of one video not in a row; the source of each box goes into `objects`, by video, track and frame."""
    images = list(images)
    moving: set[tuple[Path, int]] = set()
    counts: dict[str, int] = {}
    for video in short_videos(images):
        key = f"{video.set}/{video.video}"
        members = [
            (number if image.frame is None else image.frame, image, index)
            for number, (image, index) in enumerate(zip(video.images, video.indices, strict=True))
            if _usable(image, index)
        ]
        if len(members) < 2:
            continue
        moving |= {(image.path, index) for _, image, index in members}
        boxes = [xywh_to_xyxy(image.objects[index].box) for _, image, index in members]
        counts[key] = counts.get(key, -1) + 1
        objects |= {(key, f"{counts[key]:02d}", number): (image, index) for number, image, index in members}
        yield Track(key, f"{counts[key]:02d}", [number for number, _, _ in members], boxes)
    for image in images:
        key = f"{image.set}/{image.path.name}"
        alone = [index for index in range(len(image.objects)) if _usable(image, index) and (image.path, index) not in moving]
        for number, index in enumerate(alone):
            objects[key, f"{number:02d}", 0] = image, index
            yield Track(key, f"{number:02d}", [0], [xywh_to_xyxy(image.objects[index].box)])


def _usable(image: StillImage, index: int) -> bool:
    return is_trainable(np.asarray(image.objects[index].box), image.width, image.height)


__all__ = ["from_sequences", "read_part", "read_stills", "read_videos"]
