"""One object, two threads: the second is told."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest

from lockon._one_thread import OneThread, exclusive
from lockon.errors import LockonError


class Slow(OneThread):
    """Says when it has begun, and waits for a signal."""

    def __init__(self) -> None:
        self.calls = 0

    @exclusive
    def work(self, begun: threading.Event | None = None, go_on: threading.Event | None = None) -> None:
        self.calls += 1
        if begun is not None and go_on is not None:
            begun.set()
            go_on.wait(5)


def test_the_second_thread_is_told_and_the_first_goes_on() -> None:
    slow, begun, go_on = Slow(), threading.Event(), threading.Event()
    thread = threading.Thread(target=slow.work, args=(begun, go_on))
    thread.start()
    assert begun.wait(5)
    with pytest.raises(LockonError, match="this Slow is being used by two threads at once"):
        slow.work()
    for other in (copy.copy(slow), copy.deepcopy(slow), pickle.loads(pickle.dumps(slow))):
        other.work()  # a copy has a lock of its own
        assert other.calls == 2
    go_on.set()
    thread.join()
    slow.work()
    assert slow.calls == 2


def test_an_error_leaves_the_object_free() -> None:
    slow = Slow()
    with pytest.raises(TypeError):
        slow.work(unknown=True)  # type: ignore[call-arg]
    slow.work()
