from __future__ import annotations

import numpy as np
import pytest

from lockon.errors import LockonError
from lockon.localizers.dense import LocalizerConfig
from lockon.localizers.masks import MaskConfig
from lockon.localizers.rank import Blend
from lockon.ops.crop_rules import AreaRule
from lockon.refiners.protocol import Refiner
from lockon.refiners.siammask import SearchConfig, SiamMaskRefiner
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.types import Prediction, Template

RED = (230, 20, 20)
TARGET = (60, 50, 20, 16)
GRID = 8


class BlobTracker:
    """A tracker's network: the box of the pixels near the template's colour, one pixel larger per side; their mask, a patch as large
    as the crop."""

    template_size = 32
    search_size = 128

    def encode(self, images):
        return Template((images[:, 16, 16].astype(np.float32),))

    def __call__(self, template, images):
        near = np.abs(images.astype(np.float32) - template.features[0][:, None, None]).max(-1) < 40
        logits = np.full((len(images), GRID * GRID), -8.0, np.float32)
        boxes = np.tile(np.array([48.0, 48, 80, 80], np.float32), (len(images), GRID * GRID, 1))
        for i, one in enumerate(near):
            if one.any():
                ys, xs = np.flatnonzero(one.any(1)), np.flatnonzero(one.any(0))
                logits[i, 0] = 4.0
                boxes[i, 0] = [xs[0] - 3, ys[0] - 3, xs[-1] + 4, ys[-1] + 4]
        return Prediction(logits, boxes, extras={"near": near})


class MaskingTracker(BlobTracker):
    def mask(self, prediction, index):
        return prediction.extras["near"].astype(np.float32)


def scene(*blobs):
    frame = np.full((120, 160, 3), 100, np.uint8)
    for x, y, w, h, color in blobs:
        frame[y : y + h, x : x + w] = color
    return frame


CONFIG = TrackerConfig(
    search_crop=AreaRule(factor=4.0),
    localizer=LocalizerConfig(rank=Blend(window_influence=0.0, penalty_k=0.0), size_lr=1.0),
    mask=MaskConfig(threshold=0.5, stride=8, offset=0.0),
)


def started(model: BlobTracker | None = None, **config: object) -> SiamMaskRefiner:
    refiner = SiamMaskRefiner(NetworkTracker(model or MaskingTracker(), CONFIG), SearchConfig(**config))
    refiner.init(scene((*TARGET, RED)), TARGET)
    return refiner


def test_is_a_refiner() -> None:
    assert isinstance(started(), Refiner)
    assert started().masks
    assert not started(BlobTracker(), box="own").masks


def test_the_mask_gives_the_box() -> None:
    result = started().refine(scene((*TARGET, RED)), (56, 46, 24, 20), mask=True)
    np.testing.assert_allclose(result.box, TARGET, atol=1)
    assert result.score == pytest.approx(1 / (1 + np.exp(-4)))
    assert result.mask.sum() == pytest.approx(20 * 16, rel=0.15)


def test_its_own_box() -> None:
    """Three crop pixels larger on each side: 3 * 4 * sqrt(24 * 20) / 128 = 2.05 pixels of the frame."""
    result = started(box="own").refine(scene((*TARGET, RED)), (56, 46, 24, 20))
    np.testing.assert_allclose(result.box, [60 - 2.05, 50 - 2.05, 20 + 4.1, 16 + 4.1], atol=1)
    assert result.mask is None
    alone = started(BlobTracker(), box="own").refine(scene((*TARGET, RED)), (56, 46, 24, 20))
    np.testing.assert_array_equal(alone.box, result.box)


def test_small_masks_leave_the_box() -> None:
    result = started(mask_area=1000).refine(scene((*TARGET, RED)), (56, 46, 24, 20), mask=True)
    assert (result.box.tolist(), result.score, result.state) == ([56, 46, 24, 20], 0.0, "uncertain")
    assert result.mask.any(), "the mask is there all the same"


def test_it_never_follows() -> None:
    """Each answer depends on the box that is given alone."""
    refiner = started()
    frames = [scene((60 + 5 * step, 50, 20, 16, RED)) for step in range(4)]
    far = [refiner.refine(frame, TARGET).box for frame in frames]
    np.testing.assert_array_equal(refiner.refine(frames[0], TARGET).box, far[0])
    np.testing.assert_allclose(far[3], [75, 50, 20, 16], atol=1)


def test_several_targets() -> None:
    refiner = SiamMaskRefiner(NetworkTracker(MaskingTracker(), CONFIG))
    blobs = [(30, 30, 16, 16, RED), (100, 80, 20, 20, (20, 20, 230))]
    refiner.init(scene(*blobs), [blob[:4] for blob in blobs])
    asked = np.array([[28, 28, 20, 20], [np.nan] * 4])
    result = refiner.refine(scene(*blobs), asked, mask=True)
    np.testing.assert_allclose(result.box[0], blobs[0][:4], atol=2)
    assert np.isnan(result.box[1]).all()
    assert (result.state, result.mask.shape) == (("tracked", "uncertain"), (2, 120, 160))


def test_networks_without_masks_and_calls_before_init_are_refused() -> None:
    with pytest.raises(LockonError, match="a network that makes none; give box=own"):
        SiamMaskRefiner(NetworkTracker(BlobTracker(), CONFIG))
    with pytest.raises(LockonError, match=r"refine\(\) before init\(\)"):
        SiamMaskRefiner(NetworkTracker(MaskingTracker(), CONFIG)).refine(scene(), TARGET)
    with pytest.raises(LockonError, match="whose network makes none"):
        started(BlobTracker(), box="own").refine(scene(), TARGET, mask=True)
