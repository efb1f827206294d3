"""`FusedTracker`: lockon-s beside a small learner in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_online_tracker import CONFIG

import lockon
import moving_square
from colored_network import ColoredNetwork
from lockon.bench.spec import config_of
from lockon.errors import LockonError
from lockon.localizers.score import DualModalScore, sigmoid
from lockon.online.fused import FusedParameters, FusedTracker, FusionConfig, response_at
from lockon.online.learner import Responses
from lockon.online.tracker import OnlineSearch, OnlineTracker
from lockon.ops.boxes import iou_xywh
from lockon.ops.crop import Crop
from lockon.session import SteppedTracker
from lockon.tracker import CandidateTracker
from lockon.zoo.compact_dimp import LockonSDiMPConfig

FRAMES = [moving_square.picture(number) for number in range(9)]
BOX = moving_square.box_of(0)


def fused(mu: float = 0.5, redetect: float | None = None, network: ColoredNetwork | None = None, **base: Any) -> FusedTracker:
    settings = {"localizer.score.mu": mu, "fusion.redetect": redetect, **base}
    made: Any = lockon.load("lockon-s", online=OnlineTracker(network or ColoredNetwork(), CONFIG), **settings)
    return made  # type: ignore[no-any-return]


def boxes_of(tracker: Any, frames: list[np.ndarray] = FRAMES) -> np.ndarray:
    tracker.init(frames[0], BOX)
    return np.stack([tracker.track(frame).box for frame in frames[1:]])


def heard(maps: np.ndarray, side: float = 64.0) -> OnlineSearch:
    """Responses of windows of 64 crop pixels, 16 from cell to cell, around (100, 50)."""
    windows = Crop(np.array([[100.0, 50.0]]), np.array([side]), 64)
    nothing: Any = None
    return OnlineSearch(windows, nothing, Responses(maps, 16), nothing, np.array([True]))


def test_a_learner_without_a_say_changes_nothing() -> None:
    assert boxes_of(fused(mu=0.0)).tolist() == boxes_of(lockon.load("lockon-s")).tolist()


def test_a_learner_without_an_answer_changes_nothing() -> None:
    """Broken after the first frame: the candidates keep their own scores."""
    with np.errstate(all="ignore"):
        found = boxes_of(fused(network=ColoredNetwork(broken_after=1)))
    assert found.tolist() == boxes_of(lockon.load("lockon-s")).tolist()


def test_the_quality_of_the_base_still_weighs_its_scores() -> None:
    base = lockon.load("lockon-s")
    assert fused(mu=0.3).base.config.localizer.score == DualModalScore(mu=0.3, quality=base.config.localizer.score.quality)


def test_candidates_are_judged_by_what_they_share_with_the_learner() -> None:
    """The state's score is that of Eq. 1 and of lockon-s's own quality, at the chosen candidate, with the response at its centre."""
    made = fused(mu=0.4)
    (target,) = made.start(FRAMES[0], BOX)
    crops, prediction = made.base.seen([FRAMES[1]], [target.base])
    heard = made.online.respond([FRAMES[1]], [target.online])
    corners = crops[0].to_image(prediction.boxes[0])  # (N, 4)
    centers = (corners[:, :2] + corners[:, 2:]) / 2
    offline, quality = (1 / (1 + np.exp(-np.asarray(x[0], dtype=np.float64))) for x in (prediction.logits, prediction.quality))
    expected = (0.4 * response_at(heard, centers[None])[0] + 0.6 * offline) * quality**made.base.config.localizer.score.quality
    (stepped,) = made.step([FRAMES[1]], [target])
    logit = np.log(expected / (1 - expected))
    scores = made.base.config.calibration(logit)
    assert np.abs(scores - stepped.base.score).min() < 1e-9
    assert expected.max() > 0.5  # of a square that both see


def test_its_search_shows_what_a_step_goes_by() -> None:
    """All candidates, with the learner's responses at their centres; of the learner alone there are no candidates."""
    made = fused(mu=0.4)
    assert isinstance(made, CandidateTracker)
    assert not isinstance(made.online, CandidateTracker)
    (target,) = made.start(FRAMES[0], BOX)
    seen = made.search([FRAMES[1]], [target])
    online, offline = seen.prediction.extras["online"], sigmoid(np.asarray(seen.prediction.logits, dtype=np.float64))
    np.testing.assert_allclose(seen.localization.ranked.foreground, 0.4 * online + 0.6 * offline)
    (stepped,) = made.step([FRAMES[1]], [target])
    assert seen.localization.boxes[0].tolist() == stepped.base.box.tolist()


def test_its_parameters_are_those_of_all_parts() -> None:
    """By the names of `lockon.load`; a configuration of a card's own names what can be set itself."""
    made = fused(mu=0.4, redetect=0.3)
    parameters = made.parameters
    assert isinstance(parameters, FusedParameters)
    assert (parameters.localizer, parameters.fusion.redetect, parameters.online) == (made.base.config.localizer, 0.3, CONFIG)
    assert config_of(made) == parameters
    own = LockonSDiMPConfig(mu=0.2)
    assert config_of(FusedTracker(made.base, made.online, own)) == own


def test_it_searches_in_other_videos() -> None:
    made = fused(mu=0.4)
    (target,) = made.start(FRAMES[0], BOX)
    small = np.ascontiguousarray(FRAMES[4][:100])
    placed = made.placed(target, small, np.array([30.0, 20, 40, 40]))
    assert placed.base.box.tolist() == placed.online.box.tolist() == [50, 40, 40, 40]
    assert placed.base.size == placed.online.size == (small.shape[1], 100)
    assert placed.online.learned is target.online.learned


def test_a_base_whose_scores_take_no_responses_is_refused() -> None:
    with pytest.raises(LockonError, match=r"set localizer\.score=dual-modal-score"):
        FusedTracker(lockon.load("lockon-s"), OnlineTracker(ColoredNetwork(), CONFIG))


def test_it_follows_and_learns_the_box_that_it_returns() -> None:
    made = fused()
    assert isinstance(made, SteppedTracker)
    made.init(FRAMES[0], BOX)
    for number in range(1, 9):
        result = made.track(FRAMES[number])
        assert float(iou_xywh(result.box, moving_square.box_of(number))) > 0.6
    (target,) = made.targets
    assert target.online.learned is not None
    assert target.online.learned.memory.stored > 0
    assert target.online.frame == target.base.frame == 8
    np.testing.assert_allclose(target.online.box, target.base.box)


def test_targets_in_one_batch_are_tracked_as_alone() -> None:
    made = fused()
    starts = [made.start(FRAMES[shift], moving_square.box_of(shift))[0] for shift in range(3)]
    together, alone = starts, [[start] for start in starts]
    for number in range(1, 4):
        together = made.step([FRAMES[shift + number] for shift in range(3)], together)
        alone = [made.step([FRAMES[shift + number]], one) for shift, one in enumerate(alone)]
    for one, (other,) in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.result.box, other.result.box, atol=1e-2)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((100, 50), 4.0),  # displacement 0: the middle of 4 + 1 cells
        ((116, 50), 5.0),  # one cell to the right
        ((100, 66), 14.0),  # one cell down: a row has ten more
        ((108, 58), 9.5),  # between four of them: (4 + 5 + 14 + 15) / 4
        ((133, 50), 0.0),  # beyond the last cell
    ],
)
def test_a_response_between_cells_is_interpolated(place: tuple[float, float], expected: float) -> None:
    maps = (np.arange(5) - 2 + 10 * (np.arange(5) - 2)[:, None] + 4.0)[None]  # (1, 5, 5), 4 in the middle
    assert response_at(heard(maps), np.array([[place]], dtype=float)).tolist() == [[expected]]


def test_a_lost_target_is_put_on_a_clear_response() -> None:
    """lockon-s is told that nothing is good enough, and looks where the square is not."""
    lost: dict[str, Any] = {"states.lost": 1.0, "states.tracked": 1.0, "states.lost_after": 0, "states.absent_score": 0.0}
    away = np.array([BOX[0] - 25.0, BOX[1], BOX[2], BOX[3]])
    overlaps = {}
    for redetect in (None, 0.2):
        made = fused(mu=0.0, redetect=redetect, **lost)
        (target,) = made.start(FRAMES[0], BOX)
        (target,) = made.step([FRAMES[1]], [made.moved(target, away)])
        overlaps[redetect] = float(iou_xywh(target.result.box, moving_square.box_of(1)))
        assert target.result.state == "lost"
    assert overlaps[0.2] > 0.5


def test_a_wrong_number_names_itself() -> None:
    with pytest.raises(LockonError, match="redetect"):
        FusionConfig(redetect=2.0)
