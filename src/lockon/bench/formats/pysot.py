"""PySOT's result files (STVIR/pysot tools/test.py).

one-pass      TRACKER/VIDEO.txt, a line x,y,w,h per frame; pixels numbered as in the benchmark's annotation; Skating2-1
GOT-10k       TRACKER/VIDEO/VIDEO_001.txt and VIDEO_time.txt
long-term     TRACKER/longterm/VIDEO/VIDEO_001.txt with a code 1 in the first line, VIDEO_001_confidence.value, VIDEO_time.txt
VOT           TRACKER/baseline/VIDEO/VIDEO_001.txt: as the VOT toolkit, see `lockon.bench.formats.vot`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from lockon.bench.formats import tree, vot
from lockon.bench.formats.toolkit import Toolkit, boxes_text, numbers_text, safe_name, target_name
from lockon.bench.formats.tree import Parts, ResultFile
from lockon.bench.store import Record


def find(root: Path, files: list[Parts]) -> list[ResultFile]:
    """Whichever of the four arrangements explains most files."""
    return max((tree.flat(root, files), tree.nested(root, files), tree.experiments(root, files)), key=len)


def write(tracker: str, records: Sequence[Record], origin: Callable[[str], int]) -> Iterator[tuple[Parts, str]]:
    """The files of one tracker: VOT's codes for runs with resets or anchors, folders for GOT-10k, flat files for the rest."""
    for record in records:
        sequence = target_name(record.sequence, "-")
        if record.protocol != "one-pass":
            yield from vot.write(tracker, [record], origin)
        elif record.dataset.lower().startswith("got"):
            yield from _folder(tracker, sequence, record, origin(record.dataset))
        elif record.repetition == 1:
            text = boxes_text(vot.with_start(record), origin(record.dataset))
            yield (safe_name(tracker), f"{sequence}.txt"), text


def _folder(tracker: str, sequence: str, record: Record, origin: int) -> Iterator[tuple[Parts, str]]:
    folder = (safe_name(tracker), sequence)
    yield (*folder, f"{sequence}_{record.repetition:03d}.txt"), boxes_text(vot.with_start(record), origin)
    if record.repetition == 1 and np.isfinite(record.run.times).any():
        yield (*folder, f"{sequence}_time.txt"), numbers_text(record.run.times)


TOOLKIT = Toolkit("pysot", "TRACKER/VIDEO.txt", find, write)
