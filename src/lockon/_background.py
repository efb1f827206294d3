"""Threads in the background that wait a moment for further work before they end.

The C allocator gives each thread a memory pool of its own and keeps what the thread frees, some 25 MB after a video of
1280x720 pixels. One thread that reads one video after another keeps that once; a new thread for each keeps it several times.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

_PATIENCE = 1.0  # seconds that a thread waits for further work
_waiting: list[_Thread] = []  # threads without work; taking one out and putting one in are atomic, so it needs no lock


class _Thread(threading.Thread):
    """A thread that does one piece of work after another."""

    def __init__(self) -> None:
        super().__init__(name="lockon-background", daemon=True)
        self.work = SimpleQueue[tuple[Callable[[], None], threading.Event]]()

    def run(self) -> None:
        """Work until there is nothing more to do."""
        while True:
            try:
                do, done = self.work.get(timeout=_PATIENCE)
            except Empty:
                try:
                    _waiting.remove(self)
                except ValueError:  # it was just taken for work that comes now
                    continue
                return
            do()
            del do  # what it holds is freed now, not with the next work
            _waiting.append(self)  # before the caller knows, who may have more work at once
            done.set()


def in_background(do: Callable[[], None]) -> Callable[[float], bool]:
    """Do something in a thread of the background.

    Args:
        do: What to do; it must not raise.

    Returns:
        A function that waits for its end, at most so many seconds, and tells whether it has ended.
    """
    thread, done = _take_thread(), threading.Event()
    thread.work.put((do, done))
    return lambda seconds: threading.current_thread() is thread or done.wait(seconds)


def _take_thread() -> _Thread:
    while _waiting:
        try:
            thread = _waiting.pop()
        except IndexError:  # another thread took it, or it ended
            break
        if thread.is_alive():  # after a fork only the thread that forked is
            return thread
    thread = _Thread()
    thread.start()
    return thread


__all__ = ["in_background"]
