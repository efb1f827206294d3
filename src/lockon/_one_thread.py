"""`OneThread`: objects that keep the state of one video, and say so when two threads use them at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from lockon.errors import LockonError

F = TypeVar("F", bound=Callable[..., Any])
_LOCK = "_in_use"


class OneThread:
    """A base of classes whose methods are marked by `exclusive`; copies and pickles have a lock of their own."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != _LOCK}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def exclusive(method: F) -> F:
    """Refuse a call of the method while another call of such a method of the same object runs.

    Raises:
        LockonError: By the wrapped method, in the thread that comes second.
    """

    @wraps(method)
    def call(self: OneThread, *arguments: Any, **named: Any) -> Any:
        lock = vars(self).get(_LOCK) or vars(self).setdefault(_LOCK, threading.Lock())
        if not lock.acquire(blocking=False):
            raise LockonError(
                f"this {type(self).__name__} is being used by two threads at once, and would mix up two videos; "
                "give each thread its own: load another, or copy.deepcopy() it"
            )
        try:
            return method(self, *arguments, **named)
        finally:
            lock.release()

    return cast("F", call)


__all__ = ["OneThread", "exclusive"]
