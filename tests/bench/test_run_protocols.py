"""Repetitions, anchors, reset and batches through `run_benchmark`: what is run, what is skipped, what is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fake_trackers import make, make_color_tracker, make_sequence

from colored_videos import BLUE, GREEN, RED, color_tracker, video
from fake_refiner import BlobRefiner
from lockon.bench.protocols.anchors import Anchors
from lockon.bench.protocols.one_pass import OnePass
from lockon.bench.protocols.realtime import RealTime
from lockon.bench.protocols.reset import Reset
from lockon.bench.run import BenchmarkOptions, TrackerSpec, run_benchmark
from lockon.bench.store import RunKey, Store
from lockon.errors import LockonError
from lockon.refiners.alpha_refine import AlphaRefiner
from lockon.refiners.wrapper import with_refiner
from noisy_tracker import make_noisy_tracker


def make_refined_tracker(spec):
    return with_refiner(color_tracker(), AlphaRefiner(BlobRefiner()))


STILL, RANDOM = TrackerSpec("still", "still"), TrackerSpec("random", "random")


@pytest.fixture
def sequence(tmp_path):
    return make_sequence(tmp_path / "data", "dark", frames=6)


def run(out, specs, sequences, protocol=None, *, make=make, data=None, on_outcome=None, **options):
    options = BenchmarkOptions(workers=0, **options)
    outcomes = run_benchmark(specs, sequences, out, make, protocol=protocol, options=options, data=data, on_outcome=on_outcome)
    return [outcome.status for outcome in outcomes], Store(out)


def files(store, label="still"):
    return sorted(path.relative_to(store.folder / label).as_posix() for path in store.folder.glob(f"{label}/*/*"))


def test_a_deterministic_tracker_runs_twice_and_a_random_one_every_time(tmp_path, sequence):
    status, store = run(tmp_path / "out", [STILL, RANDOM], [sequence], OnePass(repetitions=4))
    assert status == ["done", "done"]
    assert files(store) == ["made/dark#2.json", "made/dark.json"]
    records = store.records("random")
    assert [record.repetition for record in records] == [1, 2, 3, 4]
    assert [record.setup["seed"] for record in records] == [0, 1, 2, 3]
    assert len({record.run.boxes.tobytes() for record in records}) == 4
    assert run(tmp_path / "out", [STILL, RANDOM], [sequence], OnePass(repetitions=4))[0] == ["skipped", "skipped"]


def test_repetitions_are_resumed_one_by_one_and_give_the_same(tmp_path, sequence):
    _, store = run(tmp_path / "out", [RANDOM], [sequence], OnePass(repetitions=3))
    before = [record.run.boxes.tolist() for record in store.records("random")]
    store.path("random", "made", "dark", RunKey(repetition=2)).unlink()
    kept = store.path("random", "made", "dark", RunKey(repetition=3)).stat().st_mtime_ns
    assert run(tmp_path / "out", [RANDOM], [sequence], OnePass(repetitions=3))[0] == ["done"]
    assert [record.run.boxes.tolist() for record in store.records("random")] == before
    assert store.path("random", "made", "dark", RunKey(repetition=3)).stat().st_mtime_ns == kept
    assert run(tmp_path / "out", [RANDOM], [sequence], OnePass(repetitions=5))[0] == ["done"]  # more are added
    assert [record.run.boxes.tolist() for record in store.records("random")][:3] == before


def test_a_second_repetition_alone_equals_a_run_with_its_seed(tmp_path, sequence):
    _, store = run(tmp_path / "three", [RANDOM], [sequence], OnePass(repetitions=3), seed=4)
    _, alone = run(tmp_path / "one", [RANDOM], [sequence], seed=6)
    assert store.records("random")[2].run.boxes.tolist() == alone.records("random")[0].run.boxes.tolist()


def test_protocols_live_side_by_side(tmp_path, sequence):
    out = tmp_path / "out"
    clock = RealTime(seconds=0.2, grace=0)
    for protocol in (OnePass(), Reset(), clock, Anchors(spacing=4)):
        status, store = run(out, [STILL], [sequence], protocol)
        assert status == ["done"]
    assert files(store) == [
        "made.anchors/dark@0.json",
        "made.anchors/dark@4.json",
        "made.realtime/dark.json",
        "made.reset/dark.json",
        "made/dark.json",
    ]
    assert store.protocols("still") == ["one-pass", "reset", "realtime", "anchors"]
    assert [(one.anchor, one.backward, len(one.run)) for one in store.records("still", "anchors")] == [(0, False, 6), (4, True, 5)]
    assert np.isnan(store.records("still", "realtime")[0].run.times).tolist() == [False, True, True, False, True, True]
    assert [one.protocol for one in store.records("still")] == ["one-pass"]
    store.path("still", "made", "dark", RunKey("anchors", 1, 4)).unlink()
    kept = store.path("still", "made", "dark", RunKey("anchors", 1, 0)).stat().st_mtime_ns
    assert run(out, [STILL], [sequence], Anchors(spacing=4))[0] == ["done"]
    assert store.path("still", "made", "dark", RunKey("anchors", 1, 0)).stat().st_mtime_ns == kept


def test_results_of_other_rules_are_refused_and_replaced_on_demand(tmp_path, sequence):
    out, other = tmp_path / "out", Reset(skip=3)
    run(out, [STILL], [sequence])
    run(out, [STILL], [sequence], Reset())
    with pytest.raises(LockonError, match=r"dark.json was made under other rules: skip \(5 -> 3\); give --overwrite or another --out"):
        run(out, [STILL], [sequence], other)
    before = Store(out).path("still", "made", "dark").stat().st_mtime_ns
    _, store = run(out, [STILL], [sequence], other, overwrite=True)
    assert store.records("still", "reset")[0].rules["skip"] == 3
    assert store.path("still", "made", "dark").stat().st_mtime_ns == before  # the other protocol's stay


def test_overwriting_drops_repetitions_that_are_not_made_again(tmp_path, sequence):
    near = dataclasses.replace(sequence, name="dark@2")  # a name that looks like an anchor of the other
    run(tmp_path / "out", [RANDOM], [sequence, near], OnePass(repetitions=3))
    _, store = run(tmp_path / "out", [RANDOM], [sequence], OnePass(repetitions=2), overwrite=True)
    assert files(store, "random") == [
        "made/dark#2.json",
        "made/dark%402#2.json",
        "made/dark%402#3.json",
        "made/dark%402.json",
        "made/dark.json",
    ]


def test_a_failure_is_noted_beside_its_own_run(tmp_path):
    red = make_sequence(tmp_path / "data", "red", frames=6, red=True)
    status, store = run(tmp_path / "out", [TrackerSpec("still", "broken")], [red], Anchors(spacing=4))
    assert status == ["failed"]
    assert files(store) == ["made.anchors/red@0.error.txt"]


def test_sequences_whose_first_box_alone_is_known(tmp_path, sequence):
    """Test sets of servers: the run works, and the record knows that it cannot be scored."""
    boxes = np.full((6, 4), np.nan)
    boxes[0] = [5, 5, 10, 10]
    status, store = run(tmp_path / "out", [STILL], [dataclasses.replace(sequence, boxes=boxes)], OnePass(repetitions=3))
    assert status == ["done"]
    assert [record.has_truth for record in store.records("still")] == [False, False]
    assert np.isfinite(store.records("still")[0].run.boxes).all()
    run(tmp_path / "known", [STILL], [sequence])
    assert Store(tmp_path / "known").records("still")[0].has_truth


VIDEOS = [video("a", RED, 9), video("b", GREEN, 4), video("c", BLUE, 7), video("d", RED, 12), video("e", GREEN, 1)]
NET = TrackerSpec("net", "color")


@pytest.mark.parametrize(
    "protocol",
    [
        OnePass(repetitions=2),
        Reset(),
        Anchors(spacing=5),
        RealTime(seconds=0.2, grace=1),
    ],
    ids=lambda protocol: protocol.name,
)
def test_a_batch_equals_one_by_one_under_every_protocol(tmp_path, protocol):
    status, together = run(tmp_path / "together", [NET], VIDEOS, protocol, make=make_color_tracker, batch=2)
    assert status == ["done"] * 5
    _, alone = run(tmp_path / "alone", [NET], VIDEOS, protocol, make=make_color_tracker)
    assert files(together, "net") == files(alone, "net")
    for ours, theirs in zip(together.records("net", protocol.name), alone.records("net", protocol.name), strict=True):
        np.testing.assert_allclose(ours.run.boxes, theirs.run.boxes, atol=1e-4)
        assert (ours.run.states, ours.run_key, ours.rules) == (theirs.run.states, theirs.run_key, theirs.rules)
        assert (ours.setup["batch"], theirs.setup.get("batch")) == (2, None)
    missing = together.records("net", protocol.name)[0]
    together.path("net", "colors", missing.sequence, missing.run_key).unlink()
    statuses = run(tmp_path / "together", [NET], VIDEOS, protocol, make=make_color_tracker, batch=2)[0]
    assert sorted(statuses) == ["done", *["skipped"] * 4]


def test_batches_need_a_stepped_tracker_and_a_clock_that_does_not_wait(tmp_path, sequence):
    outcomes = run_benchmark([STILL], [sequence], tmp_path / "out", make, options=BenchmarkOptions(workers=0, batch=2))
    assert (
        outcomes[0].error == "still cannot run in batches: it has no start, step and moved, which step many targets at once; give batch=1"
    )
    with pytest.raises(LockonError, match="real time cannot be measured in batches"):
        run(tmp_path / "other", [NET], VIDEOS, RealTime(), make=make_color_tracker, batch=2)


def test_a_broken_frame_in_a_batch_fails_its_own_sequence(tmp_path):
    broken = video("broken", RED, 6)

    def read(path):
        raise LockonError("cut off")

    broken = dataclasses.replace(broken, frames=dataclasses.replace(broken.frames, read=read))
    outcomes = run_benchmark(
        [NET], [VIDEOS[0], broken, VIDEOS[1]], tmp_path / "out", make_color_tracker, options=BenchmarkOptions(workers=0, batch=3)
    )
    assert {outcome.sequence: outcome.error for outcome in outcomes} == {"a": "", "b": "", "broken": "cut off"}
    assert "cut off" in (tmp_path / "out" / "net" / "colors" / "broken.error.txt").read_text()


def test_the_results_know_where_the_data_was(tmp_path, sequence):
    _, store = run(tmp_path / "out", [STILL], [sequence], data={"made": "folder:/somewhere"})
    assert store.records("still")[0].setup["data"] == "folder:/somewhere"


MANY = [video(f"v{index}", (RED, GREEN, BLUE)[index % 3], 3 + index % 5) for index in range(34)]


@pytest.fixture(scope="module")
def noise_alone(tmp_path_factory):
    """The boxes of a tracker that draws random numbers, one video after the other, two repetitions each."""
    folder = tmp_path_factory.mktemp("alone")
    status, store = run(folder, [NET], MANY, OnePass(repetitions=2), make=make_noisy_tracker, seed=5)
    assert status == ["done"] * len(MANY)
    return {(record.sequence, record.run_key): record.run.boxes for record in store.records("net")}


@pytest.mark.parametrize("batch", [2, 8, 32])
def test_random_numbers_are_those_of_the_run_in_every_batch(tmp_path, noise_alone, batch):
    _, store = run(tmp_path / "out", [NET], MANY, OnePass(repetitions=2), make=make_noisy_tracker, seed=5, batch=batch)
    records = store.records("net")
    assert len(records) == len(noise_alone) == 2 * len(MANY)
    for record in records:
        np.testing.assert_array_equal(record.run.boxes, noise_alone[record.sequence, record.run_key])
    assert {record.setup["seed"] for record in records} == {5, 6}  # one per repetition, and it repeats the run


@pytest.mark.parametrize("batch", [1, 8])
def test_random_numbers_are_the_same_after_a_kill_and_a_resume(tmp_path, noise_alone, batch):
    def stop(outcome):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", [NET], MANY, OnePass(repetitions=2), make=make_noisy_tracker, seed=5, batch=batch, on_outcome=stop)
    _, store = run(tmp_path / "out", [NET], MANY, OnePass(repetitions=2), make=make_noisy_tracker, seed=5, batch=batch)
    for record in store.records("net"):
        np.testing.assert_array_equal(record.run.boxes, noise_alone[record.sequence, record.run_key])


def test_refined_trackers_run_in_batches_as_they_do_alone(tmp_path):
    _, alone = run(tmp_path / "alone", [NET], VIDEOS, make=make_refined_tracker)
    status, together = run(tmp_path / "together", [NET], VIDEOS, make=make_refined_tracker, batch=4)
    assert status == ["done"] * 5
    for ours, theirs in zip(together.records("net"), alone.records("net"), strict=True):
        np.testing.assert_array_equal(ours.run.boxes, theirs.run.boxes)
