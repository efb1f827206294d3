"""Settings that every test runs under."""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings

# The machines that run tests have few cores and several test processes: one thread each. Read when the libraries load.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# The same examples in every run, and no time limit per example: a busy machine must not fail a test.
settings.register_profile("lockon", derandomize=True, deadline=None)
settings.load_profile("lockon")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run long tests first, so that no process is left alone with one at the end; the others keep their order."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays to the end: thousands of tests and all that they imported, at each of its rounds."""
    gc.collect()
    gc.freeze()
