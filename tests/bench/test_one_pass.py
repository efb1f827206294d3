"""The one-pass protocol."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fake_trackers import SIZE, Random, Still, make_sequence

from lockon.bench.protocols.one_pass import run_one_pass
from lockon.data.sequence import first_annotated
from lockon.errors import LockonError


def test_rows_before_the_first_annotation_are_empty(tmp_path):
    run = run_one_pass(Still(), make_sequence(tmp_path, "late", frames=5, skip=2))
    assert (run.start, len(run), run.frame_size) == (2, 5, SIZE)
    assert np.isnan(run.boxes[:2]).all()
    assert run.boxes[2:].tolist() == [[5, 5, 10, 10]] * 3
    assert run.states == (None, None, "tracked", "uncertain", "uncertain")
    np.testing.assert_array_equal(run.scores, [np.nan, np.nan, 1, 0.5, 0.5])
    assert np.isnan(run.times[:2]).all()
    assert (run.times[2:] > 0).all()


def test_first_row_is_the_annotation_and_the_others_the_answers(tmp_path):
    np.random.seed(1)
    run = run_one_pass(Random(), make_sequence(tmp_path, "walk"))
    assert run.boxes[0].tolist() == [5, 5, 10, 10]
    assert len(np.unique(run.boxes, axis=0)) == 4


@pytest.mark.parametrize("bad", [[np.nan] * 4, [5, 5, 0, 10], [np.inf, 5, 10, 10]])
def test_start_skips_boxes_that_no_tracker_can_start_on(tmp_path, bad):
    sequence = make_sequence(tmp_path, "bad")
    sequence.boxes[0] = bad
    assert first_annotated(sequence) == 1


def test_start_skips_absent_frames_and_needs_one_box(tmp_path):
    sequence = make_sequence(tmp_path, "absent")
    assert first_annotated(dataclasses.replace(sequence, visible=np.array([False, False, True, True]))) == 2
    with pytest.raises(LockonError, match="no frame with a usable box"):
        first_annotated(dataclasses.replace(sequence, visible=np.zeros(4, dtype=bool)))
