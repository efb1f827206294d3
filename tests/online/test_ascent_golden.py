"""Every official kind of box ascent on the box network alone, with made-up features and weights."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest

import golden_data
from golden.procedural import fill, normal

torch = pytest.importorskip("torch", reason="needs the torch extra")

import golden_online  # noqa: E402
from golden_online import corners, difference, stored  # noqa: E402
from lockon.models.heads.iou import IoUNet  # noqa: E402
from lockon.online.ascent import BackAfterFall, BoxAscent, DefaultSpace, EveryStep, RelativeSpace  # noqa: E402
from lockon.zoo.dimp import BOX_RENAMES  # noqa: E402

SET = "iounet_refine"
KINDS = [key.removesuffix(".settings") for key in np.load(golden_data.FOLDER / SET / "forward.npz").files if key.endswith(".settings")]


@cache
def _setting() -> tuple[IoUNet, Any, Any, Any]:
    manifest = golden_data.manifest(SET)
    with torch.device("meta"):
        net = IoUNet(128, 256)
    weights = {}
    for entry in manifest["entries"]:
        array = fill(entry["name"], entry["shape"], manifest["salt"], entry.get("gain", 1.0), entry.get("offset", 0.0))
        ours = golden_online.renamed(f"bb_regressor.{entry['name']}", BOX_RENAMES).removeprefix("iou.")
        weights[ours] = torch.from_numpy(array)
    net.load_state_dict(weights, assign=True)
    net.eval()
    inputs = {name: _map(manifest["salt"], name, *size) for name, size in _SIZES.items()}
    with torch.no_grad():
        box = torch.from_numpy(corners(stored(SET)["input.box"]))
        modulation = net.modulation((inputs["ref3"], inputs["ref4"]), box)
        features = net.features((inputs["test3"], inputs["test4"]))
    return net, inputs, modulation, features


_SIZES = {"ref3": (128, 36), "ref4": (256, 18), "test3": (128, 36), "test4": (256, 18)}


def _map(salt: str, name: str, channels: int, side: int) -> torch.Tensor:
    """(1, C, S, S) bilinear in between of 9x9 made-up values, cut at 0; the grid's last cell is repeated."""
    grid = normal(f"{salt}|iou.{name}", (9, 9, channels))
    at = np.clip(np.arange(side) * (9 / side), 0, 8)
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(9)))  # (S, 9)
    values = np.einsum("yi,ijc,xj->cyx", weights, grid, weights, optimize=True)
    return torch.from_numpy(np.maximum(values, 0)[None].astype(np.float32))


def _overlap(boxes: Any) -> tuple[Any, Any]:
    net, _, modulation, features = _setting()
    with torch.no_grad():
        scores, slopes = net.value_and_gradient(features, modulation, torch.from_numpy(np.asarray(boxes, dtype=np.float32)))
    return scores.numpy(), slopes.numpy()


def test_features_modulation_scores_and_gradients() -> None:
    net, inputs, modulation, features = _setting()
    values = stored(SET)
    found = {f"input.{name}": difference(SET, f"input.{name}", value) for name, value in inputs.items()}
    found |= {f"iou_feat.{level}": difference(SET, f"iou_feat.{level}", value) for level, value in enumerate(features)}
    found |= {
        f"modulation.{level}": difference(SET, f"modulation.{level}", value[..., None, None]) for level, value in enumerate(modulation)
    }
    boxes = corners(values["input.proposals"])
    scores, slopes = _overlap(boxes)
    found["iou"] = difference(SET, "iou", scores)
    found["gradients"] = difference(SET, "iou.grad_boxes", np.concatenate([slopes[..., :2] + slopes[..., 2:], slopes[..., 2:]], axis=-1))
    with torch.no_grad():
        found["forward"] = difference(SET, "iou.training_forward", net(features, modulation, torch.from_numpy(boxes))[None])
    assert max(found.values()) <= golden_data.FEATURE_LIMIT, found


def ascent(settings: dict[str, Any]) -> BoxAscent:
    """The ascent of an official parameter file."""
    length, decay = settings["box_refinement_step_length"], settings["box_refinement_step_decay"]
    back = settings["function"].startswith("atom") and decay < 1
    return BoxAscent(
        steps=settings["box_refinement_iter"],
        length=tuple(length) if isinstance(length, list) else (length, length),
        space=RelativeSpace() if settings.get("box_refinement_space") == "relative" else DefaultSpace(),
        decay=BackAfterFall(factor=decay) if back else EveryStep(factor=decay),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_ascent(kind: str) -> None:
    values = stored(SET)
    result = ascent(json.loads(str(values[f"{kind}.settings"])))(_overlap, values["input.proposals"])
    assert np.abs(result.trail[:, 0] - values[f"{kind}.boxes_before_step"]).max() <= golden_data.BOX_LIMIT
    assert np.abs(result.boxes[0] - values[f"{kind}.boxes"]).max() <= golden_data.BOX_LIMIT
    np.testing.assert_allclose(result.trail_scores[:, 0], values[f"{kind}.iou_before_step"], atol=1e-3)
    np.testing.assert_allclose(result.scores[0], values[f"{kind}.iou"], atol=1e-3)


def test_relative_coordinates_and_back() -> None:
    values = stored(SET)
    boxes, space = values["input.proposals"][0].astype(np.float64), RelativeSpace()
    first = boxes[:1, 2:]
    np.testing.assert_allclose(space.encode(boxes, first), values["rect_to_rel"], rtol=1e-6)
    np.testing.assert_allclose(space.encode(boxes, boxes[:, 2:]), values["rect_to_rel_own"], rtol=1e-6)
    np.testing.assert_allclose(space.decode(space.encode(boxes, first), first), values["rel_to_rect"], rtol=1e-6, atol=1e-4)
