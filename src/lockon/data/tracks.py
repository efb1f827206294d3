"""`TrackSet`: the annotated objects of one training dataset, with millions of boxes in a few arrays and images read when asked for.

Three levels: a video has tracks (objects), a track has boxes in some frames. A still image is a video of one frame. Boxes are those of
the PySOT family: corners x1, y1, x2, y2 as the annotation gives them, w = x2 - x1, used as pixel indices.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon._names import inside
from lockon.data.samples.views import View
from lockon.data.sequence import read_image
from lockon.errors import LockonError
from lockon.types import Frame

Read = Callable[[str, str, int], Frame]
"""(video, track, frame number) -> image, (H, W, 3) uint8 RGB."""
ReadMask = Callable[[str, str, int], "NDArray[np.bool_] | None"]
"""(video, track, frame number) -> (H, W) bool mask in the image, or None where the object has none."""


class Track(NamedTuple):
    """One object as a reader finds it: boxes (n, 4) x1, y1, x2, y2 of the frames (n,), in any order."""

    video: str
    name: str
    frames: ArrayLike
    boxes: ArrayLike


@dataclass(frozen=True, slots=True, eq=False)
class TrackSet:
    """The tracks of one dataset.

    Attributes:
        name: Of the dataset.
        videos: V names, each unique.
        tracks: T names, unique within their video.
        video_starts: (V + 1,) video v has the tracks video_starts[v] to video_starts[v + 1] - 1.
        track_starts: (T + 1,) likewise the boxes of each track.
        frames: (F,) int32 frame number of each box, ascending within a track.
        boxes: (F, 4) float32 x1, y1, x2, y2.
        read: Gives an image.
        cropped: Whether the images are 511-pixel patches.
        relative: Whether boxes are fractions of the image's width and height (YouTube-BB).
        masks: Gives the mask of an object in an image (or patch); None where the dataset has none or they were not asked for.
        notes: What was left out on reading, for the user.
        unread: The videos whose annotation cannot be read, and why, a line each; one of the notes says it in short.
    """

    name: str
    videos: tuple[str, ...]
    tracks: tuple[str, ...]
    video_starts: NDArray[np.int64]
    track_starts: NDArray[np.int64]
    frames: NDArray[np.int32]
    boxes: NDArray[np.float32]
    read: Read = field(repr=False)
    cropped: bool = False
    relative: bool = False
    masks: ReadMask | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    @classmethod
    def build(
        cls,
        name: str,
        tracks: Iterable[Track],
        read: Read,
        *,
        cropped: bool = False,
        relative: bool = False,
        skip: Collection[str] = (),
        bad: Mapping[str, str] | None = None,
    ) -> TrackSet:
        """Collect tracks; boxes without width or height, what they leave empty, and videos with a track that is none are dropped.

        Args:
            name: Name of the set.
            tracks: Those of one video in a row.
            read: Reads the image of a video, a track and a frame.
            cropped: As the field.
            relative: As the field.
            skip: Names of videos to leave out (a name without its folders counts too).
            bad: Videos that the reader of the tracks cannot read, and why; it may grow while the tracks are read.

        Raises:
            LockonError: Nothing is left, or the tracks of one video do not come in a row.
        """
        found = _Gathered()
        skipped = 0
        for video, members in groupby(tracks, key=lambda track: track.video):
            if _is_among(video, skip):
                skipped += 1
            else:
                found.add(video, list(members))
        wrong = {video: why for video, why in (bad or {}).items() if not _is_among(video, skip)} | found.wrong
        frames, boxes, owner, dropped = found.sound()
        lengths = np.bincount(owner, minlength=len(found.names))  # (T,) boxes left of each track
        kept = np.flatnonzero(lengths)
        videos, per_video = np.unique(np.array(found.owner, np.int64)[kept], return_counts=True)
        if not len(kept):
            first = "".join(f"; {video}: {why}" for video, why in [*wrong.items()][:1])
            raise LockonError(
                f"{name} has no box that can train ({skipped} videos skipped, {dropped} boxes without width or height){first}"
            )
        chosen = tuple(found.videos[video] for video in videos)
        if len(set(chosen)) != len(chosen):
            raise LockonError(f"{name}: the tracks of some video do not come in a row; sort the annotation by video")
        return cls(
            name,
            chosen,
            tuple(found.names[track] for track in kept),
            np.append(0, np.cumsum(per_video)),
            np.append(0, np.cumsum(lengths[kept])),
            frames,
            boxes,
            read,
            cropped,
            relative,
            notes=_left_out(name, skipped, dropped, wrong),
            unread=tuple(f"{video}: {why}" for video, why in wrong.items()),
        )

    def __len__(self) -> int:
        """Return the number of videos."""
        return len(self.videos)

    def tracks_of(self, video: int) -> range:
        """Return the numbers of a video's tracks."""
        return range(int(self.video_starts[video]), int(self.video_starts[video + 1]))

    def rows(self, track: int) -> range:
        """Return the rows of `frames` and `boxes` that belong to a track, in the order of its frames."""
        return range(int(self.track_starts[track]), int(self.track_starts[track + 1]))

    def rows_by_frame(self, video: int) -> dict[int, list[int]]:
        """Return the rows of all tracks of a video by frame number, both ascending: those that share an image (unless it is `cropped`)."""
        first, last = (int(self.track_starts[self.video_starts[number]]) for number in (video, video + 1))
        found: dict[int, list[int]] = {}
        for place in np.argsort(self.frames[first:last], kind="stable").tolist():
            found.setdefault(int(self.frames[first + place]), []).append(first + place)
        return found

    def video_of(self, track: int) -> int:
        """Return the number of the video that a track belongs to."""
        return int(np.searchsorted(self.video_starts, track, side="right")) - 1

    def track_of(self, row: int) -> int:
        """Return the number of the track that a box belongs to."""
        return int(np.searchsorted(self.track_starts, row, side="right")) - 1

    def place(self, row: int) -> tuple[str, str, int]:
        """Return video, track and frame number of one box: what its image and mask are read by."""
        track = self.track_of(row)
        return self.videos[self.video_of(track)], self.tracks[track], int(self.frames[row])

    def view(self, row: int, read: Read | None = None) -> View:
        """Return the image, box and mask of one row, called "SET/VIDEO/FRAME.TRACK".

        The box of a patch is in pixels of the image that it was cut from, so that its size alone means something.

        Args:
            row: 0 to F - 1.
            read: Reads the image instead of the set's own function (a cache).

        Raises:
            LockonError: The image is missing or broken.
        """
        video, track, frame = self.place(row)
        image = (read or self.read)(video, track, frame)
        box = self.boxes[row].astype(np.float64)
        if self.relative:
            height, width = image.shape[:2]
            box *= [width, height, width, height]
        return View(image, box, f"{self.name}/{video}/{frame:06d}.{track}", None if self.masks is None else partial(self.mask, row))

    def mask(self, row: int) -> NDArray[np.bool_] | None:
        """Return the mask of one row, as large as its image; None where there is none."""
        return None if self.masks is None else self.masks(*self.place(row))


def _is_among(video: str, names: Collection[str]) -> bool:
    return bool(names) and (video in names or video.rpartition("/")[2] in names)


def _left_out(name: str, skipped: int, dropped: int, wrong: Mapping[str, str]) -> tuple[str, ...]:
    notes = [f"{name}: {skipped} videos left out by the list of bad ones"] if skipped else []
    notes += [f"{name}: {dropped} boxes without width or height left out"] if dropped else []
    if wrong:
        some = ", ".join(f"{video} ({why})" for video, why in [*wrong.items()][:3])
        notes.append(f"{name}: {len(wrong)} videos left out that cannot be read: {some}{f' and {len(wrong) - 3} more' * (len(wrong) > 3)}")
    return tuple(notes)


class _Gathered:
    """Tracks as they come, put in order all at once: datasets have a million of them."""

    def __init__(self) -> None:
        self.wrong: dict[str, str] = {}  # videos that were not taken, and why
        self.videos: list[str] = []
        self.names: list[str] = []
        self.owner: list[int] = []  # of each track: its video
        self.frames: list[NDArray[np.int32]] = []
        self.boxes: list[NDArray[np.float32]] = []

    def add(self, video: str, members: Sequence[Track]) -> None:
        """Add the tracks of one video; none of them where one has no numbers, or not a box per frame."""
        rows = []
        for track in members:
            try:
                frames, boxes = np.asarray(track.frames, np.int32), np.asarray(track.boxes, np.float32).reshape(-1, 4)
            except (TypeError, ValueError, OverflowError) as error:
                self.wrong[video] = f"track {track.name}: frames or boxes are no numbers of their kind, {error}"
                return
            if frames.shape != (len(boxes),):
                self.wrong[video] = f"track {track.name}: {len(frames)} frames but {len(boxes)} boxes"
                return
            rows.append((frames, boxes))
        self.names += [track.name for track in members]
        self.owner += [len(self.videos)] * len(members)
        self.frames += [frames for frames, _ in rows]
        self.boxes += [boxes for _, boxes in rows]
        self.videos.append(video)

    def sound(self) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64], int]:
        """Return frames (F,), boxes (F, 4) and tracks (F,) of the boxes with an area, by track and frame, and how many have none.

        Of two boxes of one track and frame the last one counts.
        """
        owner = np.repeat(np.arange(len(self.frames)), [len(frames) for frames in self.frames])
        frames = np.concatenate([np.zeros(0, np.int32), *self.frames])
        boxes = np.concatenate([np.zeros((0, 4), np.float32), *self.boxes])
        good = np.isfinite(boxes).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        order = np.lexsort((frames, owner))
        order = order[good[order]]
        frames, boxes, owner = frames[order], boxes[order], owner[order]
        last = np.append((np.diff(frames) != 0) | (np.diff(owner) != 0), True)[: len(frames)]
        return frames[last], boxes[last], owner[last], int((~good).sum())


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """Reads ROOT/PATTERN.

    The pattern may have {video}, {track}, {frame} (as in "{frame:06d}") and, of a video named "FOLDERS/CLIP", {folder} and {clip}.
    """

    root: Path
    pattern: str

    def path(self, video: str, track: str, frame: int) -> Path:
        """Return the file of one image.

        Raises:
            LockonError: A name that leads out of the folder.
        """
        folder, _, clip = video.rpartition("/")
        return inside(self.root, self.pattern.format(video=video, track=track, frame=frame, folder=folder, clip=clip), str(self.root))

    def __call__(self, video: str, track: str, frame: int) -> Frame:
        """Read the image.

        Raises:
            LockonError: It is missing or broken.
        """
        return read_image(self.path(video, track, frame))


__all__ = ["ImageFiles", "Read", "ReadMask", "Track", "TrackSet"]
