"""Trackers and sequences that worker processes can import: no network, no files that a test did not make."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path

import cv2
import numpy as np

from lockon.bench.run import TrackerSpec
from lockon.data.sequence import LazyList, VideoSequence, read_image
from lockon.errors import LockonError, LockonWarning
from lockon.types import Result

SIZE = (48, 32)  # width, height of the frames


class Still:
    """Answers its start box for ever."""

    def init(self, frame, box):
        self.box = np.asarray(box, dtype=np.float64)

    def track(self, frame):
        return Result(self.box, 0.5, "uncertain")


class Broken(Still):
    """Cannot track red sequences (see `make_sequence`)."""

    def track(self, frame):
        if frame[0, 0, 0] > 200:
            raise RuntimeError("first line\nno red, please")
        return super().track(frame)


class Dying(Still):
    """Takes its process along on red sequences."""

    def track(self, frame):
        if frame[0, 0, 0] > 200:
            os._exit(7)
        return super().track(frame)


class Random(Still):
    """Moves at random: the same for the same seed."""

    def track(self, frame):
        self.box = self.box + np.random.normal(size=4)
        return super().track(frame)


class Warner(Still):
    def init(self, frame, box):
        warnings.warn("box clipped", LockonWarning, stacklevel=2)
        super().init(frame, box)


class Killed(Still):
    """Is killed from outside on its first red frame ever, and never again; the `marker` file remembers."""

    def __init__(self, marker, times=1):
        self.marker, self.times = Path(marker), times

    def track(self, frame):
        if frame[0, 0, 0] > 200 and len(self.marker.read_text() if self.marker.exists() else "") < self.times:
            with self.marker.open("a") as stream:
                stream.write("x")
            os.kill(os.getpid(), signal.SIGKILL)
        self.box = self.box + np.array([1, 0.5, 0, 0])
        return super().track(frame)


class Slow(Still):
    """Takes its time, and moves."""

    def __init__(self, seconds):
        self.seconds = seconds

    def track(self, frame):
        time.sleep(self.seconds)
        self.box = self.box + np.array([1, 0.5, 0, 0])
        return super().track(frame)


class Device(Still):
    """Answers a box that says which device it was made on."""

    def __init__(self, device):
        self.device = int(device.partition(":")[2])

    def track(self, frame):
        return Result(np.array([self.device, os.getpid() % 1000, 10, 10.0]), 0.5, "tracked")


KINDS = {"still": Still, "broken": Broken, "dying": Dying, "random": Random, "warner": Warner, "killed": Killed, "slow": Slow}


def make(spec: TrackerSpec):
    if spec.name not in KINDS:
        raise LockonError(f"no weights for {spec.name}; train it")
    return KINDS[spec.name](**spec.overrides)


def make_on_device(spec: TrackerSpec):
    return Device(spec.device)


def make_color_tracker(spec: TrackerSpec):
    from colored_videos import color_tracker

    return color_tracker()


def make_sequence(folder: Path, name: str, *, frames: int = 4, red: bool = False, skip: int = 0, dataset: str = "made") -> VideoSequence:
    """`frames` equal pictures with the target at 5,5,10,10; no annotation on the first `skip` of them."""
    paths = []
    (folder / name).mkdir(parents=True)
    for index in range(frames):
        image = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
        image[..., 2] = 255 if red else 20  # BGR on disk
        paths.append(folder / name / f"{index:04d}.png")
        assert cv2.imwrite(str(paths[-1]), image)
    boxes = np.tile([5.0, 5, 10, 10], (frames, 1))
    boxes[:skip] = np.nan
    return VideoSequence(name, dataset, LazyList(paths, read_image), boxes)
