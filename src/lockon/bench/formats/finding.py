"""Where result files lie below a folder: the four arrangements that the toolkits use, and which toolkit wrote them.

    flat         TRACKER/VIDEO.txt, VIDEO_time.txt beside it or in TRACKER/times/
    nested       TRACKER/VIDEO/VIDEO_001.txt, VIDEO_time.txt
    experiments  TRACKER/EXPERIMENT/VIDEO/VIDEO_001.txt or .bin, VIDEO_001_time.value, VIDEO_001_confidence.value
    runs         TRACKER/PARAMETERS_000/VIDEO.txt, VIDEO_time.txt

TRACKER may be missing where the folder is the tracker's own.

    pysot        flat; nested for GOT-10k; experiments for VOT and long-term (STVIR/pysot tools/test.py)
    pytracking   runs (visionml/pytracking pytracking/evaluation/running.py); OSTrack and its relatives write the same
    got10k       nested, one column of times per repetition; flat for the toolkit's other benchmarks (got-10k/toolkit got10k/experiments)
    vot          experiments, of the Python toolkit since 2020 and the MATLAB one before it: baseline (resets, or a file
                 VIDEO_00000042.txt for the run from frame 42), realtime, unsupervised
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from lockon.data.datasets.table import resolve
from lockon.errors import LockonError, unknown_name

Parts = tuple[str, ...]
SUFFIXES = (".txt", ".bin")
# Names of experiments of the VOT toolkits, and the protocol that each is; others are known by the codes in their files.
EXPERIMENTS: dict[str, str] = {
    "baseline": "reset",
    "supervised": "reset",
    "realtime": "realtime",
    "unsupervised": "one-pass",
    "longterm": "one-pass",
}
DEFAULT = "default"  # pytracking's name of parameters that a tracker is not called after
_REPETITION = re.compile(r"_(\d{3})$")
_ANCHOR = re.compile(r"_(\d{8})$")
_DEEPEST = 6
_COMPANIONS = ("_time", "_object_presence_scores", "_all_boxes", "_all_scores")  # what pytracking and PySOT write beside VIDEO.txt


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file with the output of one tracker on one sequence.

    Attributes:
        tracker: Its name as written.
        sequence: Its name as written.
        path: The file of the boxes.
        protocol: How it was run; None where the codes in the file decide.
        repetition: From 1.
        anchor: Frame that a run of VOT2020's protocol was started on, or None.
        times: File with the seconds per frame, or None.
        scores: File with a confidence per frame, or None.
        column: The column of `times` that belongs to this repetition.
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
    """List the files below a folder, as parts of their relative paths; hidden files and folders are left out.

    Raises:
        LockonError: There is no such folder.
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
    """Return whether the file's name begins with its folder's: VIDEO/VIDEO_001.txt."""
    return len(parts) > 1 and _stem(parts).startswith(f"{parts[-2]}_") and bool(re.search(r"_(\d{3}|\d{8}|time)$", _stem(parts)))


def flat(root: Path, files: list[Parts]) -> list[ResultFile]:
    """Find TRACKER/VIDEO.txt."""
    known, results = set(files), []
    for parts in files:
        if not _is_boxes(parts) or len(parts) > 2 or _belongs_to_folder(parts) or _is_companion(parts, known):
            continue
        folder, name = parts[:-1], _stem(parts)
        times = [part for part in ((*folder, f"{name}_time.txt"), (*folder, "times", f"{name}_time.txt")) if part in known]
        tracker = folder[0] if folder else root.resolve().name
        results.append(ResultFile(tracker, name, root.joinpath(*parts), times=_first(root, times)))
    return results


def nested(root: Path, files: list[Parts]) -> list[ResultFile]:
    """Find TRACKER/VIDEO/VIDEO_001.txt."""
    known, results = set(files), []
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
        results.append(ResultFile(tracker, video, root.joinpath(*parts), repetition=number, times=_first(root, times), column=number - 1))
    return results


def experiments(root: Path, files: list[Parts]) -> list[ResultFile]:
    """Find TRACKER/EXPERIMENT/VIDEO/VIDEO_001.txt, or VIDEO_00000042.txt for a run from frame 42."""
    known, results = set(files), []
    for parts in files:
        alone = len(parts) == 3 and parts[0] in EXPERIMENTS
        if not _is_boxes(parts) or not (alone or len(parts) == 4) or not _belongs_to_folder(parts) or _stem(parts).endswith("_time"):
            continue
        anchor, repetition = _ANCHOR.search(_stem(parts)), _REPETITION.search(_stem(parts))
        experiment, video, folder, stem = parts[-3], parts[-2], parts[:-1], _stem(parts)
        number = int(repetition[1]) if repetition and not anchor else 1
        times = [(*folder, f"{stem}_time.value"), (*folder, f"{video}_time.value"), (*folder, f"{video}_time.txt")]
        scores = [(*folder, f"{stem}_confidence.value"), (*folder, f"{video}_confidence.value")]
        results.append(
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
    return results


def runs(root: Path, files: list[Parts]) -> list[ResultFile]:
    """Find TRACKER/PARAMETERS_000/VIDEO.txt, or with the dataset's folder between; run 000 is repetition 1.

    The tracker is called TRACKER-PARAMETERS, or TRACKER where the parameters are called "default".
    """
    known, results = set(files), []
    for parts in files:
        if not _is_boxes(parts) or len(parts) not in (3, 4) or _belongs_to_folder(parts) or _is_companion(parts, known):
            continue
        if parts[-2] == "times" or parts[0] in EXPERIMENTS:
            continue
        number = _REPETITION.search(parts[1])
        times = [part for part in [(*parts[:-1], f"{_stem(parts)}_time.txt")] if part in known]
        scores = [part for part in [(*parts[:-1], f"{_stem(parts)}_object_presence_scores.txt")] if part in known]
        results.append(
            ResultFile(
                tracker=f"{parts[0]}-{_REPETITION.sub('', parts[1])}".removesuffix(f"-{DEFAULT}"),
                sequence=_stem(parts),
                path=root.joinpath(*parts),
                repetition=int(number[1]) + 1 if number else 1,
                times=_first(root, times),
                scores=_first(root, scores),
            )
        )
    return results


def _is_companion(parts: Parts, known: set[Parts]) -> bool:
    """Return whether the file is VIDEO_time.txt or the like beside VIDEO.txt, or anything in a folder of times."""
    if len(parts) > 1 and parts[-2] == "times":
        return True
    stem = _stem(parts)
    return any(stem.endswith(end) and (*parts[:-1], f"{stem.removesuffix(end)}.txt") in known for end in _COMPANIONS)


def _first(root: Path, parts: list[Parts]) -> Path | None:
    return root.joinpath(*parts[0]) if parts else None


Find = Callable[[Path, list[Parts]], list[ResultFile]]


@dataclass(frozen=True, slots=True)
class Toolkit:
    """How one toolkit's result files lie.

    Attributes:
        layout: The arrangement in short, for messages.
        arrangement: The one by which the toolkit is recognised.
        find: Returns the result files among the files below a folder.
    """

    layout: str
    arrangement: Find
    find: Find


def _find_pysot(root: Path, files: list[Parts]) -> list[ResultFile]:
    return max((flat(root, files), nested(root, files), experiments(root, files)), key=len)


def _find_pytracking(root: Path, files: list[Parts]) -> list[ResultFile]:
    """Return all runs; a folder with the videos themselves counts as one tracker."""
    return runs(root, files) or [replace(result, tracker=result.tracker.removesuffix(f"-{DEFAULT}")) for result in flat(root, files)]


TOOLKITS: dict[str, Toolkit] = {  # of arrangements that explain as many files, the first one counts
    "vot": Toolkit(
        "TRACKER/EXPERIMENT/VIDEO/VIDEO_001.txt", experiments, lambda root, files: experiments(root, files) or nested(root, files)
    ),
    "got10k": Toolkit("TRACKER/VIDEO/VIDEO_001.txt", nested, lambda root, files: nested(root, files) or flat(root, files)),
    "pysot": Toolkit("TRACKER/VIDEO.txt", flat, _find_pysot),
    "pytracking": Toolkit("TRACKER/PARAMETERS/VIDEO.txt", runs, _find_pytracking),
}
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class ResultFolder:
    """The results in a folder.

    Attributes:
        root: The folder, perhaps a sub-folder of the one asked for.
        format: A name of `TOOLKITS`.
        files: The results.
    """

    root: Path
    format: str
    files: tuple[ResultFile, ...]

    def summary(self) -> str:
        """Return what was recognised, for people."""
        count = len({file.tracker for file in self.files})
        return (
            f"{self.format} ({TOOLKITS[self.format].layout}): {count} tracker{'s' if count != 1 else ''}, "
            f"{len(self.files)} result files in {self.root}"
        )


def find_results(root: str | Path, form: str = AUTO, dataset: str = "") -> ResultFolder:
    """Find the result files below a folder.

    Args:
        root: Folder of the results, of one tracker, or one above with a folder called like the dataset.
        form: A name of `TOOLKITS`, or "auto": the one whose arrangement explains most files.
        dataset: Name of the dataset, to step into its folder.

    Raises:
        LockonError: The format is unknown, there is no such folder, or no result files that the format can have.
    """
    if form != AUTO and form not in TOOLKITS:
        raise unknown_name("format", form, [AUTO, *TOOLKITS])
    folder = _dataset_folder(Path(root).expanduser(), dataset)
    parts = list_parts(folder)
    if form == AUTO:
        arranged = {name: kit.arrangement(folder, parts) for name, kit in TOOLKITS.items()}
        form = max(arranged, key=lambda name: len(arranged[name]))
        files = arranged[form]
    else:
        files = TOOLKITS[form].find(folder, parts)
    if not files:
        layouts = "; ".join(f"{name}: {kit.layout}" for name, kit in TOOLKITS.items())
        raise LockonError(f"{folder} holds no result files ({len(parts)} other files); expected one of {layouts}")
    return ResultFolder(folder, form, tuple(files))


def _dataset_folder(root: Path, dataset: str) -> Path:
    """Return the folder below `root` with the dataset's name, where there is one."""
    if not dataset or not root.is_dir():
        return root
    same = [child for child in sorted(root.iterdir()) if child.is_dir() and dataset in (child.name, resolve(child.name))]
    return same[0] if len(same) == 1 else root


__all__ = ["AUTO", "DEFAULT", "TOOLKITS", "Parts", "ResultFile", "ResultFolder", "find_results"]
