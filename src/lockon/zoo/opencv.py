"""The trackers that come with OpenCV, behind our `Tracker` interface: yardsticks that everybody has.

CSRT (Lukezic et al., IJCV 2018), KCF (Henriques et al., TPAMI 2015), MIL (Babenko et al., CVPR 2009), and NanoTrack v1/v2
(github.com/HonglinChu/SiamTrackers) through ``cv2.TrackerNano``. Works with OpenCV 4 and 5, where these classes have moved
between ``cv2`` and ``cv2.legacy``. OpenCV wants whole-pixel boxes, so the start box is rounded. What draws
random numbers (MIL) takes them from generators of OpenCV and C, which are seeded before each step: the same frames give the same boxes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from lockon._one_thread import OneThread, exclusive
from lockon._seeds import seed_opencv
from lockon.errors import LockonError
from lockon.ops.boxes import check_boxes
from lockon.ops.pixels import FrameConversion
from lockon.types import FloatArray, Result, State
from lockon.zoo.card import Card

PACKAGE = "opencv-contrib-python-headless"


MIL_SIDE = 6  # pixels; it never returns from smaller boxes
SCORED = ("Nano", "Vit", "DaSiamRPN")  # trackers of OpenCV with a network, whose score means something
FILES = ("nanotrack_backbone_sim.onnx", "nanotrack_head_sim.onnx")


class OpenCVTracker(OneThread):
    """One OpenCV tracker object per box.

    Args:
        name: For messages.
        create: Makes a fresh OpenCV tracker.
        min_side: Smallest side of a start box in whole pixels.
        scored: Take the network's tracking score; without one the score is 1 while OpenCV holds on.
        seed: Of the random numbers.

    Attributes:
        makes_masks: False, results have no masks.
    """

    makes_masks = False

    def __init__(self, name: str, create: Callable[[], Any], *, min_side: int = 1, scored: bool = False, seed: int = 0) -> None:
        self.name = name
        self._create = create
        self._min_side = min_side
        self._scored = scored  # OpenCV 5 has getTrackingScore on all trackers, and it is 0 on those without a network
        self._seed = seed
        self._frame = 0
        self._trackers: list[Any] = []
        self._boxes: FloatArray = np.zeros((0, 4))
        self._size = (0, 0)
        self._single = True
        self._conversion = FrameConversion()

    def __getstate__(self) -> dict[str, Any]:
        if self._trackers:
            raise LockonError(f"{self.name} keeps what it learns inside OpenCV, where it cannot be copied; copy or pickle it before init()")
        return super().__getstate__()

    @exclusive
    def init(self, frame: ArrayLike, box: ArrayLike, *, range: ArrayLike | None = None, color: str = "rgb") -> None:
        """Start on `frame` with one box (4,) or n boxes (n, 4), x, y, w, h in pixels, rounded to whole ones.

        Args:
            frame: As for `Session.init`.
            box: (4,) or (n, 4).
            range: As for `Session.init`.
            color: As for `Session.init`.

        Raises:
            LockonError: A malformed frame or box, or one that OpenCV cannot start on.
        """
        conversion = FrameConversion(range, color)
        frame = conversion(frame)
        height, width = frame.shape[:2]
        checked = check_boxes(box, width, height)
        boxes = np.atleast_2d(checked)
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        self._frame = 0
        self._trackers = [self._start(image, row) for row in boxes]
        self._boxes, self._size, self._single, self._conversion = boxes, (width, height), checked.ndim == 1, conversion

    @exclusive
    def track(self, frame: ArrayLike, *, color: str | None = None) -> Result:
        """Find every target in the next frame. A target that OpenCV gives up is "lost", with score 0 and its last box.

        Args:
            frame: As for `Session.track`.
            color: As for `Session.track`.

        Raises:
            LockonError: Before `init`, or when the frame's size differs from the first frame's.
        """
        if not self._trackers:
            raise LockonError("track() before init(); call tracker.init(frame, (x, y, w, h)) on the first frame")
        frame = self._conversion(frame, color)
        if frame.shape[1::-1] != self._size:
            now, began = ("x".join(map(str, size)) for size in (frame.shape[1::-1], self._size))
            raise LockonError(f"frame of {now} pixels, but tracking began on {began}; resize the frames to one size, or call init() again")
        image = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
        self._frame += 1
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
        self._seed_opencv()
        try:
            tracker.init(image, rect)
        except cv2.error as error:
            raise LockonError(f"{self.name} cannot start on box {shown}: OpenCV says {_reason(error)}; try a larger box") from None
        return tracker

    def _update(self, tracker: Any, image: Any) -> tuple[FloatArray | None, float]:
        """Return the box (None: given up) and the score in [0, 1]."""
        self._seed_opencv()
        try:
            ok, rect = tracker.update(image)
        except cv2.error as error:
            raise LockonError(f"{self.name} failed inside OpenCV {cv2.__version__}: {_reason(error)}; start it again with init()") from None
        if not ok:
            return None, 0.0
        score = float(np.clip(tracker.getTrackingScore(), 0, 1)) if self._scored else 1.0
        return np.asarray(rect, dtype=np.float64), score

    def _seed_opencv(self) -> None:
        seed_opencv((self._seed * 1_000_003 + self._frame) % 2**31)


def is_opencv_tracker(value: object) -> bool:
    """Return whether something is a tracker object of OpenCV itself, such as ``cv2.TrackerCSRT_create()`` returns."""
    return type(value).__module__.partition(".")[0] == "cv2" and hasattr(value, "init") and hasattr(value, "update")


def around_opencv(tracker: Any) -> OpenCVTracker:
    """Return OpenCV's own tracker object as a tracker of one target."""
    name = type(tracker).__name__
    free = [tracker]

    def take() -> Any:
        if not free:
            raise LockonError(f"this {name} object of OpenCV follows one target, and has one; give one box, and a new object per video")
        return free.pop()

    return OpenCVTracker(name, take, min_side=MIL_SIDE if "MIL" in name else 1, scored=any(word in name for word in SCORED))


def _construct(
    name: str, title: str, weights: Path | None, device: str, overrides: Mapping[str, Any], *, min_side: int = 1
) -> OpenCVTracker:
    """Make one of OpenCV's trackers.

    Args:
        name: Of the card.
        title: The class is ``cv2.Tracker<title>``.
        weights: For NanoTrack the folder with its two ONNX files; None for the others.
        device: "auto" or "cpu".
        overrides: None are known.
        min_side: Smallest side of a start box in pixels.

    Raises:
        LockonError: Another value of an argument, or an OpenCV without this tracker.
    """
    if device not in ("auto", "cpu"):
        raise LockonError(f"{name} runs on the CPU only, device {device!r} given; use device='cpu'")
    if overrides:
        raise LockonError(f"{name} has no option {next(iter(overrides))!r}; OpenCV's trackers run with their own parameters")
    network = title == "Nano"
    if weights is not None and not network:
        raise LockonError(f"{name} has no weights, {weights} given; leave weights out")
    create = _find(title)
    if weights is not None:
        create = partial(_create_nano, create, *(weights / file for file in FILES))
    tracker = OpenCVTracker(name, create, min_side=min_side, scored=network)
    with _only_errors():
        create()  # an unreadable network file is an error now, not at the first box
    return tracker


def _find(title: str) -> Callable[..., Any]:
    """Return the function that makes a tracker, wherever this OpenCV has it."""
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
    """Silence the warnings of OpenCV 5, which says of every network that its new engine does not support targets."""
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


CARDS = (
    Card(
        name="csrt", summary="OpenCV's CSRT (discriminative correlation filter, no network)", construct=partial(_construct, "csrt", "CSRT")
    ),
    Card(name="kcf", summary="OpenCV's KCF (kernelized correlation filter, fixed scale)", construct=partial(_construct, "kcf", "KCF")),
    Card(
        name="mil",
        summary="OpenCV's MIL (online boosting, fixed scale)",
        construct=partial(_construct, "mil", "MIL", min_side=MIL_SIDE),
    ),
    *(
        Card(
            name=f"nanotrack-{version}",
            summary=f"NanoTrack {version} in OpenCV; weights= a folder with its two ONNX files",
            construct=partial(_construct, f"nanotrack-{version}", "Nano"),
            folder=FILES,
        )
        for version in ("v1", "v2")
    ),
)


__all__ = ["CARDS", "FILES", "OpenCVTracker", "around_opencv", "is_opencv_tracker"]
