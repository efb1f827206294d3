"""Cross-validation over sequences and what is written at the end, by numbers worked out by hand."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest
from tunable import Config

from lockon.bench.report.model import SequenceScore
from lockon.bench.report.one_pass import KEYS as ONE_PASS
from lockon.bench.search import Objective, SearchResult, Trial, cross_validate, parse_vary
from lockon.bench.search.summary import SearchSummary, importances
from lockon.cli._texts import parse_overrides
from lockon.config import apply_overrides
from lockon.errors import LockonError

SPACE = parse_vary(["rate=0:1", "group.mode="], Config())
AO = Objective("AO")
NAMES = ("a", "b", "c", "d")


def score(name: str, value: float, frames: int = 10) -> SequenceScore:
    figures = ONE_PASS
    return SequenceScore(
        sequence=name,
        dataset="made",
        frames=frames + 1,
        values=dict.fromkeys(figures, value),
        curves={},
        times=np.zeros(0),
        weights=dict.fromkeys(figures, frames),
    )


def found_of(*rows, frames=(10, 10, 10, 10), objective=AO) -> SearchResult:
    """A search with the values of each trial on a, b, c, d; a shorter row is a pruned trial."""
    trials = []
    for number, row in enumerate(rows):
        scores = {name: score(name, value, count) for name, value, count in zip(NAMES, row, frames, strict=False)}
        state = "complete" if len(row) == len(NAMES) else "pruned"
        parameters = {"rate": number / 10, "group.mode": "b"} if number else {}
        value = objective.value(scores.values())
        trials.append(Trial(number=number, parameters=parameters, state=state, value=value, scores=scores))
    return SearchResult(objective, SPACE, tuple(trials))


def test_each_fold_is_looked_at_with_what_is_best_on_the_others():
    """Two folds: a, c and b, d. Trial 1 is lucky on a and c, trial 2 on b and d; each loses where it was not chosen."""
    found = found_of((0.5, 0.5, 0.5, 0.5), (0.9, 0.4, 0.9, 0.4), (0.3, 0.8, 0.3, 0.8))
    assert found.best.number == 1
    assert found.gain == pytest.approx(0.15)
    result = cross_validate(found, 2)
    first, second = result.folds
    assert (first.sequences, first.chosen) == (("a", "c"), 2)  # best on b, d
    assert (second.sequences, second.chosen) == (("b", "d"), 1)
    assert (first.seen_gain, first.gain) == pytest.approx((0.3, -0.2))
    assert (second.seen_gain, second.gain) == pytest.approx((0.4, -0.1))
    assert (result.default, result.value) == pytest.approx((0.5, (0.3 + 0.4 + 0.3 + 0.4) / 4))
    assert result.gain == pytest.approx(-0.15)


def test_a_trial_that_is_better_everywhere_keeps_its_gain():
    result = cross_validate(found_of((0.5, 0.5, 0.5, 0.5), (0.6, 0.7, 0.6, 0.7), (0.55, 0.55, 0.55, 0.55)), 4)
    assert [fold.chosen for fold in result.folds] == [1, 1, 1, 1]
    assert result.gain == pytest.approx(0.15)


def test_nothing_better_than_the_own_parameters_gains_nothing():
    result = cross_validate(found_of((0.5, 0.5, 0.5, 0.5), (0.4, 0.5, 0.5, 0.5)), 2)
    assert [fold.chosen for fold in result.folds] == [0, 0]  # of equal ones the first
    assert result.gain == 0


def test_pruned_trials_are_never_chosen():
    found = found_of((0.5, 0.5, 0.5, 0.5), (0.9, 0.9), (0.6, 0.6, 0.6, 0.6))
    assert found.best.number == 2
    assert {fold.chosen for fold in cross_validate(found, 2).folds} == {2}


def test_pooled_conventions_weigh_sequences_by_their_frames():
    objective = Objective("AO", "got10k")
    found = found_of((0.5, 0.5, 0.5, 0.5), (0.9, 0.4, 0.9, 0.4), frames=(30, 10, 30, 10), objective=objective)
    assert found.best.value == pytest.approx((60 * 0.9 + 20 * 0.4) / 80)
    result = cross_validate(found, 2)
    assert [fold.chosen for fold in result.folds] == [0, 1]
    assert result.value == pytest.approx((60 * 0.5 + 20 * 0.4) / 80)


@pytest.mark.parametrize("folds", [0, 1, 5])
def test_numbers_of_folds_that_cannot_be(folds):
    with pytest.raises(LockonError, match=f"--folds {folds} with 4 sequences; expected 2 to 4"):
        cross_validate(found_of((0.5, 0.5, 0.5, 0.5)), folds)


def test_the_best_parameters_as_files_and_options(tmp_path):
    found = found_of((0.5, 0.5, 0.5, 0.5), (0.9, 0.4, 0.9, 0.4))
    config = apply_overrides(Config(), {"fast": True})
    summary = SearchSummary(
        found, {"fast": True, "text": "two words"}, importances(found), cross_validate(found, 2), ({"data": "folder:x"},)
    )
    best, figures = summary.write(tmp_path, config)
    expected = {"rate": 0.1, "group": {"reach": 2, "mode": "b"}, "fast": True, "top": None, "text": "two words"}
    assert json.loads(best.read_text()) == expected
    assert summary.options == "--set fast=True --set 'text=two words' --set rate=0.1 --set group.mode=b"
    words = [word for word in shlex.split(summary.options) if word != "--set"]
    assert apply_overrides(Config(), parse_overrides(words)) == apply_overrides(Config(), summary.overrides)
    content = json.loads(figures.read_text())
    assert content["best"] == {"trial": 1, "value": pytest.approx(0.65), "parameters": {"rate": 0.1, "group.mode": "b"}}
    assert content["gain"] == pytest.approx(0.15)
    assert content["folds"]["gain"] == pytest.approx(-0.05)
    assert content["trials"] == {"complete": 2}
    assert content["importances"] == {}


def test_without_a_config_the_file_has_what_was_changed(tmp_path):
    found = found_of((0.5, 0.5, 0.5, 0.5), (0.9, 0.4, 0.9, 0.4))
    best, _ = SearchSummary(found).write(tmp_path, None)
    assert json.loads(best.read_text()) == {"rate": 0.1, "group": {"mode": "b"}}
    own, _ = SearchSummary(found_of((0.5, 0.5, 0.5, 0.5))).write(tmp_path, None)
    assert json.loads(own.read_text()) == {}
    assert SearchSummary(found_of((0.5, 0.5, 0.5, 0.5))).options == ""
