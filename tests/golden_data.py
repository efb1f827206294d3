"""Reference values of the official Siamese trackers for tests; golden/README.md says where they come from.

Five networks with made-up weights: "siamrpn_r50", "siamrpn_alex", "siamban_r50", "siampw_rbo", "siamcar_r50". For each: the weights under
their official names, two pairs of crops with features and head outputs, two runs over a video of 21 frames; and losses.
Pictures are RGB here, as lockon has them; the official code saw the same pictures as BGR.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from golden.procedural import Scene, smooth_image, state_dict

FOLDER = Path(__file__).parent / "golden"
NAMES = ("siamrpn_r50", "siamrpn_alex", "siamban_r50", "siampw_rbo", "siamcar_r50")
PAIRS = ("photo", "smooth")
RUNS = ("default", "other")

FEATURE_LIMIT = 1e-4  # features and heads: largest difference, as a fraction of the reference's largest value
BOX_LIMIT = 0.03  # pixels, through Track.strict_through
SCORE_LIMIT = 1e-4
LOSS_LIMIT = 1e-5  # relative
GRADIENT_LIMIT = 1e-4  # of the largest


@dataclass(frozen=True)
class Track:
    """One run of an official tracker; row 0 of each array is the initial box, or NaN.

    Attributes:
        boxes: (21, 4) x, y, w, h as the tracker returns them. scores: (21,).
        argmax_gap: (21,) best minus second best value of the map whose arg-max decides.
        crop_args: (21, 4) cx, cy, side of the crop in the network, side in the image; row 0 is the template's.
        crop_mean: (21,) mean of the crop's values.
        settings: PENALTY_K, WINDOW_INFLUENCE, LR, INSTANCE_SIZE, BASE_SIZE, CONTEXT_AMOUNT.
        strict_through: last frame up to which every run of the same arithmetic gives these boxes; from the next on, a crop is too
            near to rounding the other way, and only one step from the reference's own state can be compared.
    """

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    argmax_gap: NDArray[np.float64]
    crop_args: NDArray[np.float64]
    crop_mean: NDArray[np.float64]
    settings: dict[str, float]
    strict_through: int


@cache
def frames() -> tuple[NDArray[np.uint8], ...]:
    """The 21 frames of the video, (360, 480, 3) RGB."""
    scene = _scene()
    return tuple(scene.frame(i) for i in range(scene.frames))


@cache
def boxes() -> NDArray[np.float64]:
    """(21, 4) x, y, w, h of the target in the video."""
    scene = _scene()
    return np.stack([scene.box(i) for i in range(scene.frames)])


@cache
def _scene() -> Scene:
    return Scene(_picture("background.png"), _picture("patch.png"))


def _picture(name: str) -> NDArray[np.uint8]:
    image = cv2.imread(str(FOLDER / name), cv2.IMREAD_COLOR)
    assert image is not None, name
    return np.ascontiguousarray(image[..., ::-1])


@cache
def manifest(name: str) -> dict[str, Any]:
    """Keys "salt", "config" (the official configuration) and "entries" of a network."""
    loaded: dict[str, Any] = json.loads((FOLDER / name / "manifest.json").read_text(encoding="utf-8"))
    return loaded


def official_state(name: str) -> dict[str, NDArray[Any]]:
    """The network's weights under their official names, as arrays (seconds for a ResNet-50)."""
    return state_dict(manifest(name))


def crop_pair(name: str, pair: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Template (127, 127, 3) and search crop (255 or 287 pixels) whose features and heads are stored."""
    side = 287 if name == "siamrpn_alex" else 255
    if pair == "smooth":  # these have no colour order: their channel 0 was the official code's channel 0
        return tuple(np.ascontiguousarray(smooth_image(key, size, size)[..., ::-1]) for key, size in (("z", 127), ("x", side)))  # type: ignore[return-value]
    first = 38 - (side - 255) // 2, 74 - (side - 255) // 2
    return frames()[0][86 : 86 + 127, 106 : 106 + 127], frames()[6][first[0] : first[0] + side, first[1] : first[1] + side]


def joint_pair(pair: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Template (128, 128, 3) and search crop (256, 256, 3) whose features and heads are stored of the transformers; RGB."""
    if pair == "smooth":
        return smooth_image("z", 128, 128), smooth_image("x", 256, 256)
    return frames()[0][86 : 86 + 128, 106 : 106 + 128], frames()[6][38 : 38 + 256, 73 : 73 + 256]


@cache
def forward(name: str) -> dict[str, NDArray[Any]]:
    """Head outputs ``PAIR.cls``, ``PAIR.loc`` whole; the rest thinned out, see `relative_difference`."""
    return dict(np.load(FOLDER / name / "forward.npz"))


def relative_difference(name: str, key: str, values: NDArray[np.floating[Any]]) -> float:
    """Largest difference between `values` and a stored array, as a fraction of the stored array's largest value.

    Args:
        name: of the network. key: of the array without ending, for example "photo.cls" or "photo.neck.search.0".
        values: the whole array; it must have the stored shape.
    """
    golden = forward(name)
    flat = np.asarray(values, dtype=np.float64)
    if key in golden:
        assert flat.shape == golden[key].shape
        return float(np.abs(flat - golden[key]).max() / np.abs(golden[key]).max())
    assert flat.shape == tuple(golden[f"{key}.shape"]), (flat.shape, golden[f"{key}.shape"])
    low, high, step = golden[f"{key}.range"]
    return float(np.abs(flat.ravel()[:: int(step)] - golden[f"{key}.sample"]).max() / max(abs(low), abs(high)))


@cache
def track(name: str, run: str) -> Track:
    """One of the two runs of a tracker over `frames`, from the first of `boxes`."""
    stored = np.load(FOLDER / name / "track.npz")
    arrays = {field: stored[f"{run}.{field}"] for field in ("boxes", "scores", "argmax_gap", "crop_args", "crop_mean")}
    return Track(**arrays, settings=json.loads(str(stored[f"{run}.settings"])), strict_through=int(stored[f"{run}.strict_through"]))


def track_crops(name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Template crop and search crop of frame 1 of the "default" run, as the tracker cut them from `frames`."""
    side = 287 if name == "siamrpn_alex" else 255
    return _picture("template_crop.png"), _picture(f"search_crop_{side}.png")


@cache
def losses(name: str) -> dict[str, NDArray[Any]]:
    """Arrays of one file of golden/losses, for example "pysot_losses"; texts such as "config" are 0-d arrays of JSON."""
    return dict(np.load(FOLDER / "losses" / f"{name}.npz"))
