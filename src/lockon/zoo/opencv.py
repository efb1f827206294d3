"""The trackers that come with OpenCV, behind our `Tracker` interface: yardsticks that everybody has.

CSRT (Lukezic et al., IJCV 2018), KCF (Henriques et al., TPAMI 2015), MIL (Babenko et al., CVPR 2009), and NanoTrack v1/v2
(github.com/HonglinChu/SiamTrackers) through ``cv2.TrackerNano``. Works with OpenCV 4 and 5, where these classes have moved
between ``cv2`` and ``cv2.legacy``. OpenCV wants whole-pixel boxes, so the start box is rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from lockon.errors import LockonError, unknown_name
from lockon.ops.boxes import check_boxes
from lockon.ops.pixels import to_rgb
from lockon.types import FloatArray, Frame, Result, State

PACKAGE = "opencv-contrib-python-headless"


@dataclass(frozen=True, slots=True)
class Kind:
    """One tracker of OpenCV.

    Attributes:
        title: the class is ``cv2.Tracker<title>``.
        network: needs a folder with `FILES`.
        min_side: smallest side of a start box in pixels; OpenCV's MIL never returns from smaller ones.
    """

    title: str
    network: bool = False
    min_side: int = 1


KINDS = {
    "csrt": Kind("CSRT"),
    "kcf": Kind("KCF"),
    "mil": Kind("MIL", min_side=6),
    "nanotrack-v1": Kind("Nano", network=True),
    "nanotrack-v2": Kind("Nano", network=True),
}
FILES = ("nanotrack_backbone_sim.onnx", "nanotrack_head_sim.onnx")


class OpenCVTracker:
    """One OpenCV tracker object per box.

    Args:
        name: for messages.
        create: makes a fresh OpenCV tracker.
        min_side: smallest side of a start box in whole pixels.
        scored: take the network's tracking score; without one the score is 1 while OpenCV holds on.

    Attributes:
        makes_masks: False, results have no masks.
    """

    makes_masks = False

    def __init__(self, name: str, create: Callable[[], Any], *, min_side: int = 1, scored: bool = False) -> None:
        self.name = name
        self._create = create
        self._min_side = min_side
        self._scored = scored  # OpenCV 5 has getTrackingScore on all trackers, and it is 0 on those without a network
        self._trackers: list[Any] = []
        self._boxes: FloatArray = np.zeros((0, 4))
        self._size = (0, 0)
        self._single = True

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Start on `frame` with one box (4,) or n boxes (n, 4), x, y, w, h in pixels, rounded to whole ones.

        Raises:
            LockonError: a malformed box, or one that OpenCV cannot start on.
        """
        frame = to_rgb(frame)
        height, width = frame.shape[:2]
        boxes = np.atleast_2d(check_boxes(box, width, height))
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        self._trackers = [self._start(image, row) for row in boxes]
        self._boxes, self._size, self._single = boxes, (width, height), np.ndim(box) == 1

    def track(self, frame: Frame) -> Result:
        """Find every target in the next frame. A target that OpenCV gives up is "lost", with score 0 and its last box.

        Raises:
            LockonError: before `init`, or when the frame's size differs from the first frame's.
        """
        if not self._trackers:
            raise LockonError("track() before init(); call tracker.init(frame, (x, y, w, h)) on the first frame")
        frame = to_rgb(frame)
        if frame.shape[1::-1] != self._size:
            now, began = ("x".join(map(str, size)) for size in (frame.shape[1::-1], self._size))
            raise LockonError(f"frame of {now} pixels, but tracking began on {began}; resize the frames to one size, or call init() again")
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        found = [self._update(tracker, image) for tracker in self._trackers]
        self._boxes = np.stack([last if new is None else new for (new, _), last in zip(found, self._boxes, strict=True)])
        scores = np.array([score for _, score in found])
        states: tuple[State, ...] = tuple("lost" if new is None else "tracked" for new, _ in found)
        if self._single:
            return Result(self._boxes[0].copy(), float(scores[0]), states[0])
        return Result(self._boxes.copy(), scores, states)

    def _start(self, image: Any, box: FloatArray) -> Any:
        rect = tuple(round(value) for value in box.tolist())
        shown = ",".join(map(str, rect))
        if min(rect[2:]) < self._min_side:
            raise LockonError(f"{self.name} cannot start on box {shown}; it needs at least {self._min_side} pixels on each side")
        tracker = self._create()
        try:
            tracker.init(image, rect)
        except cv2.error as error:
            raise LockonError(f"{self.name} cannot start on box {shown}: OpenCV says {_reason(error)}; try a larger box") from None
        return tracker

    def _update(self, tracker: Any, image: Any) -> tuple[FloatArray | None, float]:
        """Box (None: given up) and score in [0, 1]."""
        try:
            ok, rect = tracker.update(image)
        except cv2.error as error:
            raise LockonError(f"{self.name} failed inside OpenCV {cv2.__version__}: {_reason(error)}; start it again with init()") from None
        if not ok:
            return None, 0.0
        score = float(np.clip(tracker.getTrackingScore(), 0, 1)) if self._scored else 1.0
        return np.asarray(rect, dtype=np.float64), score


def load(name: str, *, weights: Path | None, preset: str, device: str, **overrides: Any) -> OpenCVTracker:
    """One of OpenCV's trackers.

    Args:
        name: a key of `KINDS`.
        weights: for NanoTrack the folder with its two ONNX files; None for the others.
        preset: "default" only. device: "auto" or "cpu". overrides: none are known.

    Raises:
        LockonError: another value of an argument, a missing file, or an OpenCV without this tracker.
    """
    if name not in KINDS:
        raise unknown_name("OpenCV tracker", name, KINDS)
    if preset != "default":
        raise unknown_name(f"preset of {name}", preset, ("default",))
    if device not in ("auto", "cpu"):
        raise LockonError(f"{name} runs on the CPU only, device {device!r} given; use device='cpu'")
    if overrides:
        raise LockonError(f"{name} has no option {next(iter(overrides))!r}; OpenCV's trackers run with their own parameters")
    files = weight_files(name, weights)
    kind = KINDS[name]
    create = partial(_create_nano, _find("Nano"), *files) if kind.network else _find(kind.title)
    tracker = OpenCVTracker(name, create, min_side=kind.min_side, scored=kind.network)
    with _only_errors():
        create()  # an unreadable network file is an error now, not at the first box
    return tracker


def weight_files(name: str, weights: Path | None) -> tuple[Path, ...]:
    """The files of a tracker's weights: none for the trackers without a network.

    Raises:
        LockonError: a folder is missing, incomplete, or given to a tracker that has no weights.
    """
    if not KINDS[name].network:
        if weights is not None:
            raise LockonError(f"{name} has no weights, {weights} given; leave weights out")
        return ()
    if weights is None:
        raise LockonError(f"{name} needs weights: the folder with {' and '.join(FILES)}, for example --weights {name}=DIR")
    files = tuple(weights / file for file in FILES)
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise LockonError(f"{weights} has no {' and no '.join(missing)}; expected the folder with {name}'s two ONNX files")
    return files


def _find(title: str) -> Callable[..., Any]:
    """The function that makes a tracker, wherever this OpenCV has it."""
    for home in (cv2, getattr(cv2, "legacy", None)):
        if hasattr(home, f"Tracker{title}_create"):
            found: Callable[..., Any] = getattr(home, f"Tracker{title}_create")
            return found
        if hasattr(getattr(home, f"Tracker{title}", None), "create"):
            made: Callable[..., Any] = getattr(home, f"Tracker{title}").create
            return made
    raise LockonError(
        f"this OpenCV ({cv2.__version__}) has no {title} tracker; type: pip install {PACKAGE} (and uninstall other opencv packages)"
    )


def _create_nano(make: Callable[..., Any], backbone: Path, head: Path) -> Any:
    params = getattr(cv2, "TrackerNano_Params")()  # noqa: B009 - not in OpenCV's type stubs
    params.backbone, params.neckhead = str(backbone), str(head)
    with _only_errors():
        try:
            return make(params)
        except cv2.error as error:
            raise LockonError(f"OpenCV cannot read {backbone.parent} ({_reason(error)}); copy the two ONNX files again") from None


@contextmanager
def _only_errors() -> Iterator[None]:
    """OpenCV 5 warns on every network that targets are not supported by its new engine; that is no news to a user."""
    logging: Any = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        logging.setLogLevel(level)


def _reason(error: cv2.error) -> str:
    text = " ".join(str(error).split())
    return text.partition("error: ")[2].strip() or text


__all__ = ["FILES", "KINDS", "OpenCVTracker", "load", "weight_files"]
