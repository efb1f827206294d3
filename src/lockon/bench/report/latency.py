"""How long a frame takes: the times that count, and their percentiles."""

from __future__ import annotations

import numpy as np

from lockon.bench.metrics import latency_percentiles
from lockon.bench.protocols.trajectory import STARTED
from lockon.bench.report.model import TrackerScore
from lockon.bench.store import Record
from lockon.types import FloatArray

KEYS = ("mean", "p50", "p95", "p99")


def tracking_times(record: Record) -> FloatArray:
    """Return the (N,) seconds of the frames that were tracked: not those that the tracker was started on, nor those that it never saw."""
    times = np.array(record.run.times, dtype=np.float64)
    times[record.run.start] = np.nan
    if record.run.events is not None:
        times[record.run.events == STARTED] = np.nan
    return times[np.isfinite(times)]


def latency(item: TrackerScore) -> dict[str, float]:
    """Return the milliseconds per frame: ``mean``, ``p50``, ``p95``, ``p99``; NaN where no time was kept."""
    times = item.times
    if not len(times):
        return dict.fromkeys(KEYS, float("nan"))
    found = latency_percentiles(times * 1000, (50, 95, 99))
    return {key: found[key] for key in KEYS}


__all__ = ["KEYS", "latency", "tracking_times"]
