"""Threads of the background: used again, gone after a moment, none shared with a forked process."""

from __future__ import annotations

import os
import threading
import time

import pytest

from lockon import _background
from lockon._background import in_background


def ran_in(count: int = 1) -> list[threading.Thread]:
    """The threads in which pieces of work ran, one after another."""
    threads: list[threading.Thread] = []
    for _ in range(count):
        assert in_background(lambda: threads.append(threading.current_thread()))(5)
    return threads


def test_work_that_comes_after_other_work_uses_its_thread() -> None:
    assert len(set(ran_in(50))) == 1


def test_work_at_the_same_time_has_a_thread_each() -> None:
    together = threading.Barrier(3)
    waits = [in_background(lambda: together.wait(5) and None) for _ in range(3)]
    assert all(wait(5) for wait in waits)
    assert not together.broken


def test_a_wait_ends_before_the_work_does() -> None:
    go_on = threading.Event()
    wait = in_background(lambda: go_on.wait(5) and None)
    assert not wait(0.01)
    go_on.set()
    assert wait(5)


def test_work_that_waits_for_itself_does_not_hang() -> None:
    waits: list[object] = []
    ready = threading.Event()
    wait = in_background(lambda: waits.append(ready.wait(5) and waits[0](60)))  # type: ignore[operator]
    waits.append(wait)
    ready.set()
    assert wait(5)
    assert waits[1] is True


def test_what_the_work_held_is_freed_when_it_ends() -> None:
    class Held:
        def __init__(self, freed: threading.Event) -> None:
            self.freed = freed

        def __call__(self) -> None: ...

        def __del__(self) -> None:
            self.freed.set()

    freed = threading.Event()
    assert in_background(Held(freed))(5)
    assert freed.is_set()


def test_a_thread_without_work_ends_and_further_work_gets_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_background, "_PATIENCE", 0.05)
    (first,) = ran_in()
    first.join(5)
    assert not first.is_alive()
    assert first not in _background._waiting
    assert ran_in() != [first]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own() -> None:
    ran_in()
    child = os.fork()
    if child == 0:
        os._exit(0 if in_background(lambda: None)(5) else 1)
    deadline = time.monotonic() + 10
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ended == (child, 0)
    assert ran_in(2)
