"""`refine()` on whole frames: the official refiner's boxes and masks, with made-up weights (golden/README.md)."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

import golden_alpharefine  # noqa: E402
import golden_data  # noqa: E402
from lockon.export.torch_model import TorchModel  # noqa: E402
from lockon.localizers.masks import mask_box  # noqa: E402
from lockon.ops.boxes import xywh_to_cxcywh  # noqa: E402
from lockon.ops.crop_rules import OfficialStretchedRule  # noqa: E402
from lockon.refiners.alpha_refine import AlphaRefiner, RefinerConfig  # noqa: E402
from lockon.start_rules import UnclippedStart  # noqa: E402

BOX_LIMIT = 0.03  # pixels; measured 6e-4
MASK_LIMIT = 1e-4  # of probabilities


def golden(run: str) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{run}."): value for key, value in golden_alpharefine.refine().items() if key.startswith(f"{run}.")}


def refiner(settings: dict[str, float]) -> AlphaRefiner:
    model = TorchModel(golden_alpharefine.network())
    config = RefinerConfig(crop=OfficialStretchedRule(factor=settings["search_factor"]), start=UnclippedStart())
    found = AlphaRefiner(model, config)
    found.init(golden_data.frames()[0], golden_alpharefine.refine()["frame0_box"])
    return found


def test_the_crop_to_the_byte() -> None:
    box = golden("default")["input_boxes"][0]
    crop = OfficialStretchedRule(factor=2.0)(xywh_to_cxcywh(box), 256)
    np.testing.assert_array_equal(crop.extract(golden_data.frames()[1]), golden_alpharefine.refine()["test_crop_1"])


@pytest.mark.slow
@pytest.mark.parametrize("run", ["default", "other"])
def test_boxes_and_masks(run: str) -> None:
    """20 frames each, some boxes partly outside the frame; the official boxes of these weights may have negative sides."""
    stored = golden(run)
    found = refiner(json.loads(str(stored["settings"])))
    (reference,) = found.start(golden_data.frames()[0], golden_alpharefine.refine()["frame0_box"])
    for row, (box, expected) in enumerate(zip(stored["input_boxes"], stored["refined"], strict=True)):
        frame = golden_data.frames()[row + 1]
        seen = found.predict([frame], [reference], box[None])
        np.testing.assert_allclose(seen.boxes[0], expected, atol=BOX_LIMIT, err_msg=f"frame {row + 1}")
        result = found.refine(frame, box)
        if expected[2:].min() < 1:
            np.testing.assert_array_equal(result.box, box, "sides that are no sides leave the box as it was")
        elif result.state == "tracked":
            np.testing.assert_allclose(result.box, expected, atol=BOX_LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("run", ["default", "other"])
def test_masks_on_whole_frames(run: str) -> None:
    stored = golden(run)
    found = refiner(json.loads(str(stored["settings"])))
    probabilities = {}

    def keep(prediction, index):  # what the network makes of the crop, for the values before the threshold
        probabilities["crop"] = TorchModel.mask(found.model, prediction, index)
        return probabilities["crop"]

    found.model.mask = keep
    for row, number in enumerate(stored["mask_frames"]):
        frame, box = golden_data.frames()[number], stored["input_boxes"][number - 1]
        mask = found.refine(frame, box, mask=True).mask
        whole = found.config.crop(xywh_to_cxcywh(box[None]), 256)[0].paste(probabilities["crop"][0], (480, 360))
        figures = (whole.mean(), whole.std(), whole.min(), whole.max(), whole.size)
        assert figures == pytest.approx(tuple(stored["mask_stats"][row]), abs=1e-5)
        step = max(1, whole.size // 4096)
        np.testing.assert_allclose(whole.ravel()[::step], stored[f"mask{number}.sample"], atol=MASK_LIMIT)
        official = np.unpackbits(stored[f"mask{number}.bits"])[: mask.size].reshape(mask.shape).astype(bool)
        near = np.abs(whole - 0.5) < MASK_LIMIT  # pixels that a rounding decides
        assert ((mask != official) & ~near).sum() == 0
        around = mask_box(mask)
        np.testing.assert_allclose(around, stored["mask_boxes"][row], atol=1 if near.any() else 0)
