"""pytracking's result files (visionml/pytracking pytracking/evaluation/running.py); OSTrack and its relatives write the same.

    TRACKER/PARAMETERS_000/VIDEO.txt         x, y, w, h separated by tabs, whole numbers in pytracking; TRACKER/PARAMETERS/ without runs
    TRACKER/PARAMETERS_000/VIDEO_time.txt    seconds per frame

Skating2.1 is Skating2_1 there, and UAV123's bike1 is uav_bike1.
The tracker is called TRACKER-PARAMETERS here (TRACKER where the parameters are called "default"), run 000 is repetition 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lockon.bench.formats import tree, vot
from lockon.bench.formats.toolkit import Toolkit, boxes_text, numbers_text, safe_name, target_name
from lockon.bench.formats.tree import Parts, ResultFile
from lockon.bench.store import Record

DEFAULT = "default"
PREFIXES = {"UAV123": "uav_", "NFS30": "nfs_", "NFS240": "nfs_"}  # of the names of sequences, by dataset


def find(root: Path, files: list[Parts]) -> list[ResultFile]:
    """All runs below `root`; a folder with the videos themselves counts as one tracker."""
    found = tree.runs(root, files) or tree.flat(root, files)
    return [replace(one, tracker=one.tracker.removesuffix(f"-{DEFAULT}")) for one in found]


def write(tracker: str, records: Sequence[Record], origin: Callable[[str], int]) -> Iterator[tuple[Parts, str]]:
    """The files of one tracker; the format has one-pass runs only."""
    for record in records:
        if record.protocol != "one-pass":
            continue
        folder = (safe_name(tracker), f"{DEFAULT}_{record.repetition - 1:03d}")
        sequence = PREFIXES.get(record.dataset, "") + target_name(record.sequence, "_")
        yield (*folder, f"{sequence}.txt"), boxes_text(vot.with_start(record), origin(record.dataset), "\t")
        if np.isfinite(record.run.times).any():
            yield (*folder, f"{sequence}_time.txt"), numbers_text(record.run.times)


TOOLKIT = Toolkit("pytracking", "TRACKER/PARAMETERS_000/VIDEO.txt", find, write)
