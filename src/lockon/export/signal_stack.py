"""The stack that a thread's signal handlers run on, kept while foreign code runs."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _SignalStack(ctypes.Structure):
    """What `sigaltstack` takes, in Linux's order of the fields."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Give the thread its stack for signal handlers back after a block of foreign code that may put another in its place.

    Python's handlers run on that stack where there is one, as `faulthandler` makes it. OpenVINO sets one for each model and, as models go,
    the one that was there when they came: of two models, that of the first, which is gone. The next signal, be it Ctrl-C or the end of a
    child, then ends the process without a word. Does nothing but on Linux.
    """
    if sys.platform != "linux":
        yield
        return
    before, libc = _SignalStack(), ctypes.CDLL(None)
    libc.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        libc.sigaltstack(ctypes.byref(before), None)


__all__ = ["kept_signal_stack"]
