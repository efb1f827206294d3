"""What stands around the search: Optuna's journal and importances, frames in memory, plots, worker processes."""

from __future__ import annotations

import dataclasses
import multiprocessing
import pickle

import numpy as np
import pytest
from tunable import Config, make, make_sequence, overlap_of

from lockon._processes import DIED
from lockon.bench.search import Objective, SearchOptions, Trial, parse_vary, search
from lockon.bench.search.bench import share
from lockon.bench.search.frames import keep_frames
from lockon.bench.search.summary import importances
from lockon.bench.spec import TrackerSpec
from lockon.data.sequence import LazyList, VideoSequence
from lockon.errors import LockonError, LockonWarning

optuna = pytest.importorskip("optuna", reason="needs the bench extra")

SPACE = parse_vary(["rate=0:1", "group.reach=0:6"], Config())
SEQUENCES = [make_sequence("one"), make_sequence("two", 6), make_sequence("three", 5)]


def run(out, **options):
    given = {"trials": 8, "spec": TrackerSpec("tunable", "tunable"), "space": SPACE, "make": make, **options}
    direct = {name: given.pop(name) for name in ("spec", "on_progress") if name in given}
    return search(given.pop("make"), SEQUENCES, given.pop("space"), out, options=SearchOptions(**given), **direct)


def load_study(path):
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    return optuna.load_study(study_name="lockon", storage=optuna.storages.JournalStorage(backend))


def test_optuna_s_own_tools_can_read_the_journal(tmp_path):
    found = run(tmp_path, prune=True, trials=25)
    study = load_study(tmp_path / "journal.log")
    assert [trial.state.name for trial in study.trials] == [trial.state.upper() for trial in found.trials]
    assert study.best_value == found.best.value
    assert study.best_params == dict(found.best.parameters)
    assert study.trials[0].params == {"rate": 0.1, "group.reach": 2}  # the tracker's own
    assert [len(trial.intermediate_values) for trial in study.trials] == [len(trial.scores) for trial in found.trials]


def test_a_killed_process_s_lock_is_removed(tmp_path):
    run(tmp_path, trials=2)
    (tmp_path / "journal.log.lock").touch()
    assert len(run(tmp_path, trials=4).trials) == 4
    assert len(load_study(tmp_path / "journal.log").trials) == 4


def test_nothing_from_the_folder_is_unpickled(tmp_path, monkeypatch):
    """Samplers may keep pickles in their study; a search does not give them the file."""
    run(tmp_path, trials=12)
    made = []
    monkeypatch.setattr(pickle, "loads", lambda data, loads=pickle.loads: made.append(data) or loads(data))
    run(tmp_path, trials=12)
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not [data for data in made if data in content or data.hex().encode() in content]


def test_importances_find_the_parameter_that_matters(tmp_path):
    found = run(tmp_path, space=parse_vary(["rate=0:1", "text=a,b,c"], Config()), trials=30, sampler="random")
    parts = importances(found)
    assert list(parts) == ["rate", "text"]
    assert sum(parts.values()) == pytest.approx(1)
    assert parts["rate"] > 0.8
    assert importances(dataclasses.replace(found, trials=found.trials[:10])) == {}
    assert importances(dataclasses.replace(found, space=found.space[:1])) == {}


def test_messages_of_optuna_do_not_reach_the_user(tmp_path, capfd):
    run(tmp_path, trials=12)
    run(tmp_path / "grid", trials=12, sampler="grid")
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == optuna.logging.INFO


def test_another_version_s_suggestions_are_noticed(tmp_path):
    run(tmp_path, trials=6)
    path = tmp_path / "journal.log"
    content = path.read_text()
    first = content.partition('"parameters":{"rate":')[2].partition(",")[0]
    path.write_text(content.replace(f'"parameters":{{"rate":{first}', '"parameters":{"rate":0.123', 1))
    with pytest.warns(LockonWarning, match="no longer suggests what was logged"):
        found = run(tmp_path, trials=8)
    assert found.trials[1].parameters["rate"] == 0.123
    assert len(found.trials) == 8


def counted_sequence(name, frames, reads):
    def read(path):
        reads.append(path)
        return np.zeros((10, 10, 3), dtype=np.uint8)

    paths = [f"{name}{index}" for index in range(frames)]
    return VideoSequence(name, "made", LazyList(paths, read), np.tile([1.0, 1, 5, 5], (frames, 1)))


@pytest.mark.parametrize(("limit", "again"), [(3000, 0), (1500, 5), (299, 10)])
def test_frames_are_read_once_as_far_as_the_budget_goes(limit, again):
    """Ten frames of 300 bytes."""
    reads = []
    sequences = keep_frames([counted_sequence("a", 6, reads), counted_sequence("b", 4, reads)], limit)
    for _ in range(2):
        for sequence in sequences:
            for index in range(len(sequence)):
                frame = sequence.frames[index]
                assert frame.max() == 0
                frame[:] = 7  # its reader's own
    assert len(reads) == 10 + again
    assert reads[:10] == [f"a{index}" for index in range(6)] + [f"b{index}" for index in range(4)]


def test_a_finished_search_starts_nothing(tmp_path):
    run(tmp_path, trials=3)
    spec = TrackerSpec("tunable", "tunable")
    assert len(search(None, SEQUENCES, SPACE, tmp_path, spec=spec, options=SearchOptions(trials=3)).trials) == 3


def test_sequences_are_shared_by_length():
    assert share([10, 90, 50, 40], 2) == [0, 0, 1, 1]
    assert share([5, 5, 5], 1) == [0, 0, 0]
    assert sorted(share([1, 1, 1, 1], 4)) == [0, 1, 2, 3]


def test_plots_are_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="needs the bench extra")
    from lockon.bench.search.plots import write_search_plots

    space = parse_vary(["rate=0.001:1:log", "group.reach=0:6", "group.mode=", "fast="], Config())
    for name, options in {"many": {"space": space, "prune": True, "trials": 15}, "own": {"trials": 1}}.items():
        found = run(tmp_path / name, **options)
        paths = write_search_plots(found, tmp_path / name)
        assert [path.name for path in paths] == ["history.png", "parameters.png"]
        assert all(path.stat().st_size > 5000 for path in paths)


def comparable(found):
    return [dataclasses.replace(trial, seconds=0.0, scores=list(trial.scores)) for trial in found.trials]


@pytest.mark.slow
def test_processes_give_what_one_process_gives(tmp_path):
    options = {"prune": True, "trials": 14, "spec": TrackerSpec("random", "random")}
    one = run(tmp_path / "one", **options)
    two = run(tmp_path / "two", **options, workers=2)
    assert comparable(one) == comparable(two)
    assert {trial.state for trial in two.trials} == {"complete", "pruned"}


@pytest.mark.slow
def test_a_dying_process_costs_its_trial_alone(tmp_path):
    found = run(tmp_path, spec=TrackerSpec("dying", "dying"), workers=2, trials=6)
    for trial in found.trials:
        died = trial.parameters.get("rate", 0.1) > 0.5
        assert (trial.state, trial.error) == (("failed", DIED) if died else ("complete", ""))
        assert died or trial.value == pytest.approx(overlap_of(trial.parameters), abs=1e-12)
    assert {trial.state for trial in found.trials} == {"complete", "failed"}


@pytest.mark.slow
def test_warnings_and_interrupts_in_processes(tmp_path):
    def interrupt(event):
        if isinstance(event, Trial) and event.number == 1:
            raise KeyboardInterrupt

    before = set(multiprocessing.active_children())
    with pytest.warns(LockonWarning, match="box clipped"), pytest.raises(KeyboardInterrupt):
        run(tmp_path, spec=TrackerSpec("warner", "warner"), workers=1, on_progress=interrupt)
    for child in set(multiprocessing.active_children()) - before:
        child.join(5)
        assert not child.is_alive()
    assert len(load_study(tmp_path / "journal.log").trials) == 2


@pytest.mark.slow
def test_a_tracker_that_cannot_be_sent_is_an_error(tmp_path):
    with pytest.raises(LockonError, match=r"cannot be sent to a worker process.*workers=0"):
        run(tmp_path, make=lambda _: None, workers=1)


def test_objectives_travel():
    assert pickle.loads(pickle.dumps(Objective("AUC"))) == Objective("AUC")
