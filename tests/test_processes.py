"""A pool of processes: what is heard of items, of those that kill their process, and of what cannot be sent or read."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass

import cv2
import pytest

from lockon._processes import ProcessPool
from lockon.errors import LockonError

pytestmark = pytest.mark.slow


@dataclass
class Work:
    """Halves numbers; strings are orders: "die", "sleep", "threads"; it counts what it did."""

    count: int = 0

    def __call__(self, item, send):
        self.count += 1
        send(f"at {item}")
        if item == "die":
            os._exit(3)
        if item == "sleep":
            time.sleep(60)
        if item == "threads":
            return cv2.getNumThreads(), os.environ["OMP_NUM_THREADS"], signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        return item / 2, self.count


def run(pool, items):
    """Give items to idle workers in order; the messages, without progress."""
    items, heard = list(items), []
    while items or pool.busy:
        for number in pool.idle()[: len(items)]:
            pool.give(number, items.pop(0))
        heard += pool.receive()
    return [message for message in heard if message.kind != "progress"]


def test_answers_come_with_their_item_and_a_dead_one_takes_nothing_with_it():
    with ProcessPool(Work(), workers=1, threads=1, name="t") as pool:
        messages = run(pool, [1, 2, "die", 3])
    assert [(one.kind, one.item, one.value) for one in messages] == [
        ("done", 1, (0.5, 1)),
        ("done", 2, (1.0, 2)),  # the work lives as long as its process
        ("died", "die", None),
        ("done", 3, (1.5, 1)),
    ]


def test_progress_threads_and_silence():
    with ProcessPool(Work(), workers=1, threads=3, name="t") as pool:
        assert list(pool.receive(0)) == []  # nobody has anything
        pool.give(0, "threads")
        heard = []
        while pool.busy:
            heard += pool.receive(60)
        assert [(one.kind, one.value) for one in heard] == [("progress", "at threads"), ("done", (3, "3", True))]
        pool.give(0, "sleep")
        assert [one.kind for one in pool.receive(60)] == ["progress"]
        assert list(pool.receive(0.01)) == []
        assert pool.idle() == []
        (child,) = multiprocessing.active_children()
    assert not child.is_alive()  # it was stopped in the middle


def test_what_cannot_be_sent_or_read_is_one_line(tmp_path):
    with pytest.raises(LockonError, match=r"cannot be sent to a worker process \(.*workers=0"):
        ProcessPool(lambda item, send: item, workers=1, threads=1, name="t")
    with ProcessPool(Work(), workers=1, threads=1, name="t") as pool, pytest.raises(LockonError, match=r"cannot be sent to a worker"):
        pool.give(0, lambda: None)
    with ProcessPool(Unreadable(), workers=1, threads=1, name="t") as pool:
        pool.give(0, 1)
        with pytest.raises(LockonError, match="a worker process cannot read its task: ZeroDivisionError"):
            list(pool.receive())
    assert multiprocessing.active_children() == []


class Unreadable:
    """Can be sent, and not read."""

    def __call__(self, item, send):
        return item

    def __reduce__(self):
        return divmod, (1, 0)
