"""`TrackSet`s from other kinds of data: sequences of benchmarks' training parts, custom videos, stills."""

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
    """Frames of sequences, read by the sequences' names.

    Attributes:
        frames: T lazy frames by name.
    """

    frames: Mapping[str, LazyList[Frame]]

    def __call__(self, video: str, track: str, frame: int) -> Frame:
        """Read the image."""
        return self.frames[video][frame]


@dataclass(frozen=True, slots=True)
class ListedImages:
    """Images read by video and frame number from a table of files.

    Attributes:
        paths: File by (video, frame).
    """

    paths: Mapping[tuple[str, int], Path]

    def __call__(self, video: str, track: str, frame: int) -> Frame:
        """Read the image."""
        return read_image(self.paths[video, frame])


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
    if not masks:
        return tracks
    return replace(tracks, masks=SequenceMasks({video: item.masks for video, item in sequences.items() if item.masks is not None}))


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
    frames = SequenceFrames({video: sequence.frames for video, sequence in sequences.items()})
    built = TrackSet.build(name, tracks, frames, skip=skip)
    reason = "hidden, absent or not wholly inside the image" if inside else f"hidden, {_UNFIT}"
    return replace(built, notes=(*built.notes, *((f"{name}: {left} frames left out ({reason})",) if left else ())))


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
    objects: dict[tuple[str, str, int], tuple[StillImage, int]] = {}
    tracks = sorted(_still_tracks(images, objects), key=lambda track: track.video)
    paths = {(video, frame): image.path for (video, _, frame), (image, _) in objects.items()}
    left = sum(len(image.objects) for image in images) - sum(len(np.asarray(track.frames)) for track in tracks)
    built = TrackSet.build(name, tracks, ListedImages(paths), skip=skip)
    notes = (*built.notes, *((f"{name}: {left} objects left out ({_UNFIT})",) if left else ()))
    return replace(built, masks=StillMasks(objects) if masks else None, notes=notes)


def _still_tracks(images: Iterable[StillImage], objects: dict[tuple[str, str, int], tuple[StillImage, int]]) -> Iterator[Track]:
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


__all__ = ["ListedImages", "SequenceFrames", "from_sequences", "read_part", "read_stills", "read_videos"]
