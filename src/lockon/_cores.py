"""The number of cores that this process may use, which on shared machines is less than the number that exists."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Return the number of cores that the operating system lets this process run on; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


__all__ = ["usable_cores"]
