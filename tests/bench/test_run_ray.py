"""Runs over a local Ray cluster, a worker of it killed midway. Needs the `ray` extra."""

from __future__ import annotations

import json
import os

import pytest
from fake_trackers import make, make_sequence

from lockon.bench import ray_workers
from lockon.bench.jobs import BenchmarkContext, run_job
from lockon.bench.protocols.one_pass import OnePass
from lockon.bench.ray_workers import MemoryBook
from lockon.bench.run import BenchmarkOptions, Job, TrackerSpec, run_benchmark
from lockon.bench.store import Store
from lockon.errors import LockonError


@pytest.fixture
def sequences(tmp_path):
    return [make_sequence(tmp_path / "data", f"s{number}", red=number == 1, frames=6) for number in range(3)]


def answers(store):
    paths = sorted(store.folder.glob("*/*/*.json"))
    contents = {path.relative_to(store.folder).as_posix(): json.loads(path.read_text()) for path in paths}
    return {name: {key: value for key, value in content.items() if key not in ("times", "setup")} for name, content in contents.items()}


def test_a_task_brings_back_what_is_missing_and_no_more(sequences):
    """What runs far away from the store, without Ray."""
    spec, protocol = TrackerSpec("it", "random"), OnePass(repetitions=3)
    context = BenchmarkContext(make, protocol, 0, {})
    whole = MemoryBook({})
    assert [outcome.status for outcome in run_job(context, whole, Job(spec, (sequences[0],)))] == ["done"]
    assert [record.repetition for _, record in whole.new] == [1, 2, 3]
    known = {("it", "made", "s0", record.run_key): record for _, record in whole.new[:2]}
    rest = MemoryBook(known)
    run_job(context, rest, Job(spec, (sequences[0],)))
    assert [record.repetition for _, record in rest.new] == [3]
    assert rest.new[0][1].run.boxes.tolist() == whole.new[2][1].run.boxes.tolist()
    failing = MemoryBook({})
    run_job(context, failing, Job(TrackerSpec("it", "nothing"), (sequences[0],)))
    (error,) = failing.errors
    assert "no weights for nothing" in error[2]


def test_where_ray_is_missing_the_extra_is_named(tmp_path, sequences, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LockonError, match=r"this needs ray, which is not installed; type: pip install .*\[ray\]"):
        run_benchmark([TrackerSpec("it", "still")], sequences, tmp_path / "out", make, options=BenchmarkOptions(ray="local"))


class FakeRay:
    """Notes what the environment says when a cluster is started or joined."""

    def __init__(self):
        self.usage = []

    def is_initialized(self):
        return False

    def init(self, **_):
        self.usage.append(os.environ.get("RAY_USAGE_STATS_ENABLED"))

    def shutdown(self):
        pass


@pytest.mark.parametrize("address", ["local", "auto"])
@pytest.mark.parametrize(("said", "expected"), [(None, "0"), ("0", "0"), ("1", "1")])
def test_ray_does_not_report_its_use_unless_somebody_says_so(monkeypatch, address, said, expected):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", said or "")
    if said is None:
        monkeypatch.delenv("RAY_USAGE_STATS_ENABLED")
    fake = FakeRay()
    with ray_workers._cluster(fake, address):
        assert fake.usage == [expected]


@pytest.fixture(scope="module")
def ray(tmp_path_factory):
    """A local cluster of two cores whose workers can import the tests' modules."""
    ray = pytest.importorskip("ray", reason="needs Ray; pip install 'lockon[ray]'")
    here = os.path.dirname(__file__)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([here, *([before] if before else [])])
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    yield ray
    ray.shutdown()
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_the_table_is_the_same(tmp_path, sequences, ray):
    (tmp_path / "alive").write_text("x")
    calm = TrackerSpec("it", "killed", overrides={"marker": str(tmp_path / "alive")})
    run_benchmark([calm], sequences, tmp_path / "calm", make, options=BenchmarkOptions(workers=0), protocol=OnePass(repetitions=2))
    spec = TrackerSpec("it", "killed", overrides={"marker": str(tmp_path / "marker")})
    outcomes = run_benchmark(
        [spec], sequences, tmp_path / "out", make, options=BenchmarkOptions(ray="local"), protocol=OnePass(repetitions=2)
    )
    assert (tmp_path / "marker").read_text() == "x"  # a worker was killed indeed
    assert sorted((outcome.sequence, outcome.status) for outcome in outcomes) == [("s0", "done"), ("s1", "done"), ("s2", "done")]
    assert answers(Store(tmp_path / "out")) == answers(Store(tmp_path / "calm"))
    assert Store(tmp_path / "out").records("it")[0].setup["workers"] == "ray"
    again = run_benchmark([spec], sequences, tmp_path / "out", make, options=BenchmarkOptions(ray="local"), protocol=OnePass(repetitions=2))
    assert {outcome.status for outcome in again} == {"skipped"}


@pytest.mark.slow
def test_what_always_dies_and_what_raises_has_failed_and_the_rest_goes_on(tmp_path, sequences, ray, monkeypatch):
    monkeypatch.setattr(ray_workers, "RETRIES", 1)
    specs = [TrackerSpec("dying", "dying"), TrackerSpec("broken", "broken")]
    outcomes = run_benchmark(specs, sequences, tmp_path / "out", make, options=BenchmarkOptions(ray="local"))
    found = {(outcome.label, outcome.sequence): outcome.error for outcome in outcomes}
    assert found["broken", "s1"] == "RuntimeError: no red, please"
    assert "process died" in found["dying", "s1"]
    assert {key for key, error in found.items() if not error} == {(label, name) for label in ("dying", "broken") for name in ("s0", "s2")}
    assert "no red" in (tmp_path / "out" / "broken" / "made" / "s1.error.txt").read_text()


def test_no_cluster_at_the_address_is_one_line(tmp_path, sequences):
    ray = pytest.importorskip("ray", reason="needs Ray; pip install 'lockon[ray]'")
    if ray.is_initialized():
        ray.shutdown()
    for address in ("127.0.0.1:1", "ray://127.0.0.1:1"):
        with pytest.raises(LockonError, match=rf"no Ray cluster at '{address}' \(Connection refused\); start one, or type --ray local"):
            run_benchmark([TrackerSpec("it", "still")], sequences, tmp_path / "out", make, options=BenchmarkOptions(ray=address))
