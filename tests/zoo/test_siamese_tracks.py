"""Whole runs of the official SiamRPN, SiamRPN++, SiamBAN, SiamPW-RBO and SiamCAR trackers, repeated by ours with the same made-up weights.

SiamCAR's tracker gives no scores: its boxes alone are compared.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

import golden_data
from lockon.config import apply_overrides
from lockon.target import Target
from lockon.tracker import NetworkTracker
from lockon.zoo.loading import inference_config
from lockon.zoo.registry import card
from remembering_model import RememberingModel

torch = pytest.importorskip("torch", reason="needs the torch extra")

ZOO = {
    "siamrpn_alex": "siamrpn-alexnet",
    "siamrpn_r50": "siamrpnpp-r50",
    "siamban_r50": "siamban-r50",
    "siampw_rbo": "siampw-r50-rbo",
    "siamcar_r50": "siamcar-r50",
}
RUNS = [(name, run) for name in ZOO for run in golden_data.RUNS]


@lru_cache(maxsize=1)  # hundreds of megabytes each
def official_tracker(name: str, run: str) -> NetworkTracker:
    from golden_networks import converted
    from lockon.export.torch_model import TorchModel
    from lockon.zoo.networks import build

    settings = golden_data.track(name, run).settings
    size = int(settings["INSTANCE_SIZE"])
    module = build(ZOO[name], search_size=size)
    module.load_state_dict(converted(ZOO[name], name))
    config = inference_config(card(ZOO[name]), "official", size_ratio=size / 127)
    numbers = {"rank.penalty_k": settings["PENALTY_K"], "rank.window_influence": settings["WINDOW_INFLUENCE"], "size_lr": settings["LR"]}
    changes = {f"localizer.{key}": float(value) for key, value in numbers.items()}
    return NetworkTracker(RememberingModel(TorchModel(module)), apply_overrides(config, changes))


def box_of(target: Target) -> NDArray[np.float64]:
    """As the official tracker returns it: x, y, w, h."""
    return np.concatenate([target.box[:2] - target.box[2:] / 2, target.box[2:]])


def check_scores(name: str, found: list[float], expected: NDArray[np.float64]) -> None:
    assert np.isnan(expected).all() == (name == "siamcar_r50")
    if name != "siamcar_r50":
        np.testing.assert_allclose(found, expected, atol=golden_data.SCORE_LIMIT, rtol=0)


def compare(name: str, run: str, last: int) -> None:
    """Box and score of every frame through `last`."""
    tracker, golden, frames = official_tracker(name, run), golden_data.track(name, run), golden_data.frames()
    tracker.init(frames[0], golden.boxes[0])
    for number in range(1, last + 1):
        result = tracker.track(frames[number])
        np.testing.assert_allclose(result.box, golden.boxes[number], atol=golden_data.BOX_LIMIT, rtol=0, err_msg=f"frame {number}")
        check_scores(name, [float(result.score)], golden.scores[number : number + 1])


def test_the_first_frames_of_the_smallest_network() -> None:
    compare("siamrpn_alex", "default", 4)


@pytest.mark.slow  # half a minute for each ResNet-50
@pytest.mark.parametrize(("name", "run"), RUNS)
def test_a_whole_run_and_its_single_steps(name: str, run: str) -> None:
    """The whole run goes up to where a rounding in the crop could fall either way.

    A single step begins at the official state of the frame before, in batches; most of its crops are those of the run.
    """
    compare(name, run, golden_data.track(name, run).strict_through)
    tracker, golden, frames = official_tracker(name, run), golden_data.track(name, run), golden_data.frames()
    (start,) = tracker.start(frames[0], golden.boxes[0])
    for first in range(2, len(frames), 5):
        numbers = range(first, min(first + 5, len(frames)))
        before = [np.concatenate([box[:2] + box[2:] / 2, box[2:]]) for box in golden.boxes[numbers.start - 1 : numbers.stop - 1]]
        after = tracker.step([frames[number] for number in numbers], [replace(start, box=box) for box in before])
        np.testing.assert_allclose([box_of(target) for target in after], golden.boxes[numbers], atol=golden_data.BOX_LIMIT, rtol=0)
        check_scores(name, [target.score for target in after], golden.scores[numbers])


def test_outputs_are_computed_once_for_the_same_crops() -> None:
    """What a run and its single steps share: other crops, or another template, are computed anew."""
    model = official_tracker("siamrpn_alex", "default").model
    remembering = RememberingModel(model.model)  # type: ignore[attr-defined]
    rng = np.random.default_rng(0)
    small, large = (rng.integers(0, 255, (2, size, size, 3), dtype=np.uint8) for size in (model.template_size, model.search_size))
    template = remembering.encode(small)
    first = remembering(template, large)
    np.testing.assert_allclose(first.boxes, model.model(model.model.encode(small), large).boxes, rtol=1e-4)  # type: ignore[attr-defined]
    again = remembering(template, large)
    assert (remembering.computed, remembering.asked) == (2, 4)
    np.testing.assert_array_equal(again.logits, first.logits)
    remembering(template, large[::-1].copy())
    assert remembering.computed == 4
