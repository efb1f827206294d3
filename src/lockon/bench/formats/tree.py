"""Where result files lie below a folder: the four arrangements that the toolkits use, with what is known from the names alone.

    flat         TRACKER/VIDEO.txt, VIDEO_time.txt beside it or in TRACKER/times/
    nested       TRACKER/VIDEO/VIDEO_001.txt, VIDEO_time.txt
    experiments  TRACKER/EXPERIMENT/VIDEO/VIDEO_001.txt or .bin, VIDEO_001_time.value, VIDEO_001_confidence.value
    runs         TRACKER/PARAMETERS_000/VIDEO.txt, VIDEO_time.txt

TRACKER may be missing where the folder given is the tracker's own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lockon.errors import LockonError

Parts = tuple[str, ...]
SUFFIXES = (".txt", ".bin")
# Names of experiments of the VOT toolkits, and the protocol that each is; others are told by the codes in their files.
EXPERIMENTS: dict[str, str] = {
    "baseline": "reset",
    "supervised": "reset",
    "realtime": "realtime",
    "unsupervised": "one-pass",
    "longterm": "one-pass",
}
_REPETITION = re.compile(r"_(\d{3})$")
_ANCHOR = re.compile(r"_(\d{8})$")
_RUN = re.compile(r"_(\d{3})$")
_DEEPEST = 6
_COMPANIONS = ("_time", "_object_presence_scores", "_all_boxes", "_all_scores")  # what pytracking and PySOT write beside VIDEO.txt


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file with the answers of one tracker on one sequence.

    Attributes:
        tracker, sequence: names as written. path: the boxes.
        protocol: how it was run; None where the codes in the file will tell.
        repetition: from 1. anchor: frame that a run of VOT2020's protocol was started on.
        times, scores: files with one number per frame, or None. column: the one of `times` that belongs to this repetition.
    """

    tracker: str
    sequence: str
    path: Path
    protocol: str | None = "one-pass"
    repetition: int = 1
    anchor: int | None = None
    times: Path | None = None
    scores: Path | None = None
    column: int = 0


def list_parts(root: Path) -> list[Parts]:
    """The files below a folder, as parts of their relative paths; hidden files and folders are left out.

    Raises:
        LockonError: no such folder.
    """
    if not root.is_dir():
        state = "is a file" if root.exists() else "does not exist"
        raise LockonError(f"{root} {state}; give the folder that holds a folder of result files per tracker")
    return sorted(_walk(root))


def _walk(root: Path) -> Iterator[Parts]:
    for folder, subfolders, files in os.walk(root, followlinks=True):
        place = Path(folder).relative_to(root).parts
        subfolders[:] = [] if len(place) + 1 >= _DEEPEST else [name for name in subfolders if not name.startswith(".")]
        yield from ((*place, name) for name in files if not name.startswith("."))


def _stem(parts: Parts) -> str:
    return parts[-1].rpartition(".")[0]


def _is_boxes(parts: Parts) -> bool:
    return parts[-1].endswith(SUFFIXES)


def _belongs_to_folder(parts: Parts) -> bool:
    """VIDEO/VIDEO_...: the file's name begins with its folder's."""
    return len(parts) > 1 and _stem(parts).startswith(f"{parts[-2]}_") and bool(re.search(r"_(\d{3}|\d{8}|time)$", _stem(parts)))


def flat(root: Path, files: list[Parts]) -> list[ResultFile]:
    """TRACKER/VIDEO.txt."""
    known, found = set(files), []
    for parts in files:
        if not _is_boxes(parts) or len(parts) > 2 or _belongs_to_folder(parts) or _is_companion(parts, known):
            continue
        folder, name = parts[:-1], _stem(parts)
        times = [part for part in ((*folder, f"{name}_time.txt"), (*folder, "times", f"{name}_time.txt")) if part in known]
        tracker = folder[0] if folder else root.resolve().name
        found.append(ResultFile(tracker, name, root.joinpath(*parts), times=_first(root, times)))
    return found


def nested(root: Path, files: list[Parts]) -> list[ResultFile]:
    """TRACKER/VIDEO/VIDEO_001.txt."""
    known, found = set(files), []
    for parts in files:
        repetition = _REPETITION.search(_stem(parts))
        alone = len(parts) == 2
        if not _is_boxes(parts) or len(parts) not in (2, 3) or not _belongs_to_folder(parts) or repetition is None:
            continue
        if not alone and parts[0] in EXPERIMENTS:
            continue
        video, number = parts[-2], int(repetition[1])
        times = [part for part in [(*parts[:-1], f"{video}_time.txt")] if part in known]
        tracker = root.resolve().name if alone else parts[0]
        one = ResultFile(tracker, video, root.joinpath(*parts), repetition=number, times=_first(root, times), column=number - 1)
        found.append(one)
    return found


def experiments(root: Path, files: list[Parts]) -> list[ResultFile]:
    """TRACKER/EXPERIMENT/VIDEO/VIDEO_001.txt, or VIDEO_00000042.txt for a run from frame 42."""
    known, found = set(files), []
    for parts in files:
        alone = len(parts) == 3 and parts[0] in EXPERIMENTS
        if not _is_boxes(parts) or not (alone or len(parts) == 4) or not _belongs_to_folder(parts) or _stem(parts).endswith("_time"):
            continue
        anchor, repetition = _ANCHOR.search(_stem(parts)), _REPETITION.search(_stem(parts))
        experiment, video, folder, stem = parts[-3], parts[-2], parts[:-1], _stem(parts)
        number = int(repetition[1]) if repetition and not anchor else 1
        times = [(*folder, f"{stem}_time.value"), (*folder, f"{video}_time.value"), (*folder, f"{video}_time.txt")]
        scores = [(*folder, f"{stem}_confidence.value"), (*folder, f"{video}_confidence.value")]
        found.append(
            ResultFile(
                tracker=root.resolve().name if alone else parts[0],
                sequence=video,
                path=root.joinpath(*parts),
                protocol="anchors" if anchor and experiment != "realtime" else EXPERIMENTS.get(experiment),
                repetition=number,
                anchor=int(anchor[1]) if anchor else None,
                times=_first(root, [part for part in times if part in known]),
                scores=_first(root, [part for part in scores if part in known]),
                column=number - 1,
            )
        )
    return found


def runs(root: Path, files: list[Parts]) -> list[ResultFile]:
    """TRACKER/PARAMETERS_000/VIDEO.txt, or with the dataset's folder between: the tracker is called TRACKER-PARAMETERS."""
    known, found = set(files), []
    for parts in files:
        if not _is_boxes(parts) or len(parts) not in (3, 4) or _belongs_to_folder(parts) or _is_companion(parts, known):
            continue
        if parts[-2] == "times" or parts[0] in EXPERIMENTS:
            continue
        number = _RUN.search(parts[1])
        times = [part for part in [(*parts[:-1], f"{_stem(parts)}_time.txt")] if part in known]
        scores = [part for part in [(*parts[:-1], f"{_stem(parts)}_object_presence_scores.txt")] if part in known]
        found.append(
            ResultFile(
                tracker=f"{parts[0]}-{_RUN.sub('', parts[1])}",
                sequence=_stem(parts),
                path=root.joinpath(*parts),
                repetition=int(number[1]) + 1 if number else 1,
                times=_first(root, times),
                scores=_first(root, scores),
            )
        )
    return found


def _is_companion(parts: Parts, known: set[Parts]) -> bool:
    """VIDEO_time.txt beside VIDEO.txt, or anything in a folder of times."""
    if len(parts) > 1 and parts[-2] == "times":
        return True
    stem = _stem(parts)
    return any(stem.endswith(end) and (*parts[:-1], f"{stem.removesuffix(end)}.txt") in known for end in _COMPANIONS)


def _first(root: Path, parts: list[Parts]) -> Path | None:
    return root.joinpath(*parts[0]) if parts else None


__all__ = ["EXPERIMENTS", "Parts", "ResultFile", "experiments", "flat", "list_parts", "nested", "runs"]
