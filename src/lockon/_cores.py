"""The number of cores that this process may use, which on shared machines is less than the number that exists, and of threads."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Return the number of cores that the operating system lets this process run on; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return cores or 1


def default_threads() -> int:
    """Return the network's threads where the user names none: OMP_NUM_THREADS if set, else the cores of this process, at most 4.

    More bring nothing to a small network, and the video decoder needs a core too.
    """
    setting = os.environ.get("OMP_NUM_THREADS", "")
    if setting.isdigit() and int(setting) > 0:
        return int(setting)
    return min(usable_cores(), 4)


__all__ = ["default_threads", "usable_cores"]
