"""Stored results whose metrics are known: no tracker has to run for them."""

from __future__ import annotations

import numpy as np

from lockon.bench.protocols.trajectory import FAILED, SKIPPED, STARTED, TRACKED, Trajectory
from lockon.bench.store import Record, Store

SETUP = {"machine": {"processor": "abacus"}, "threads": 1, "workers": 1}
BOX = [5.0, 5.0, 10.0, 10.0]  # ground truth of every frame
SIZE = (48, 32)
PERFECT, HALF, FAR = [5.0, 5, 10, 10], [5.0, 5, 10, 5], [30.0, 20, 10, 10]  # IoU 1, 0.5, 0 with it
NAN = [np.nan] * 4


def make_record(
    name: str,
    rows,
    *,
    frames: int = 4,
    skip: int = 0,
    dataset: str = "made",
    seconds: float = 0.01,
    size: tuple[int, int] = SIZE,
    **fields,
) -> Record:
    """A one-pass record: `rows` are the boxes after the first (one for all, or one each), the start takes 9 seconds."""
    boxes, times = np.full((frames, 4), np.nan), np.full(frames, np.nan)
    boxes[skip], boxes[skip + 1 :] = BOX, rows
    times[skip:] = [9.0] + [seconds] * (frames - skip - 1)
    scores = np.where(np.isnan(times), np.nan, 0.5)
    truth = np.tile(BOX, (frames, 1))
    truth[:skip] = np.nan
    run = Trajectory(boxes, scores, ("tracked",) * frames, times, skip, size)
    return Record(name, dataset, run, truth, None, SETUP, **fields)


def reset_record(name: str, events: str, rows, *, dataset: str = "VOT2018", size: tuple[int, int] = SIZE, **fields) -> Record:
    """A reset record; `events` has a letter per frame: s started, t tracked, f failed, - skipped."""
    codes = np.array([{"t": TRACKED, "s": STARTED, "f": FAILED, "-": SKIPPED}[letter] for letter in events], dtype=np.int8)
    frames = len(codes)
    boxes = np.tile(np.asarray(rows, dtype=np.float64), (frames, 1)) if np.ndim(rows) == 1 else np.array(rows, dtype=np.float64)
    boxes[codes == STARTED] = BOX
    boxes[(codes == FAILED) | (codes == SKIPPED)] = np.nan
    times = np.where(codes == SKIPPED, np.nan, np.where(codes == STARTED, 9.0, 0.01))
    run = Trajectory(boxes, np.where(np.isnan(times), np.nan, 0.5), ("tracked",) * frames, times, 0, size, events=codes)
    return Record(name, dataset, run, np.tile(BOX, (frames, 1)), None, SETUP, protocol="reset", **fields)


def add(store: Store, label: str, *records: Record, size: int = 0) -> Store:
    """Store records as those of a tracker, or of one with a refiner behind it: BASE+REFINER."""
    name, _, refiner = label.partition("+")
    behind = {"refiner": {"name": refiner, "preset": "default", "weights": {}}} if refiner else {}
    store.claim(label, {"name": name, **behind}, size)
    for record in records:
        store.save(label, record)
    return store
