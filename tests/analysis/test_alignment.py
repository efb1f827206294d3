"""Score against IoU of a network whose candidates are known: the true box, moved by a pixel more each."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.made_results import FAR, HALF, PERFECT, make_record
from colored_videos import BLUE, GREEN, RED, ColorModel, color_tracker, video
from lockon.analysis.alignment import KEPT, alignment_frames, answer_alignment, candidate_alignment
from lockon.errors import LockonError
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.types import Prediction, Template

VIDEOS = [video("red", RED), video("green", GREEN, frames=20), video("blue", BLUE, frames=6)]


class Shifted(ColorModel):
    """64 candidates, the k-th k search-crop pixels beside the target; logits fall with k, or rise, or are equal."""

    def __init__(self, slope: float = -0.1) -> None:
        super().__init__()
        self.slope = slope

    def __call__(self, template: Template, images: Any) -> Prediction:
        found = super().__call__(template, images)
        steps = np.arange(64, dtype=np.float32)
        boxes = found.boxes + steps[None, :, None] * np.float32([1, 0, 1, 0])
        return Prediction(np.tile(self.slope * steps, (len(images), 1)), boxes)


def tracker(slope: float = -0.1, **changes: Any) -> NetworkTracker:
    return NetworkTracker(Shifted(slope), TrackerConfig(**changes))


@pytest.mark.parametrize(("slope", "sign"), [(-0.1, 1), (0.1, -1)])
def test_scores_that_know_and_scores_that_are_wrong(slope: float, sign: int) -> None:
    found = candidate_alignment(tracker(slope), VIDEOS, every=1)
    assert found.names == ("red", "green", "blue")
    assert found.frames == (9, 19, 5)  # all but the first
    assert found.per_sequence("spearman") == pytest.approx([sign] * 3, abs=0.02)
    assert found.per_sequence("ranking") == pytest.approx([sign] * 3)
    assert found.pooled.spearman == pytest.approx(sign, abs=0.02)
    assert found.per_sequence("best") == pytest.approx(1, abs=0.08)  # the extent of a resized square
    assert found.per_sequence("chosen") == pytest.approx(found.per_sequence("best") if sign > 0 else [0] * 3)
    assert found.per_sequence("gap") == pytest.approx(found.per_sequence("best") - found.per_sequence("chosen"))
    assert found.mean("gap") == pytest.approx(found.per_sequence("gap").mean())
    assert len(found.scores) == len(found.overlaps) == 64 * 33


def test_the_score_is_the_one_before_penalty_and_window() -> None:
    from lockon.localizers.dense import LocalizerConfig
    from lockon.localizers.rank import Blend

    plain = candidate_alignment(tracker(), VIDEOS, every=2)
    pushed = candidate_alignment(tracker(localizer=LocalizerConfig(rank=Blend(window_influence=0.9, penalty_k=2.0))), VIDEOS, every=2)
    np.testing.assert_array_equal(plain.scores, pushed.scores)
    assert plain.scores.max() == 0.5  # sigmoid(0), of the candidate on the target
    assert plain.metrics() == pushed.metrics()


def test_equal_scores_say_nothing() -> None:
    found = candidate_alignment(color_tracker(), VIDEOS, every=3)  # one logit for all candidates, and one box
    assert np.isnan([found.mean("pearson"), found.mean("spearman"), found.mean("pearson_all"), found.pooled.ranking]).all()
    assert found.mean("gap") == 0
    assert found.metrics()["mean"]["pearson"] is None
    json.dumps(found.metrics(), allow_nan=False)


def test_every_frame_is_searched_around_the_truth_of_the_frame_before() -> None:
    seen: list[np.ndarray] = []
    watched = tracker()
    inner = watched.localizer

    class Watch:
        def __call__(self, prediction: Any, crop: Any, boxes: Any) -> Any:
            seen.append(np.array(boxes))
            return inner(prediction, crop, boxes)

    watched.localizer = Watch()  # type: ignore[assignment]
    told: list[int] = []
    candidate_alignment(watched, VIDEOS[:1], every=4, advance=told.append)
    (boxes,) = seen
    frames = [0, 4, 8]  # before frames 1, 5, 9
    np.testing.assert_allclose(boxes, [[40 + 2 * i + 12, 40 + i + 12, 24, 24] for i in frames])
    assert told == [3]
    assert alignment_frames(VIDEOS[:1], 4) == 3


def test_jitter_depends_on_the_seed_and_the_sequence_alone() -> None:
    first = candidate_alignment(tracker(), VIDEOS, every=1, jitter=0.3, seed=5)
    again = candidate_alignment(tracker(), VIDEOS[1:], every=1, jitter=0.3, seed=5)
    other = candidate_alignment(tracker(), VIDEOS, every=1, jitter=0.3, seed=6)
    assert first.sequences[1:] == again.sequences
    assert first.sequences != other.sequences
    assert first.sequences != candidate_alignment(tracker(), VIDEOS, every=1, seed=5).sequences


def test_the_tracker_goes_on_as_if_nothing_had_been() -> None:
    one, other = tracker(), tracker()
    for each in (one, other):
        each.init(VIDEOS[0].frames[0], VIDEOS[0].boxes[0])
    candidate_alignment(one, VIDEOS, every=5)
    np.testing.assert_array_equal(one.track(VIDEOS[0].frames[1]).box, other.track(VIDEOS[0].frames[1]).box)


def test_pairs_are_kept_by_the_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEPT >= 1000
    monkeypatch.setattr("lockon.analysis.alignment.KEPT", 100)
    found = candidate_alignment(tracker(), VIDEOS, every=1)
    assert len(found.scores) == 300
    full = found.per_sequence("spearman")  # of all pairs all the same
    assert found.pooled.spearman == pytest.approx(full.mean(), abs=0.05)


def test_sequences_without_neighbours_have_no_metrics() -> None:
    boxes = VIDEOS[0].boxes.copy()
    boxes[np.arange(10) % 5 != 0] = np.nan  # annotated on 0 and 5
    sparse = replace(VIDEOS[0], name="sparse", boxes=boxes)
    found = candidate_alignment(tracker(), [sparse, VIDEOS[1]])
    assert found.frames[0] == 0
    assert np.isnan(found.per_sequence("spearman")[0])
    assert found.mean("spearman") == found.per_sequence("spearman")[1]
    with pytest.raises(LockonError, match="none of 1 sequences has annotated frames at most 3 apart"):
        candidate_alignment(tracker(), [sparse])


def test_names_that_occur_twice_get_their_dataset() -> None:
    twins = [VIDEOS[0], replace(VIDEOS[0], dataset="other")]
    assert list(candidate_alignment(tracker(), twins).metrics()["sequences"]) == ["colors/red", "other/red"]


@pytest.mark.parametrize("wrong", [{"every": 0}, {"jitter": -1}, {"above": 1.0}])
def test_numbers_out_of_range(wrong: dict[str, Any]) -> None:
    with pytest.raises(LockonError, match="expected every >= 1, jitter >= 0 and above in"):
        candidate_alignment(tracker(), VIDEOS, **wrong)


def scored(record: Any, scores: list[float]) -> Any:
    return replace(record, run=replace(record.run, scores=np.array([1.0, *scores])))


def test_answers_by_hand() -> None:
    a = scored(make_record("a", [PERFECT, HALF, FAR]), [0.9, 0.5, 0.1])  # IoU 1, 0.5, 0
    b = scored(make_record("b", [PERFECT, HALF, FAR]), [0.1, 0.5, 0.9])
    found = answer_alignment([a, b], above=0.4)
    assert (found.kind, found.names, found.frames) == ("answers", ("a", "b"), (3, 3))
    assert found.per_sequence("spearman_all") == pytest.approx([1, -1])
    assert found.per_sequence("pearson_all") == pytest.approx([1, -1])
    assert np.isnan(found.per_sequence("pearson")).all()  # two frames above 0.4 are too few
    assert found.pooled.pearson == pytest.approx(0)  # four are enough
    assert found.per_sequence("chosen") == pytest.approx([0.5, 0.5])
    assert np.isnan([found.mean("best"), found.mean("gap"), found.mean("ranking")]).all()
    assert found.pooled.values()["best"] != found.pooled.values()["best"]


def test_answers_leave_out_the_start_and_frames_without_a_target() -> None:
    record = scored(make_record("a", [PERFECT, HALF, FAR, HALF], frames=5), [0.9, 0.5, 0.1, 0.4])
    hidden = replace(record, visible=np.array([True, True, False, True, True]))
    assert answer_alignment([hidden]).frames == (3,)


def test_answers_without_scores() -> None:
    found = answer_alignment([scored(make_record("a", [PERFECT, HALF, FAR]), [np.nan] * 3)])
    assert np.isnan(found.mean("pearson_all"))
    assert found.mean("chosen") == pytest.approx(0.5)


def test_repetitions_are_put_together() -> None:
    parts = [replace(scored(make_record("a", [PERFECT, HALF, FAR]), [0.9, 0.5, 0.1]), repetition=k) for k in (1, 2)]
    assert answer_alignment(parts).frames == (6,)


def test_no_answers() -> None:
    with pytest.raises(LockonError, match="none of 1 results has a frame with a target"):
        answer_alignment([make_record("a", PERFECT, frames=1)])
