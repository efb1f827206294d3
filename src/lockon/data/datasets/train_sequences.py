"""`TrackSet`s from what lockon reads for other ends: sequences of benchmarks' training parts, one's own videos, stills."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.data.datasets.registry import load_dataset, load_videos
from lockon.data.datasets.stills import StillImage, list_sets, load_stills, short_videos
from lockon.data.samples.views import is_trainable
from lockon.data.sequence import LazyList, VideoSequence, read_image
from lockon.data.track_masks import SequenceMasks, StillMasks
from lockon.data.tracks import Track, TrackSet
from lockon.ops.boxes import xywh_to_xyxy
from lockon.types import Frame

_UNFIT = "under 6 px, thinner than 1:8, or off the image"


@dataclass(frozen=True, slots=True)
class SequenceFrames:
    """Reads frames of sequences by their names."""

    frames: Mapping[str, LazyList[Frame]]

    def __call__(self, video: str, track: str, frame: int) -> Frame:
        """The image."""
        return self.frames[video][frame]


@dataclass(frozen=True, slots=True)
class ListedImages:
    """Reads images by video and frame number from a table of files."""

    paths: Mapping[tuple[str, int], Path]

    def __call__(self, video: str, track: str, frame: int) -> Frame:
        """The image."""
        return read_image(self.paths[video, frame])


def read_part(root: Path, name: str, skip: Collection[str] = ()) -> TrackSet:
    """The training part of a benchmark (GOT10k_train, LaSOT_train, TrackingNet_train) as `load_dataset` knows it.

    Of each sequence the frames where the target is in sight and its box is wholly inside the image, as in SiamBAN's and RBO's data.
    """
    sequences = load_dataset(name, root)
    return from_sequences(name, {one.name: one for one in sequences}, skip, inside=True)


def read_videos(root: Path, name: str = "videos", skip: Collection[str] = (), *, masks: bool = False) -> TrackSet:
    """One's own videos, or benchmark folders that are given for training; of them the boxes that can train (see `is_trainable`)."""
    sequences = {f"{one.dataset}/{one.name}": one for one in load_videos(root)}
    found = from_sequences(name, sequences, skip, inside=False)
    return (
        replace(found, masks=SequenceMasks({video: one.masks for video, one in sequences.items() if one.masks is not None}))
        if masks
        else found
    )


def from_sequences(name: str, sequences: Mapping[str, VideoSequence], skip: Collection[str] = (), *, inside: bool) -> TrackSet:
    """One track per sequence.

    Args:
        sequences: by the name that the video shall have. inside: only boxes wholly inside the image; else all that `is_trainable` accepts.
    """
    tracks = [
        Track(video, "00", np.flatnonzero(keep), xywh_to_xyxy(sequence.boxes[keep]))
        for video, sequence in sequences.items()
        for keep in (_keep(sequence, inside),)
    ]
    left = sum(len(sequence) for sequence in sequences.values()) - sum(len(np.asarray(track.frames)) for track in tracks)
    found = TrackSet.build(name, tracks, SequenceFrames({video: one.frames for video, one in sequences.items()}), skip=skip)
    why = "hidden, absent or not wholly inside the image" if inside else f"hidden, {_UNFIT}"
    return replace(found, notes=(*found.notes, *((f"{name}: {left} frames left out ({why})",) if left else ())))


def _keep(sequence: VideoSequence, inside: bool) -> NDArray[np.bool_]:
    """(T,) which frames can train."""
    width, height = sequence.frame_size or sequence.frames[0].shape[1::-1]
    boxes = sequence.boxes
    if inside:
        good = (boxes[:, :2] >= 0).all(1) & (boxes[:, 2:] > 0).all(1) & (boxes[:, :2] + boxes[:, 2:] <= [width, height]).all(1)
    else:
        good = np.array([is_trainable(box, width, height) for box in boxes], bool)
    return np.asarray(good if sequence.visible is None else good & sequence.visible)


def read_stills(root: Path, name: str = "stills", skip: Collection[str] = (), *, masks: bool = False) -> TrackSet:
    """Stills and short videos: objects of a short video are tracks over its images, others are tracks of one frame.

    Args:
        skip: sets to leave out, or videos.
    """
    images = load_stills(root, exclude=[one for one in list_sets(root) if one in skip])
    objects: dict[tuple[str, str, int], tuple[StillImage, int]] = {}
    tracks = sorted(_still_tracks(images, objects), key=lambda track: track.video)
    paths = {(video, frame): image.path for (video, _, frame), (image, _) in objects.items()}
    left = sum(len(image.objects) for image in images) - sum(len(np.asarray(track.frames)) for track in tracks)
    found = TrackSet.build(name, tracks, ListedImages(paths), skip=skip)
    notes = (*found.notes, *((f"{name}: {left} objects left out ({_UNFIT})",) if left else ()))
    return replace(found, masks=StillMasks(objects) if masks else None, notes=notes)


def _still_tracks(images: Iterable[StillImage], objects: dict[tuple[str, str, int], tuple[StillImage, int]]) -> Iterator[Track]:
    """The tracks, those of one video not in a row; where each box comes from goes into `objects`, by video, track and frame."""
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


__all__ = ["ListedImages", "SequenceFrames", "from_sequences", "read_part", "read_stills", "read_videos"]
