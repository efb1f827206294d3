"""Running many pairs: results, resuming, failures, dying processes, Ctrl-C."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
from fake_trackers import make, make_sequence

from lockon.bench.run import BenchmarkOptions, TrackerSpec, run_benchmark, sha256
from lockon.bench.store import Store, load_record
from lockon.data.datasets.registry import load_videos
from lockon.errors import LockonError
from lockon.zoo.specs import load_spec
from tiny_training_data import make_validation


@pytest.fixture
def sequences(tmp_path):
    return [make_sequence(tmp_path / "data", "dark"), make_sequence(tmp_path / "data", "red", red=True)]


def _statuses(outcomes):
    return {(outcome.label, outcome.sequence): outcome.status for outcome in outcomes}


def test_every_pair_is_run_stored_and_skipped_the_next_time(tmp_path, sequences):
    specs = [TrackerSpec("still", "still"), TrackerSpec("other", "random", device="cpu")]
    told = []
    outcomes = run_benchmark(specs, sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=0), on_outcome=told.append)
    assert outcomes == told
    assert set(_statuses(outcomes).values()) == {"done"}
    assert len(outcomes) == 4
    store = Store(tmp_path / "out")
    assert store.trackers() == ["other", "still"]
    assert [record.sequence for record in store.records("still")] == ["dark", "red"]
    assert store.describe("other")["configuration"]["device"] == "cpu"
    setup = store.records("still")[0].setup
    assert setup["versions"]["numpy"] == np.__version__
    assert setup["machine"]["cores"] >= 1
    before = store.path("still", "made", "dark").stat().st_mtime_ns
    assert set(_statuses(run_benchmark(specs, sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=0))).values()) == {
        "skipped"
    }
    assert store.path("still", "made", "dark").stat().st_mtime_ns == before
    run_benchmark(specs, sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=0, overwrite=True))
    assert store.path("still", "made", "dark").stat().st_mtime_ns > before


def test_a_failing_tracker_is_named_and_the_rest_goes_on(tmp_path, sequences):
    specs = [TrackerSpec("broken", "broken"), TrackerSpec("nothing", "nothing"), TrackerSpec("still", "still")]
    outcomes = run_benchmark(specs, sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=0))
    assert _statuses(outcomes) == {
        ("broken", "dark"): "done",
        ("broken", "red"): "failed",
        ("nothing", "dark"): "failed",
        ("nothing", "red"): "failed",
        ("still", "dark"): "done",
        ("still", "red"): "done",
    }
    errors = {outcome.label: outcome.error for outcome in outcomes if outcome.status == "failed"}
    assert errors == {"broken": "RuntimeError: no red, please", "nothing": "no weights for nothing; train it"}
    assert "first line" in (tmp_path / "out" / "broken" / "made" / "red.error.txt").read_text()


def test_warnings_come_back_with_the_outcome(tmp_path, sequences):
    outcomes = run_benchmark([TrackerSpec("warner", "warner")], sequences[:1], tmp_path / "out", make, options=BenchmarkOptions(workers=0))
    assert outcomes[0].warnings == ("box clipped",)


def test_the_seed_decides_random_trackers(tmp_path, sequences):
    def boxes(folder, seed):
        run_benchmark(
            [TrackerSpec("random", "random")], sequences[:1], tmp_path / folder, make, options=BenchmarkOptions(workers=0, seed=seed)
        )
        return load_record(Store(tmp_path / folder).path("random", "made", "dark")).run.boxes

    first = boxes("a", 1)
    np.testing.assert_array_equal(boxes("b", 1), first)
    assert not np.array_equal(boxes("c", 2), first)
    with pytest.raises(LockonError, match=r"seed \(1 -> 5\)"):
        boxes("a", 5)


@pytest.mark.parametrize("order", [("one",), ("two",), ("two", "one")])
def test_opencvs_mil_gives_the_boxes_of_a_whole_run_when_some_sequences_are_run_later(tmp_path, order):
    """It draws with C's generator, whose state would depend on what the process ran before."""
    videos = {video.name: video for video in load_videos(make_validation(tmp_path))}
    spec = [TrackerSpec("mil", "mil")]
    for name in order:
        run_benchmark(spec, [videos[name]], tmp_path / "resumed", load_spec, options=BenchmarkOptions(workers=0))
    for folder in ("whole", "resumed"):
        run_benchmark(spec, list(videos.values()), tmp_path / folder, load_spec, options=BenchmarkOptions(workers=0))
    whole, resumed = (Store(tmp_path / folder).records("mil") for folder in ("whole", "resumed"))
    assert [record.sequence for record in resumed] == ["one", "two"]
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(one.run.boxes, other.run.boxes)


def test_weights_are_hashed_and_measured(tmp_path, sequences):
    weights = tmp_path / "net.onnx"
    weights.write_bytes(b"abc")
    spec = TrackerSpec("still", "still", files=(weights,))
    assert sha256(weights) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    run_benchmark([spec], sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=0))
    assert Store(tmp_path / "out").describe("still")["size"] == 3
    weights.write_bytes(b"abd")
    with pytest.raises(LockonError, match="another configuration: weights"):
        run_benchmark([spec], sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=0))
    with pytest.raises(LockonError, match="cannot read"):
        sha256(tmp_path / "missing.onnx")


def test_a_cut_result_is_run_again(tmp_path, sequences):
    specs = [TrackerSpec("still", "still")]
    run_benchmark(specs, sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=0))
    path = Store(tmp_path / "out").path("still", "made", "red")
    path.write_text("{")
    with pytest.warns(match="running it again"):
        outcomes = run_benchmark(specs, sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=0))
    assert _statuses(outcomes) == {("still", "dark"): "skipped", ("still", "red"): "done"}
    assert load_record(path).sequence == "red"


@pytest.mark.slow
def test_a_dying_process_takes_only_its_own_pair_along(tmp_path, sequences):
    specs = [TrackerSpec("still", "still"), TrackerSpec("dying", "dying")]
    outcomes = run_benchmark(specs, sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=2))
    assert _statuses(outcomes) == {
        ("still", "dark"): "done",
        ("dying", "dark"): "done",
        ("still", "red"): "done",
        ("dying", "red"): "failed",
    }
    assert "process died" in next(outcome.error for outcome in outcomes if outcome.error)
    assert load_record(Store(tmp_path / "out").path("still", "made", "red")).setup["threads"] == 1


@pytest.mark.slow
def test_ctrl_c_ends_the_workers_and_keeps_what_is_finished(tmp_path, sequences):
    def interrupt(outcome):
        raise KeyboardInterrupt

    before = set(multiprocessing.active_children())
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(
            [TrackerSpec("still", "still")], sequences, tmp_path / "out", make, options=BenchmarkOptions(workers=1), on_outcome=interrupt
        )
    for child in set(multiprocessing.active_children()) - before:
        child.join(5)
        assert not child.is_alive()
    assert Store(tmp_path / "out").find("still", sequences[0]) is not None


@pytest.mark.parametrize(
    ("labels", "count", "options", "text"),
    [
        (["a", "a"], 1, {}, "tracker 'a' is given twice"),
        ([], 1, {}, "0 trackers and 1 sequences"),
        (["a"], 0, {}, "1 trackers and 0 sequences"),
        (["a"], 1, {"workers": -1}, "workers=-1"),
        (["a"], 1, {"threads": 0}, "threads=0"),
    ],
)
def test_impossible_runs_are_refused_before_any_file_is_written(tmp_path, sequences, labels, count, options, text):  # noqa: PLR0917 - a table of cases
    with pytest.raises(LockonError, match=text):
        run_benchmark(
            [TrackerSpec(label, "still") for label in labels],
            sequences[:count],
            tmp_path / "out",
            make,
            options=BenchmarkOptions(**{"workers": 0, **options}),
        )
    with pytest.raises(LockonError, match="sequence 'red' of made is given twice"):
        run_benchmark([TrackerSpec("a", "still")], [*sequences, sequences[1]], tmp_path / "out", make, options=BenchmarkOptions(workers=0))
    assert not (tmp_path / "out").exists()
