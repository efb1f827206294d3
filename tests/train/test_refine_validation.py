from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from tiny_refiner import SIZE, tiny_refiner  # noqa: E402

from lockon.data.samples.placement import BoxJitter  # noqa: E402
from lockon.data.samples.refine import RefineDataConfig  # noqa: E402
from lockon.data.sequence import LazyList, VideoSequence  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.train.refine_validation import RefineValidation  # noqa: E402
from lockon.types import Prediction  # noqa: E402

CONFIG = RefineDataConfig(size=SIZE, official=False)


def video(name: str = "one", count: int = 20, *, masks: bool = False, boxes=None) -> VideoSequence:
    """A white box that moves over black."""
    truth = np.array([(20 + index, 30, 30, 20) for index in range(count)], float) if boxes is None else np.asarray(boxes, float)

    def mask(path: Path) -> np.ndarray:
        found = np.zeros((100, 140), bool)
        x, y, w, h = (int(value) for value in np.nan_to_num(truth[int(path.name)]))
        found[y : y + h, x : x + w] = True
        return found

    paths = [Path(str(index)) for index in range(len(truth))]
    frames = LazyList(paths, lambda path: np.repeat(np.where(mask(path), 255, 0).astype(np.uint8)[..., None], 3, axis=2))
    return VideoSequence(name, "made", frames, truth, masks=LazyList(paths, mask) if masks else None)


class Given(torch.nn.Module):
    """A head that answers the middle half of the crop: the given box."""

    def forward(self, features):
        middle = torch.tensor([0.25, 0.25, 0.75, 0.75]) * SIZE
        return Prediction(torch.zeros(len(features), 1), middle.expand(len(features), 1, 4))


def test_boxes_that_stay_as_they_are() -> None:
    module = tiny_refiner(mask=False).eval()
    module.head = Given()
    figures = RefineValidation([video(), video("other")], CONFIG, frames=7)(module)
    assert set(figures) == {"IoU", "SR75", "given"}
    assert figures["IoU"] == pytest.approx(figures["given"], abs=1e-6)
    assert 0.5 < figures["given"] < 0.85
    assert 0 < figures["SR75"] < 1


def test_without_jitter_the_given_boxes_are_right() -> None:
    module = tiny_refiner(mask=False).eval()
    module.head = Given()
    config = RefineDataConfig(size=SIZE, official=False, search=BoxJitter())
    assert RefineValidation([video()], config)(module) == pytest.approx({"IoU": 1, "SR75": 1, "given": 1})
    official = RefineDataConfig(size=SIZE, official=True, search=BoxJitter())  # the middle is counted as 31.5: half of 64 pixels off
    assert RefineValidation([video()], official)(module)["IoU"] == pytest.approx(((32 - 0.5) / (32 + 0.5)) ** 2, abs=0.02)


def test_masks_are_compared_where_videos_have_them() -> None:
    class Middle(torch.nn.Module):
        """The middle half of every crop."""

        def forward(self, matched, taps):
            logits = torch.full((len(matched), SIZE, SIZE), -9.0)
            logits[:, SIZE // 4 : 3 * SIZE // 4, SIZE // 4 : 3 * SIZE // 4] = 9.0
            return logits

    module = tiny_refiner().eval()
    module.mask_head = Middle()
    config = RefineDataConfig(size=SIZE, official=False, search=BoxJitter())
    figures = RefineValidation([video(masks=True), video("other")], config, frames=5)(module)
    assert figures["J"] == pytest.approx(1, abs=0.01)
    assert "J" not in RefineValidation([video()], config)(module)


def test_figures_of_each_video() -> None:
    """Their mean over tests is the figure of all; a video without tests has none."""
    check = RefineValidation([video(masks=True), video("other", count=4), video("empty", boxes=[(1, 1, 2, 2)] * 3)], CONFIG, frames=6)
    module = tiny_refiner().eval()
    whole, parts = check(module), check.by_sequence(module)
    assert list(parts) == ["one", "other"]
    for name in ("IoU", "SR75", "given"):
        assert whole[name] == pytest.approx((6 * parts["one"][name] + 3 * parts["other"][name]) / 9)
    assert whole["J"] == parts["one"]["J"]
    assert "J" not in parts["other"]


def test_the_same_crops_every_time_and_at_most_so_many() -> None:
    check = RefineValidation([video(count=50), video("other", count=4)], CONFIG, frames=6)
    module = tiny_refiner().eval()
    assert check(module) == check(module)
    assert len(check._trials) == 6 + 3
    again = RefineValidation([video(count=50), video("other", count=4)], CONFIG, frames=6)
    assert again(module) == check(module)
    assert RefineValidation([video(count=50)], CONFIG, frames=6, seed=1)(module)["given"] != check(module)["given"]


def test_videos_without_boxes() -> None:
    nothing = video(boxes=np.full((5, 4), np.nan))
    figures = RefineValidation([nothing, video()], CONFIG)(tiny_refiner().eval())
    assert np.isfinite(list(figures.values())).all()
    with pytest.raises(LockonError, match="no validation video has two boxes of 6 pixels or more"):
        RefineValidation([nothing], CONFIG)(tiny_refiner().eval())
