from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from colored_scenes import BLUE, GREEN, RED, scene
from fake_refiner import BlobRefiner
from lockon.config import apply_overrides
from lockon.errors import LockonError, LockonWarning
from lockon.ops.crop_rules import OfficialStretchedRule, StretchedRule
from lockon.refiners.alpha_refine import AlphaRefiner, RefinerConfig
from lockon.refiners.protocol import Refiner

TARGET = (60, 50, 20, 16)
RULES = (StretchedRule(), OfficialStretchedRule())


def started(*, logit: float = 0.0, masks: bool = True, **config: object) -> AlphaRefiner:
    refiner = AlphaRefiner(BlobRefiner(logit, masks=masks), RefinerConfig(**config))
    refiner.init(scene((*TARGET, RED)), TARGET)
    return refiner


def test_is_a_refiner() -> None:
    assert isinstance(AlphaRefiner(BlobRefiner()), Refiner)


@pytest.mark.parametrize("given_box", [(60, 50, 20, 16), (57, 48, 22, 18), (63, 52, 16, 12), (50.5, 45.2, 33, 25)])
@pytest.mark.parametrize("rule", RULES)
def test_finds_the_exact_box(given_box: tuple[float, ...], rule: StretchedRule | OfficialStretchedRule) -> None:
    """Within two pixels of the crop, whose edges are blurred, and one of the frame for windows of whole pixels."""
    result = started(crop=rule).refine(scene((*TARGET, RED)), given_box)
    assert result.box.shape == (4,)
    assert (result.score, result.state, result.mask) == (1.0, "tracked", None)
    np.testing.assert_allclose(result.box, TARGET, atol=4 * max(given_box[2:]) / 64 + isinstance(rule, OfficialStretchedRule))


def test_centers_of_pixels() -> None:
    """The network says the same; read as centres, all lies half a crop pixel further: 40 / 64 / 2 pixels of the frame in x."""
    frame = scene((*TARGET, RED))
    corner, center = (started(crop=StretchedRule(pixel_centers=centers)).refine(frame, TARGET).box for centers in (False, True))
    np.testing.assert_allclose(center - corner, [40 / 128, 32 / 128, 0, 0], atol=1e-9)


def test_masks_on_request() -> None:
    frame = scene((*TARGET, RED))
    mask = started().refine(frame, (57, 48, 22, 18), mask=True).mask
    assert mask.shape == (120, 160)
    truth = (frame == RED).all(axis=2)
    assert (mask & truth).sum() / (mask | truth).sum() > 0.9


def test_several_targets_in_one_pass() -> None:
    blobs = [(30, 30, 16, 16, RED), (100, 40, 12, 20, GREEN), (60, 80, 20, 12, BLUE)]
    refiner = AlphaRefiner(BlobRefiner())
    refiner.init(scene(*blobs), [blob[:4] for blob in blobs])
    asked = np.add([blob[:4] for blob in blobs], (2.0, -2, 1, 3))
    result = refiner.refine(scene(*blobs), asked, mask=True)
    assert (result.box.shape, result.mask.shape) == ((3, 4), (3, 120, 160))
    assert (result.score.tolist(), result.state) == ([1, 1, 1], ("tracked",) * 3)
    np.testing.assert_allclose(result.box, [blob[:4] for blob in blobs], atol=1.0)
    for number, blob in enumerate(blobs):
        alone = AlphaRefiner(BlobRefiner())
        alone.init(scene(*blobs), blob[:4])
        np.testing.assert_array_equal(alone.refine(scene(*blobs), asked[number]).box, result.box[number])
    assert refiner.model.batches == [3]


def test_unusable_boxes_among_good_ones() -> None:
    """The second has no number, the third is outside: they come back as they are, and the network sees one crop."""
    blobs = [(30, 30, 16, 16, RED), (100, 40, 12, 20, GREEN), (60, 80, 20, 12, BLUE)]
    refiner = AlphaRefiner(BlobRefiner())
    refiner.init(scene(*blobs), [blob[:4] for blob in blobs])
    asked = np.array([[28, 31, 18, 15], [np.nan, 40, 12, 20], [500, 80, 20, 12]])
    result = refiner.refine(scene(*blobs), asked, mask=True)
    np.testing.assert_allclose(result.box[0], blobs[0][:4], atol=1.0)
    np.testing.assert_array_equal(result.box[1:], asked[1:])
    assert (result.score.tolist(), result.state) == ([1, 0, 0], ("tracked", "uncertain", "uncertain"))
    assert result.mask.reshape(3, -1).any(axis=1).tolist() == [True, False, False]
    assert refiner.model.batches == [1]


def test_no_answer_leaves_the_box() -> None:
    """The target is gone: the network's box is empty."""
    result = started().refine(scene(), (57, 48, 22, 18))
    assert (result.box.tolist(), result.score, result.state) == ([57, 48, 22, 18], 0.0, "uncertain")


@pytest.mark.filterwarnings("ignore:the refiner's answer is not finite")
@pytest.mark.parametrize(("logit", "refined"), [(0.5, True), (-0.5, False), (float("nan"), False)])
def test_confidence(logit: float, refined: bool) -> None:
    result = started(logit=logit, confidence=0.5).refine(scene((*TARGET, RED)), (57, 48, 22, 18))
    assert (result.state == "tracked") is refined
    assert result.score == pytest.approx(1 / (1 + np.exp(-logit)) if refined else 0)


number = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(-300, 400), st.floats(0, 3))


@given(st.tuples(number, number, number, number), st.sampled_from(RULES), st.booleans())
def test_no_box_makes_it_fail(box: tuple[float, ...], rule: StretchedRule | OfficialStretchedRule, mask: bool) -> None:
    """Tiny, huge, outside, NaN: a finite box in the frame, or the very box that was given."""
    refiner = started(crop=rule)
    frame = scene((*TARGET, RED))
    result = refiner.refine(frame, box, mask=mask)
    if result.state == "uncertain":
        np.testing.assert_array_equal(result.box, box)
    else:
        assert np.isfinite(result.box).all()
        assert (result.box[2:] >= 1).all()
    again = refiner.refine(frame, TARGET)
    np.testing.assert_allclose(again.box, TARGET, atol=1.5)  # its state is as before


def test_other_kinds_of_frames() -> None:
    grey = np.full((120, 160), 100, np.uint8)
    grey[50:66, 60:80] = 200
    refiner = AlphaRefiner(BlobRefiner())
    refiner.init(grey, TARGET)
    np.testing.assert_allclose(refiner.refine(grey, (58, 49, 22, 18)).box, TARGET, atol=1.0)


def test_calls_before_init_and_impossible_boxes_or_masks_are_refused() -> None:
    with pytest.raises(LockonError, match=r"refine\(\) before init\(\)"):
        AlphaRefiner(BlobRefiner()).refine(scene(), TARGET)
    with pytest.raises(LockonError, match="has no area"):
        AlphaRefiner(BlobRefiner()).init(scene(), (10, 10, 0, 5))
    with pytest.raises(LockonError, match="makes none"):
        started(masks=False).refine(scene(), TARGET, mask=True)
    with pytest.raises(LockonError, match="give one box per target"):
        started().refine(scene(), [TARGET, TARGET])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"crop.factor": 1}, "crop.factor=1 given"),
        ({"crop.factor": 100}, "expected above 1, up to 8"),
        ({"mask_threshold": 2}, "mask_threshold=2 given"),
        ({"crop": "official-stretched-rule", "crop.factor": 1}, "crop.factor=1 given"),
        ({"crop": "exact"}, "crop must be one of stretched-rule, official-stretched-rule"),
    ],
)
def test_impossible_settings(change: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        apply_overrides(RefinerConfig(), change)


@pytest.mark.parametrize(
    "boxes", [np.zeros((2, 4)), np.zeros(3), np.zeros((0, 4)), np.zeros((1, 1, 4))], ids=lambda boxes: str(boxes.shape)
)
def test_another_number_of_boxes_than_at_the_start_is_refused(boxes: np.ndarray) -> None:
    with pytest.raises(LockonError, match=r"but init\(\) was given 1; give one box per target|expected \(4,\) or \(n, 4\)"):
        started().refine(scene(), boxes)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_told_and_leaves_the_box(value: float) -> None:
    class Broken(BlobRefiner):
        def __call__(self, template, images):
            prediction = super().__call__(template, images)
            prediction.boxes[:] = value
            return prediction

    refiner = AlphaRefiner(Broken())
    refiner.init(scene((*TARGET, RED)), TARGET)
    with pytest.warns(LockonWarning, match="the refiner's answer is not finite"):
        result = refiner.refine(scene((*TARGET, RED)), TARGET)
    assert (result.box.tolist(), result.score, result.state) == (list(TARGET), 0.0, "uncertain")
