"""Traps of result files: what was odd about a file and what was done, so that no metric changes silently."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

TRAPS: dict[str, str] = {
    "heading": "a first line of words is not a frame",
    "unreadable": "lines that cannot be read count as frames without a box",
    "half-empty": "lines with NaN in some of their numbers count as frames without a box",
    "blank": "empty lines between the boxes do not count",
    "begins late": "the first line is the true box of a later frame: scored from there on",
    "first line missing": "the start box was put in front",
    "too few lines": "the frames at the end count as misses",
    "too many lines": "the surplus at the end does not count",
    "whole video": "the lines of frames that the benchmark does not use do not count",
    "corners first": "the first line is x1,y1,x2,y2 of the start box and was replaced by it",
    "another start": "the first line is not the start box; kept as it is",
    "no box": "frames for which the file has no box are misses",
    "off target": "tracked frames do not touch the target, which a run with resets cannot have: another version of the sequence?",
    "no area": "boxes without area are misses",
    "other name": "the file has another name than the sequence",
    "doubtful name": "the name could be several sequences; left out",
    "times": "the file of times or confidences has another number of lines and was not used",
    "left out": "the file cannot be used; its sequence counts as missing",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One oddity.

    Attributes:
        trap: A name of `TRAPS`.
        where: The file or sequence.
        text: What exactly, one line without `where`.
    """

    trap: str
    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def summarise(notes: Iterable[Note], shown: int = 3) -> list[str]:
    """Return one line per trap: the note itself where it is the only one, else how many there are and some of the names."""
    grouped: dict[str, list[Note]] = {}
    for note in notes:
        grouped.setdefault(note.trap, []).append(note)
    lines = []
    for trap in sorted(grouped, key=list(TRAPS).index):
        group = grouped[trap]
        if len(group) == 1:
            lines.append(f"{trap}: {group[0]}")
            continue
        some = ", ".join(dict.fromkeys(note.where for note in group[:shown])) + (", ..." if len(group) > shown else "")
        lines.append(f"{trap}: {len(group)} files ({some}): {TRAPS[trap]}; for example {group[0].text}")
    return lines


__all__ = ["TRAPS", "Note", "summarise"]
