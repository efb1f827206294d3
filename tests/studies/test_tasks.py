"""Tasks over processes: order, failure, death, and what Ctrl-C leaves."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError
from lockon.studies.tasks import Event, run_tasks


@dataclass(frozen=True)
class Note:
    """Writes its key into a folder; "bad" fails, "dead" kills its process, "slow" takes a minute."""

    folder: Path
    key: str
    needs: frozenset[str] = field(default_factory=frozenset)

    def do(self, on_progress) -> None:
        on_progress("writing")
        if self.key == "bad":
            raise LockonError("no ink")
        if self.key == "odd":
            raise ZeroDivisionError("division by zero")
        if self.key == "dead":
            os._exit(3)
        if self.key == "slow":
            (self.folder / "slow.pid").write_text(str(os.getpid()))
            time.sleep(60)
        missing = [name for name in self.needs if not (self.folder / name).exists()]
        (self.folder / self.key).write_text(" ".join(missing))


def tasks(folder: Path, *names: str) -> list[Note]:
    """ "b<a" needs a."""
    parts = [name.partition("<") for name in names]
    return [Note(folder, key, frozenset(needed.split("+")) if needed else frozenset()) for key, _, needed in parts]


def ends(events) -> dict[str, Event]:
    return {event.task.key: event for event in events if event is not None and event.kind in ("done", "failed")}


@pytest.mark.parametrize("jobs", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_tasks_wait_for_what_they_need_and_fail_with_it(tmp_path: Path, jobs: int) -> None:
    todo = tasks(tmp_path, "c<a+b", "a", "b", "d<bad", "bad", "e<d", "f")
    found = ends(run_tasks(todo, jobs=jobs, threads=1))
    assert {key: event.kind for key, event in found.items()} == {
        **dict.fromkeys("abcf", "done"),
        **dict.fromkeys(("bad", "d", "e"), "failed"),
    }
    assert found["bad"].text == "no ink"
    assert "needs bad, which failed" in found["d"].text
    assert (tmp_path / "c").read_text() == ""  # a and b were there
    assert not (tmp_path / "d").exists()


@pytest.mark.slow
def test_a_dead_process_and_a_bug_cost_one_task_each(tmp_path: Path) -> None:
    found = ends(run_tasks(tasks(tmp_path, "dead", "odd", "a", "b"), jobs=1, threads=1))
    assert [found[key].kind for key in ("dead", "odd", "a", "b")] == ["failed", "failed", "done", "done"]
    assert "its process died" in found["dead"].text
    assert found["odd"].text.startswith("ZeroDivisionError: division by zero (do, line ")


@pytest.mark.slow
def test_nothing_is_left_running(tmp_path: Path) -> None:
    events = run_tasks(tasks(tmp_path, "slow"), jobs=1, threads=1)
    for _ in events:
        if (tmp_path / "slow.pid").exists():
            break
    events.close()  # what Ctrl-C does to the loop
    number = int((tmp_path / "slow.pid").read_text() or 0)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    assert not (tmp_path / "slow").exists()
