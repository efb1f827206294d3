"""A learner beside every network that matches a template with a search crop, and every learner beside one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

from miniatures import Miniature  # noqa: E402
from test_score_vote import BOXES, DENSE, FRAMES  # noqa: E402

import lockon  # noqa: E402
from colored_learner import online_tracker  # noqa: E402
from lockon.online.fused import FusedTracker, response_at  # noqa: E402
from lockon.online.tracker import OnlineTracker  # noqa: E402
from lockon.zoo.registry import TRACKERS, card  # noqa: E402


@pytest.mark.parametrize("name", DENSE)
def test_its_candidates_are_judged_by_both(name: str, miniature: Callable[[str], Miniature]) -> None:
    """The scores are Eq. 1 of its own probabilities and the responses at its boxes' centres, and two targets are tracked as alone."""
    tracker = lockon.load(name, miniature(name).weights, online=online_tracker(), **{"localizer.score.mu": 0.6})
    assert isinstance(tracker, FusedTracker)
    tracker.keep_scores = True
    starts = tracker.start(FRAMES[0], BOXES)
    together = tracker.step([FRAMES[1]] * 2, starts)
    crops, prediction = tracker.base.seen([FRAMES[1]] * 2, [start.base for start in starts])
    heard = tracker.online.search([FRAMES[1]] * 2, [start.online for start in starts])
    corners = crops.expand().to_image(np.asarray(prediction.boxes, dtype=np.float64))  # (B, N, 4)
    online = response_at(heard, (corners[..., :2] + corners[..., 2:]) / 2)  # (B, N)
    fused = 0.6 * online + 0.4 / (1 + np.exp(-np.asarray(prediction.logits, dtype=np.float64)))
    exponent = tracker.base.config.localizer.score.quality
    if prediction.quality is not None and exponent:
        fused = fused / (1 + np.exp(-np.asarray(prediction.quality, dtype=np.float64))) ** exponent
    for row, (start, both) in enumerate(zip(starts, together, strict=True)):
        (alone,) = tracker.step([FRAMES[1]], [start])
        np.testing.assert_allclose(both.result.box, alone.result.box, atol=1e-2)
        assert np.isfinite(both.result.box).all()
        assert both.base.scores is not None
        most = np.clip(fused[row], 0, 1).reshape(-1, both.base.scores.scores.size).max(axis=0)  # over the anchors of each place
        np.testing.assert_allclose(both.base.scores.scores.ravel(), most, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in TRACKERS if card(name).assemble is OnlineTracker])
def test_every_learner_can_stand_beside_a_tracker(name: str, miniature: Callable[[str], Miniature]) -> None:
    """Whatever its responses are: of cells or of pixels, as they are or densities. Two targets are tracked as alone."""
    online = lockon.load(name, miniature(name).weights)
    tracker = lockon.load("lockon-s", online=online, **{"localizer.score.mu": 0.5})
    assert isinstance(tracker, FusedTracker)
    starts = tracker.start(FRAMES[0], BOXES)
    together = tracker.step([FRAMES[1]] * 2, starts)
    plain = tracker.base.step([FRAMES[1]] * 2, [start.base for start in starts])
    for start, both, without in zip(starts, together, plain, strict=True):
        (alone,) = tracker.step([FRAMES[1]], [start])
        assert np.isfinite(both.result.box).all()
        np.testing.assert_allclose(both.result.box, alone.result.box, atol=1e-2)
        assert both.base.score != without.score
        np.testing.assert_allclose(both.online.box, both.base.box)  # what is learnt is the box that is returned
