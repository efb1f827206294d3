"""What a score and a verdict mean for a target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import golden_data
from lockon.localizers.verdict import Verdict
from lockon.target import CutToFrame, StatePolicy, Target
from lockon.types import State, Template

SIZE = (160, 120)
START = np.array([70.0, 60, 20, 30])
NEW = np.array([80.0, 50, 24, 36])
POLICY = StatePolicy(tracked=0.5, lost=0.3, lost_after=2, absent_score=0.1, search_growth=1.2, max_growth=1.5, min_size=4.0)


def target(**changes: object) -> Target:
    return replace(Target(START, START, Template(()), np.zeros(3), SIZE), **changes)  # type: ignore[arg-type]


def follow(steps: list[tuple[float, Verdict]], policy: StatePolicy = POLICY) -> list[Target]:
    """The target after each score and verdict; the box found moves right by one pixel a step."""
    targets = [target()]
    for number, (score, verdict) in enumerate(steps, 1):
        targets.append(policy.update(targets[-1], START + np.array([number, 0, 0, 0]), score, verdict))
    return targets[1:]


@pytest.mark.parametrize(
    ("score", "state", "low", "absent"),
    [
        (1.0, "tracked", 0, 0),
        (0.5, "tracked", 0, 0),
        (0.49, "uncertain", 0, 0),
        (0.3, "uncertain", 0, 0),
        (0.29, "uncertain", 1, 0),
        (0.1, "uncertain", 1, 0),
        (0.09, "uncertain", 1, 1),
    ],
)
def test_one_score(score: float, state: State, low: int, absent: int) -> None:
    """The box follows in the first frame whatever the score; it is trusted from `lost` on."""
    after = POLICY.update(target(), NEW, score)
    assert (after.state, after.low, after.absent, after.score, after.frame) == (state, low, absent, score, 1)
    assert after.box.tolist() == NEW.tolist()
    assert after.trusted.tolist() == (NEW if score >= 0.3 else START).tolist()


@pytest.mark.parametrize("verdict", ["normal", "hard_negative"])
def test_trusted_verdicts_leave_it_to_the_score(verdict: Verdict) -> None:
    for score in (0.9, 0.4, 0.2, 0.05):
        after, plain = POLICY.update(target(), NEW, score, verdict), POLICY.update(target(), NEW, score)
        assert (after.state, after.low, after.absent, after.box.tolist()) == (plain.state, plain.low, plain.absent, plain.box.tolist())


def test_uncertain_follows_but_is_never_tracked() -> None:
    after = POLICY.update(target(low=1, absent=1), NEW, 0.9, "uncertain")
    assert (after.state, after.low, after.absent, after.score) == ("uncertain", 0, 0, 0.9)
    assert after.box.tolist() == after.trusted.tolist() == NEW.tolist()
    poor = POLICY.update(target(), NEW, 0.2, "uncertain")
    assert (poor.state, poor.low, poor.box.tolist(), poor.trusted.tolist()) == ("uncertain", 1, NEW.tolist(), START.tolist())


def test_not_found_keeps_the_last_box_and_counts_as_low() -> None:
    """However high the score is: the box stays, and after `lost_after` frames in a row the target is lost."""
    steps = follow([(0.9, "normal"), (0.9, "not_found"), (0.9, "not_found"), (0.9, "not_found"), (0.9, "normal")])
    assert [one.box[0] for one in steps] == [71, 71, 71, 71, 75]
    assert [one.state for one in steps] == ["tracked", "uncertain", "uncertain", "lost", "tracked"]
    assert [(one.low, one.absent) for one in steps] == [(0, 0), (1, 0), (2, 0), (3, 0), (0, 0)]
    assert [one.trusted[0] for one in steps] == [71, 71, 71, 71, 75]
    assert [one.score for one in steps] == [0.9] * 5


def test_not_found_stays_on_a_box_that_is_not_trusted() -> None:
    """The box followed a low score before; not found, it stays there, not on the trusted one, until the target counts as gone."""
    steps = follow([(0.2, "normal"), (0.2, "not_found"), (0.05, "not_found"), (0.05, "not_found"), (0.05, "not_found")])
    assert [one.box[0] for one in steps] == [71, 71, 71, 71, 70]
    assert [one.absent for one in steps] == [0, 0, 1, 2, 3]


def test_gone_targets_wait_where_they_were_trusted() -> None:
    """Two frames of grace; a score above `absent_score` is followed again, one above `lost` ends it all."""
    steps = follow([(0.9, "normal"), *[(0.05, "normal")] * 4, (0.2, "normal"), (0.05, "normal"), (0.35, "normal")])
    assert [one.box[0] for one in steps] == [71, 72, 73, 71, 71, 76, 77, 78]
    assert [one.state for one in steps] == ["tracked", "uncertain", "uncertain", *["lost"] * 4, "uncertain"]
    assert [(one.low, one.absent) for one in steps] == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 0), (6, 1), (0, 0)]
    assert [one.trusted[0] for one in steps] == [71] * 7 + [78]
    assert [one.frame for one in steps] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_absence_turned_off_follows_every_box() -> None:
    steps = follow([(0.0, "normal")] * 6, replace(POLICY, absent_score=0.0))
    assert [one.box[0] for one in steps] == [71, 72, 73, 74, 75, 76]
    assert {one.absent for one in steps} == {0}


@pytest.mark.parametrize(("low", "growth"), [(0, 1), (2, 1), (3, 1.2), (4, 1.44), (5, 1.5), (1000, 1.5)])
def test_growth(low: int, growth: float) -> None:
    assert POLICY.growth(target(low=low)) == pytest.approx(growth)
    assert replace(POLICY, search_growth=1.0).growth(target(low=low)) == 1


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([80, 50, 24, 36], [80, 50, 24, 36]),
        ([-5, 200, 24, 36], [0, 120, 24, 36]),
        ([160, 0, 1e5, 1e5], [160, 0, 160, 120]),
        ([80, 50, -3, 0], [80, 50, 4, 4]),
    ],
)
def test_boxes_are_kept_in_the_frame(box: list[float], expected: list[float]) -> None:
    assert POLICY.inside(np.array(box, dtype=np.float64), SIZE).tolist() == expected
    assert POLICY.update(target(), np.array(box, dtype=np.float64), 0.9).box.tolist() == expected


def test_an_update_changes_nothing_else() -> None:
    """And not the target that it is given."""
    before = target(seed=7)
    after = POLICY.update(before, NEW, 0.9)
    assert (after.template, after.size, after.seed, after.mask, after.scores) == (before.template, SIZE, 7, None, None)
    assert after.border_color is before.border_color
    assert (before.box.tolist(), before.frame, before.score) == (START.tolist(), 0, 1.0)


def test_result() -> None:
    result = replace(target(), score=0.25, state="lost", mask=np.ones((120, 160), np.bool_)).result
    assert (result.box.tolist(), result.score, result.state) == ([60, 45, 20, 30], 0.25, "lost")
    assert result.mask is not None
    assert result.mask.all()


def test_boxes_are_cut_to_the_frame_as_the_official_ostrack_cuts_them() -> None:
    """Its clip_box on a frame of 480 x 360 with a margin of 10 pixels."""
    golden = golden_data.losses("ostrack_losses")
    policy = StatePolicy(min_size=10.0, bounds=CutToFrame())
    for (x, y, w, h), expected in zip(golden["clip.in"], golden["clip.out"], strict=True):
        cx, cy, wide, high = policy.inside(np.array([x + w / 2, y + h / 2, w, h]), (480, 360))
        assert [cx - wide / 2, cy - high / 2, wide, high] == pytest.approx(expected.tolist())


def test_a_box_cut_to_a_frame_smaller_than_the_margin_is_finite() -> None:
    box = CutToFrame()(np.array([3.0, 3, 50, 50]), (6, 6), 10.0)
    assert np.isfinite(box).all()
    assert (box[2:] == 10).all()
