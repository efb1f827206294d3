"""How well a run's scores agree with how good its boxes are: measured once, kept beside the run's results."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence as Items
from pathlib import Path

from lockon._files import read_json_object, write_bytes
from lockon.bench.alignment import alignment_frames, candidate_alignment
from lockon.data.sequence import Sequence
from lockon.errors import LockonError
from lockon.studies.figures import ALIGNMENT, FIGURES, Name
from lockon.tracker import NetworkTracker, Tracker

EVERY = 5  # annotated frames of which one is looked at


def alignment_file(out: Path, label: str) -> Path:
    """Where the measurement of a run of the study in `out` lies."""
    return out / "alignment" / f"{label}.json"


def measure_alignment(tracker: Tracker, sequences: Items[Sequence], path: Path, say: Callable[[str], None]) -> None:
    """Measures all candidates' scores against their IoU, and keeps the figures at `path`.

    Args:
        tracker: of the run. sequences: that it is judged on. say: is told how far it is.

    Raises:
        LockonError: a tracker without a network, or sequences that cannot be used.
    """
    if not isinstance(tracker, NetworkTracker):
        raise LockonError(f"{path.stem} is no tracker with a network: it has no candidates whose scores could be compared with their IoU")
    total, done = alignment_frames(sequences, EVERY), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        say(f"measuring {done}/{total} frames")

    figures = candidate_alignment(tracker, sequences, every=EVERY, advance=advance).figures()
    write_bytes(path, (json.dumps({"every": EVERY, **figures}, indent=1) + "\n").encode())


def read_alignment(path: Path) -> dict[str, dict[Name, float]]:
    """Figures of each sequence that has been measured, NaN where it has none; nothing where there is no measurement.

    Raises:
        LockonError: a damaged file.
    """
    if not path.is_file():
        return {}
    content = read_json_object(path, "remove it and give the same command again without --report")
    found: dict[str, dict[Name, float]] = {}
    try:
        for sequence, values in content["sequences"].items():
            found[sequence] = {name: _number(values[FIGURES[name].alignment]) for name in ALIGNMENT}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LockonError(f"{path} is no measurement of alignment ({error!r}); remove it and give the same command again") from None
    return found


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


__all__ = ["EVERY", "alignment_file", "measure_alignment", "read_alignment"]
