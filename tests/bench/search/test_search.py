"""The search itself, with a tracker whose best parameters are known: finding, logging, resuming, failing, pruning."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from tunable import BEST, SIZE, Config, make, make_sequence, overlap_of

from lockon.bench.metrics import accuracy_robustness, expected_average_overlap, reset_run
from lockon.bench.search import Objective, SearchOptions, Trial, parse_vary, search
from lockon.bench.spec import TrackerSpec
from lockon.errors import LockonError, LockonWarning

pytest.importorskip("optuna", reason="needs the bench extra")

SPACE = parse_vary(["rate=0:1", "group.reach=0:6"], Config())
SEQUENCES = [make_sequence("one"), make_sequence("two", 6), make_sequence("three", 5)]
SPEC = TrackerSpec("tunable", "tunable")


def run(out, **options):
    """A search of twelve trials; options are those of `search` and of `SearchOptions`."""
    given = {"trials": 12, "spec": SPEC, "sequences": SEQUENCES, "space": SPACE, **options}
    direct = {name: given.pop(name) for name in ("spec", "objective", "on_progress") if name in given}
    sequences, space = given.pop("sequences"), given.pop("space")
    return search(make, sequences, space, out, options=SearchOptions(**given), **direct)


def journal_of(folder):
    """The lines of the journal: the study, two of its attributes, then one per trial."""
    return [json.loads(line) for line in (folder / "journal.log").read_text().splitlines()]


def logged(folder):
    return [line for line in journal_of(folder) if "state" in line]


def attribute(folder, name):
    return next(line["user_attr"][name] for line in journal_of(folder) if name in line.get("user_attr", {}))


def facts(found):
    """What has to be the same in two equal searches: all but the time."""
    return [dataclasses.replace(trial, seconds=0.0, scores=list(trial.scores)) for trial in found.trials]


def test_the_best_parameters_are_found(tmp_path):
    found = run(tmp_path, trials=60)
    assert len(found.trials) == 60
    assert found.best.value > 0.985  # the error is below 0.15 pixels
    assert found.best.parameters["rate"] == pytest.approx(BEST["rate"], abs=0.015)
    assert found.best.parameters["group.reach"] == 3


def test_every_trial_is_logged_with_what_it_gave(tmp_path):
    found = run(tmp_path)
    lines = logged(tmp_path)
    assert [line["user_attrs"]["number"] for line in lines] == list(range(12))
    assert lines[0]["user_attrs"]["parameters"] == {}
    assert lines[0]["params"] == {"rate": 0.1, "group.reach": 2}  # where Optuna's own tools look
    assert found.default.value == pytest.approx(overlap_of({}), abs=1e-12)
    for line in lines:
        kept = line["user_attrs"]
        expected = overlap_of(kept["parameters"])
        assert line["value"] == pytest.approx(expected, abs=1e-12)
        assert {name: part["values"]["AO"] for name, part in kept["sequences"].items()} == pytest.approx(
            dict.fromkeys(["one", "two", "three"], expected), abs=1e-12
        )
        assert kept["seconds"] >= 0
    assert found.best.value == max(line["value"] for line in lines)
    assert found.gain == found.best.value - found.default.value
    about = attribute(tmp_path, "search")
    assert about["metric"] == "AO"
    assert about["space"]["group.reach"] == {"low": 0.0, "high": 6.0, "step": None, "log": False, "whole": True}
    assert about["sequences"]["two"]["frames"] == 6


def test_values_are_short_and_of_the_field_s_type(tmp_path):
    space = parse_vary(["rate=0.01:1:log", "group.reach=0:6", "group.mode=", "fast="], Config())
    for trial in run(tmp_path, space=space).trials[1:]:
        assert len(f"{trial.parameters['rate']!r}".lstrip("0.")) <= 4
        assert isinstance(trial.parameters["group.reach"], int)
        assert trial.parameters["group.mode"] in ("a", "b")
        assert isinstance(trial.parameters["fast"], bool)


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
@pytest.mark.parametrize("prune", [False, True])
def test_an_interrupted_search_goes_the_way_of_one_that_never_stopped(tmp_path, sampler, prune):
    options = {"sampler": sampler, "prune": prune, "trials": 18, "spec": TrackerSpec("random", "random")}
    whole = run(tmp_path / "whole", **options)

    def interrupt(event):
        if isinstance(event, Trial) and event.number in (3, 12):
            raise KeyboardInterrupt

    for finished in (4, 13):
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "parts", **options, on_progress=interrupt)
        assert len(logged(tmp_path / "parts")) == finished
    parts = run(tmp_path / "parts", **options)
    assert facts(parts) == facts(whole)
    if prune:
        assert {trial.state for trial in whole.trials} == {"complete", "pruned"}


def test_trials_count_in_all(tmp_path):
    run(tmp_path, trials=5)
    told = []
    assert len(run(tmp_path, trials=5, on_progress=told.append).trials) == 5
    assert told == []
    longer = run(tmp_path, trials=8, on_progress=told.append)
    assert [event.number for event in told if isinstance(event, Trial)] == [5, 6, 7]
    assert facts(longer) == facts(run(tmp_path / "other", trials=8))


def test_a_cut_line_is_run_again(tmp_path):
    before = run(tmp_path, trials=6)
    path = tmp_path / "journal.log"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.warns(LockonWarning, match="trial 5 is run again"):
        after = run(tmp_path, trials=6)
    assert facts(after) == facts(before)
    assert len(logged(tmp_path)) == 6


@pytest.mark.parametrize("lines", [1, 2])
def test_a_journal_that_was_cut_in_its_head_is_begun_again(tmp_path, lines):
    """A process that is killed before the first trial leaves a study without its description."""
    run(tmp_path / "whole", trials=1)
    content = (tmp_path / "whole" / "journal.log").read_bytes().splitlines(keepends=True)
    (tmp_path / "journal.log").write_bytes(b"".join(content[:lines]))
    assert facts(run(tmp_path, trials=3)) == facts(run(tmp_path / "other", trials=3))


@pytest.mark.parametrize("line", ["{}", "nonsense", '{"number":7}', "[]", '{"op_code":99,"worker_id":"x"}'])
def test_a_damaged_journal_is_refused(tmp_path, line):
    run(tmp_path, trials=4)
    lines = (tmp_path / "journal.log").read_text().splitlines()
    (tmp_path / "journal.log").write_text("\n".join([*lines[:4], line, *lines[5:]]) + "\n")
    with pytest.raises(LockonError, match=r"journal\.log(: trial \d is not as it was written| is damaged).*give another --out"):
        run(tmp_path, trials=4)


def test_a_journal_without_one_of_its_trials_is_refused(tmp_path):
    run(tmp_path, trials=4)
    lines = (tmp_path / "journal.log").read_text().splitlines()
    (tmp_path / "journal.log").write_text("\n".join([*lines[:4], *lines[5:]]) + "\n")
    with pytest.raises(LockonError, match="trial 1 is not as it was written"):
        run(tmp_path, trials=4)


def test_another_study_s_journal_is_refused(tmp_path):
    import optuna

    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
    study = optuna.create_study(study_name="lockon", storage=optuna.storages.JournalStorage(backend))
    study.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(LockonError, match="does not say what was searched"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"seed": 1}, r"seed \(0 -> 1\)"),
        ({"sampler": "random"}, "sampler"),
        ({"objective": Objective("AUC")}, "metric"),
        ({"prune": True}, "prune"),
        ({"space": parse_vary(["rate=0:1"], Config())}, "space.group.reach"),
        ({"sequences": SEQUENCES[:2]}, "sequences.three"),
        ({"spec": TrackerSpec("tunable", "tunable", overrides={"fast": True})}, "tracker.overrides.fast"),
    ],
)
def test_another_search_in_the_folder_is_refused(tmp_path, options, text):
    run(tmp_path, trials=2)
    with pytest.raises(LockonError, match=f"holds another search: .*{text}"):
        run(tmp_path, **{"trials": 2, **options})


def test_where_the_data_lie_is_kept_but_may_change(tmp_path):
    run(tmp_path, trials=2, about={"data": "here"})
    run(tmp_path, trials=3, about={"data": "there"})
    assert attribute(tmp_path, "about") == {"data": "here"}


def test_fixed_parameters_are_in_every_trial(tmp_path):
    spec = TrackerSpec("tunable", "tunable", overrides={"group.reach": 5})
    found = run(tmp_path, spec=spec, space=parse_vary(["rate=0:1"], Config()), trials=3)
    for trial in found.trials:
        assert trial.value == pytest.approx(overlap_of({**trial.parameters, "group.reach": 5}), abs=1e-12)
        assert "group.reach" not in trial.parameters


def test_equal_parameters_are_run_once(tmp_path):
    steps = []
    found = run(tmp_path, space=parse_vary(["group.reach=2:4"], Config()), sampler="random", trials=16, on_progress=steps.append)
    repeated = [trial for trial in found.trials if trial.same_as is not None]
    assert len(repeated) == 16 - 3
    for trial in repeated:
        original = found.trials[trial.same_as]
        assert trial.value == original.value
        assert trial.parameters == (original.parameters or {"group.reach": 2})  # the tracker's own
    assert sum(not isinstance(event, Trial) for event in steps) == 3 * len(SEQUENCES)


def test_a_grid_is_run_whole(tmp_path):
    space = parse_vary(["rate=0.1:0.5:0.2", "group.reach=2,3"], Config())
    found = run(tmp_path, space=space, sampler="grid", trials=None)
    rows = {(trial.parameters["rate"], trial.parameters["group.reach"]) for trial in found.trials[1:]}
    assert rows == {(rate, reach) for rate in (0.1, 0.3, 0.5) for reach in (2, 3)}
    assert found.best.parameters == {"rate": 0.3, "group.reach": 3}
    assert len(run(tmp_path, space=space, sampler="grid", trials=100).trials) == 7


def test_a_trial_that_fails_does_not_end_the_search(tmp_path):
    found = run(tmp_path, spec=TrackerSpec("picky", "picky"), trials=20)
    states = {trial.state for trial in found.trials}
    assert states == {"complete", "failed"}
    for trial in found.trials:
        assert (trial.state == "failed") == (trial.parameters.get("rate", 0.1) > 0.5)
    failed = next(trial for trial in found.trials if trial.state == "failed")
    assert failed.error.endswith(": RuntimeError: rate too high")
    assert math.isnan(failed.value)
    assert failed.scores == {}
    assert found.best.parameters["rate"] <= 0.5
    assert facts(run(tmp_path, spec=TrackerSpec("picky", "picky"), trials=20))[1:3] == facts(found)[1:3]


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (TrackerSpec("nothing", "nothing"), "nothing fails with its own parameters.*no weights for nothing; train it"),
        (TrackerSpec("p", "picky", overrides={"rate": 0.9}), "p fails with its own parameters.*rate too high"),
    ],
)
def test_a_tracker_that_does_not_run_at_all_is_an_error(tmp_path, spec, text):
    with pytest.raises(LockonError, match=text):
        run(tmp_path, spec=spec, space=parse_vary(["group.reach=0:6"], Config()))
    assert logged(tmp_path) == []


def test_sequences_without_a_counted_frame_are_an_error(tmp_path):
    with pytest.raises(LockonError, match="AO is no number on these sequences"):
        run(tmp_path, sequences=[make_sequence("short", 1)])


def test_pruned_trials_keep_what_they_saw_and_are_never_the_best(tmp_path):
    sequences = [make_sequence(f"s{number}") for number in range(8)]
    found = run(tmp_path, sequences=sequences, prune=True, trials=40)
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    order = list(found.default.scores)
    for trial in pruned:
        assert 2 <= len(trial.scores) < 8  # a quarter at least
        assert list(trial.scores) == order[: len(trial.scores)]
        assert trial.value < found.best.value
    assert found.default.state == found.best.state == "complete"


def test_the_order_of_the_sequences_is_shuffled_by_the_seed(tmp_path):
    sequences = [make_sequence(f"s{number}") for number in range(8)]
    orders = [list(run(tmp_path / str(seed), sequences=sequences, trials=1, seed=seed).default.scores) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


def test_a_tracker_that_draws_on_its_frames_does_not_spoil_the_next_trial(tmp_path):
    found = run(tmp_path, spec=TrackerSpec("painter", "painter"), trials=3)
    assert [trial.value for trial in found.trials] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("metric", ["AO", "AUC", "SR50", "SR75", "P20", "NP"])
def test_metrics_are_those_of_reports(tmp_path, metric):
    """The own parameters are off by 3.2 of 20 pixels: IoU 16.8 / 23.2 = 0.724, above 15 of the 21 thresholds in 3 of 4 frames."""
    expected = {"AO": 16.8 / 23.2, "AUC": (3 * 15 / 21 + 20 / 21) / 4, "SR50": 1.0, "SR75": 0.0, "P20": 1.0, "NP": 1.0}
    found = run(tmp_path, sequences=SEQUENCES[:1], trials=1, objective=Objective(metric))
    assert found.default.value == pytest.approx(expected[metric], abs=1e-12)


def test_pooled_conventions_count_frames(tmp_path):
    """Off by 3.2 pixels in 3 and 5 frames is the same for both ways of averaging; one sequence without frames is left out of both."""
    found = run(tmp_path, sequences=SEQUENCES[:2], trials=1, objective=Objective("AO", "got10k"))
    weights = [score.weights["AO"] for score in found.default.scores.values()]
    assert sorted(weights) == [3, 5]
    scores = [
        dataclasses.replace(score, values={**score.values, "AO": value})
        for score, value in zip(sorted(found.default.scores.values(), key=len_of), (0.2, 0.6), strict=True)
    ]
    assert found.objective.value(scores) == pytest.approx((3 * 0.2 + 5 * 0.6) / 8, abs=1e-12)
    assert Objective("AO").value(scores) == pytest.approx(0.4, abs=1e-12)


def len_of(score):
    return score.frames


def test_expected_average_overlap(tmp_path):
    objective = Objective("EAO", lengths=(3, 5))
    found = run(tmp_path, trials=4, objective=objective)
    for trial in found.trials:
        runs = []
        for sequence in SEQUENCES:
            off = (SIZE - SIZE * overlap_of(trial.parameters)) / (1 + overlap_of(trial.parameters))
            events = np.array([1, *[0] * (len(sequence) - 1)])
            runs.append(reset_run(sequence.boxes + np.array([off, 0, 0, 0]), events, sequence.boxes, (60, 40)))
        assert trial.value == pytest.approx(expected_average_overlap(runs, 3, 5), abs=1e-5)
    again = run(tmp_path, trials=4, objective=objective)
    assert [trial.value for trial in again.trials] == [trial.value for trial in found.trials]
    assert found.objective.value(again.default.scores.values()) == found.default.value


def test_accuracy_after_resets_is_that_of_reports_and_needs_no_lengths(tmp_path):
    """Overlaps for accuracy are bounded by the picture, those for EAO by one pixel less: the journal keeps both."""
    long = [make_sequence("long", 16), make_sequence("other", 14, dataset="elsewhere")]
    found = run(tmp_path, trials=4, sequences=long, objective=Objective("A"))
    for trial in found.trials:
        runs = []
        for sequence in long:
            off = (SIZE - SIZE * overlap_of(trial.parameters)) / (1 + overlap_of(trial.parameters))
            events = np.array([1, *[0] * (len(sequence) - 1)])
            runs.append(reset_run(sequence.boxes + np.array([off, 0, 0, 0]), events, sequence.boxes, (60, 40)))
        assert trial.value == pytest.approx(accuracy_robustness(runs).accuracy, abs=1e-5)
    again = run(tmp_path, trials=4, sequences=long, objective=Objective("A"))
    assert [trial.value for trial in again.trials] == [trial.value for trial in found.trials]
    assert [again.objective.value(trial.scores.values()) for trial in again.trials] == [trial.value for trial in found.trials]


def test_accuracy_on_one_dataset_knows_its_lengths():
    assert Objective("A").of([make_sequence("a", dataset="VOT2018")]).scoring().lengths == (100, 356)
    assert Objective("A").of([make_sequence("a", dataset="VOT2018"), make_sequence("b")]).scoring().lengths is None


@pytest.mark.parametrize(
    ("objective", "options", "text"),
    [
        (("EAO",), {}, "no range of lengths is known for EAO on made; give --lengths"),
        (("EAO",), {"sequences": [*SEQUENCES, make_sequence("four", dataset="other")]}, "made, other; search on one dataset"),
        (("EAO", None, "", (300, 400)), {}, "EAO is no number"),
    ],
)
def test_data_that_eao_cannot_be_computed_on(tmp_path, objective, options, text):
    with pytest.raises(LockonError, match=text):
        run(tmp_path, objective=Objective(*objective), **options)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("IoU",), "unknown metric 'IoU'.*known: A, AO"),
        (("AO", "otb"), "unknown convention 'otb'"),
        (("AO", None, "", (1, 2)), "only EAO has them"),
        (("EAO", None, "", (5, 2)), "lengths 5 to 2"),
    ],
)
def test_objectives_that_are_none(arguments, text):
    with pytest.raises(LockonError, match=text):
        Objective(*arguments)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"trials": 0}, "trials=0"),
        ({"workers": -1}, "workers=-1"),
        ({"threads": 0}, "threads=0"),
        ({"cache_mb": -1}, "cache_mb=-1"),
        ({"cache_mb": math.nan}, "cache_mb=nan"),
        ({"space": ()}, "the space has no parameters"),
        ({"space": (*SPACE, SPACE[0])}, "rate is in the space twice"),
        ({"spec": TrackerSpec("t", "tunable", overrides={"rate": 1.0})}, "rate is fixed and in the space"),
        ({"sequences": []}, "0 sequences given"),
        ({"sequences": [SEQUENCES[0], SEQUENCES[0]]}, "sequence 'made/one' is given twice"),
        ({"sampler": "annealing"}, "unknown sampler 'annealing'"),
    ],
)
def test_impossible_settings_are_refused_before_any_file_is_written(tmp_path, options, text):
    with pytest.raises(LockonError, match=text):
        run(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_one_name_in_two_datasets(tmp_path):
    found = run(tmp_path, sequences=[make_sequence("one", dataset="a"), make_sequence("one", dataset="b"), SEQUENCES[1]], trials=1)
    assert sorted(found.default.scores) == ["a/one", "b/one", "two"]
