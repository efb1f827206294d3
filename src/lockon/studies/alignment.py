"""How well a run's scores agree with how good its boxes are: measured once, kept beside the run's results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lockon.analysis.alignment import alignment_frames, candidate_alignment
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.session import Tracker
from lockon.studies.measured import read_measured, write_measured
from lockon.studies.metrics import ALIGNMENT, Name
from lockon.tracker import CandidateTracker

EVERY = 5  # annotated frames of which one is looked at


def alignment_file(out: Path, label: str) -> Path:
    """Return where the measurement of a run of the study in `out` lies."""
    return out / "alignment" / f"{label}.json"


def measure_alignment(tracker: Tracker, sequences: Sequence[VideoSequence], path: Path, on_progress: Callable[[str], None]) -> None:
    """Measure all candidates' scores against their IoU, and keep the metrics at `path`.

    Args:
        tracker: Of the run.
        sequences: That it is judged on.
        path: Of the file.
        on_progress: Told how far it is.

    Raises:
        LockonError: A tracker without a network, or sequences that cannot be used.
    """
    if not isinstance(tracker, CandidateTracker):
        raise LockonError(f"{path.stem} is no tracker with a network: it has no candidates whose scores could be compared with their IoU")
    total, done = alignment_frames(sequences, EVERY), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        on_progress(f"measuring {done}/{total} frames")

    metrics = candidate_alignment(tracker, sequences, every=EVERY, advance=advance).metrics()
    write_measured(path, {"every": EVERY, **metrics})


def read_alignment(path: Path) -> dict[str, dict[Name, float]]:
    """Read the metrics of each sequence that has been measured, NaN where it has none; nothing without a measurement.

    Raises:
        LockonError: A damaged file.
    """
    return read_measured(path, ALIGNMENT)


__all__ = ["EVERY", "alignment_file", "measure_alignment", "read_alignment"]
