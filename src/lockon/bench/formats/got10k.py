"""The GOT-10k toolkit's result files (got-10k/toolkit got10k/experiments/got10k.py, otb.py).

TRACKER/VIDEO/VIDEO_001.txt      x,y,w,h per frame; _002, _003 are repetitions
TRACKER/VIDEO/VIDEO_time.txt     seconds per frame, one column per repetition
TRACKER/VIDEO.txt and TRACKER/times/VIDEO_time.txt for the other benchmarks of the toolkit (read only)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from lockon.bench.formats import tree, vot
from lockon.bench.formats.toolkit import Toolkit, boxes_text, safe_name
from lockon.bench.formats.tree import Parts, ResultFile
from lockon.bench.store import Record


def find(root: Path, files: list[Parts]) -> list[ResultFile]:
    """Folders per video, or where there are none a file per video."""
    return tree.nested(root, files) or tree.flat(root, files)


def write(tracker: str, records: Sequence[Record], origin: Callable[[str], int]) -> Iterator[tuple[Parts, str]]:
    """The files of one tracker; the format has one-pass runs only."""
    chosen = sorted((one for one in records if one.protocol == "one-pass"), key=lambda one: (one.dataset, one.sequence, one.repetition))
    for (dataset, name), group in groupby(chosen, key=lambda one: (one.dataset, one.sequence)):
        sequence, repetitions = safe_name(name), list(group)
        folder = (safe_name(tracker), sequence)
        for record in repetitions:
            yield (*folder, f"{sequence}_{record.repetition:03d}.txt"), boxes_text(vot.with_start(record), origin(dataset))
        times = np.stack([record.run.times for record in repetitions], axis=1)  # (T, R)
        if np.isfinite(times).any():
            lines = [",".join(f"{value:.8f}" for value in row) for row in np.nan_to_num(times).tolist()]
            yield (*folder, f"{sequence}_time.txt"), "\n".join(lines) + "\n"


TOOLKIT = Toolkit("got10k", "TRACKER/VIDEO/VIDEO_001.txt", find, write)
