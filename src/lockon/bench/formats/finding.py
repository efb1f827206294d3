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

# Names of experiments of the VOT toolkits, and the protocol that each is; others are known by the codes in their files.
EXPERIMENTS: dict[str, str] = {
    "baseline": "reset",
    "supervised": "reset",
    "realtime": "realtime",
    "unsupervised": "one-pass",
    "longterm": "one-pass",
}
DEFAULT = "default"  # pytracking's name of parameters that a tracker is not called after
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


def list_files(root: Path) -> list[str]:
    """List the files below a folder as relative paths with slashes; hidden files and folders are left out.

    Raises:
        LockonError: There is no such folder.
    """
    if not root.is_dir():
        state = "is a file" if root.exists() else "does not exist"
        raise LockonError(f"{root} {state}; give the folder that holds a folder of result files per tracker")
    return ["/".join(parts) for parts in sorted(_walk(root))]


def _walk(root: Path) -> Iterator[tuple[str, ...]]:
    for folder, subfolders, files in os.walk(root, followlinks=True):
        place = Path(folder).relative_to(root).parts
        real = os.path.realpath(folder)
        holders = (os.path.realpath(root.joinpath(*place[:count])) for count in range(len(place)))
        if any(Path(holder).is_relative_to(real) for holder in holders):  # a link back to a folder that holds it
            subfolders.clear()
            continue
        subfolders[:] = [] if len(place) + 1 >= _DEEPEST else [name for name in subfolders if not name.startswith(".")]
        yield from ((*place, name) for name in files if not name.startswith("."))


@dataclass(frozen=True, slots=True)
class Arrangement:
    """One way to arrange result files.

    Attributes:
        pattern: Of the relative paths, with the groups tracker, parameters, experiment, video, number and anchor that it has.
        times: Names that the file of times may have, from the folder of the boxes; with {video}, or {stem} for the name of that file.
        scores: The same of the file of confidences.
        first: Number of the first repetition.
        loose: Whether files may have any name, so that those of other arrangements and companions have to be left out.
    """

    pattern: re.Pattern[str]
    times: tuple[str, ...]
    scores: tuple[str, ...] = ()
    first: int = 1
    loose: bool = False

    def __call__(self, root: Path, files: list[str]) -> list[ResultFile]:
        """Find the result files; where a path has no tracker, the folder's name is its name."""
        known, results = set(files), []
        for path in files:
            match = self.pattern.fullmatch(path)
            if match is None or (self.loose and (_BELONGS.search(path) or _is_companion(path, known))):
                continue
            parts = match.groupdict()
            tracker, experiment, anchor = parts["tracker"] or root.resolve().name, parts.get("experiment"), parts.get("anchor")
            if "parameters" in parts:
                tracker = f"{tracker}-{parts['parameters']}".removesuffix(f"-{DEFAULT}")
            repetition = int(parts.get("number") or self.first) - self.first + 1
            result = ResultFile(tracker, parts["video"], root / path, repetition=repetition, column=repetition - 1 if self.first else 0)
            if experiment is not None:
                protocol = "anchors" if anchor and experiment != "realtime" else EXPERIMENTS.get(experiment)
                result = replace(result, protocol=protocol, anchor=int(anchor) if anchor else None)
            beside = [
                [Path(path).parent / name.format(**parts, stem=Path(path).stem) for name in some] for some in (self.times, self.scores)
            ]
            times, scores = (next((root / file for file in some if file.as_posix() in known), None) for some in beside)
            results.append(replace(result, times=times, scores=scores))
        return results


def _is_companion(path: str, known: set[str]) -> bool:
    """Return whether the file is VIDEO_time.txt or the like beside VIDEO.txt, or anything in a folder of times."""
    stem = path.rpartition(".")[0]
    beside = any(stem.endswith(end) and f"{stem.removesuffix(end)}.txt" in known for end in _COMPANIONS)
    return beside or path.split("/")[-2:-1] == ["times"]


_EXPERIMENT, _NUMBERED = f"(?:{'|'.join(EXPERIMENTS)})", r"(?P<video>[^/]+)/(?P=video)_(?:[^/]*_)?"
_BELONGS = re.compile(rf"(?:^|/){_NUMBERED}(?:\d{{3}}|\d{{8}}|time)\.[^./]*$")  # the file's name begins with its folder's
_BOXES = r"\.(?:txt|bin)"
flat = Arrangement(
    re.compile(rf"(?:(?P<tracker>[^/]+)/)?(?P<video>[^/]+){_BOXES}"), ("{video}_time.txt", "times/{video}_time.txt"), loose=True
)
nested = Arrangement(
    re.compile(rf"(?:(?!{_EXPERIMENT}/)(?P<tracker>[^/]+)/)?{_NUMBERED}(?P<number>\d{{3}}){_BOXES}"), ("{video}_time.txt",)
)
experiments = Arrangement(
    re.compile(
        rf"(?:(?P<tracker>[^/]+)/|(?={_EXPERIMENT}/))(?P<experiment>[^/]+)/{_NUMBERED}(?:(?P<anchor>\d{{8}})|(?P<number>\d{{3}})){_BOXES}"
    ),
    ("{stem}_time.value", "{video}_time.value", "{video}_time.txt"),
    ("{stem}_confidence.value", "{video}_confidence.value"),
)
runs = Arrangement(  # perhaps with the dataset's folder between; run 000 is repetition 1
    re.compile(
        rf"(?!{_EXPERIMENT}/)(?P<tracker>[^/]+)/(?P<parameters>[^/]*?)(?:_(?P<number>\d{{3}}))?/(?:[^/]+/)?(?P<video>[^/]+){_BOXES}"
    ),
    ("{video}_time.txt",),
    ("{video}_object_presence_scores.txt",),
    first=0,
    loose=True,
)
Find = Callable[[Path, list[str]], list[ResultFile]]


@dataclass(frozen=True, slots=True)
class Toolkit:
    """How one toolkit's result files lie.

    Attributes:
        layout: The arrangement in short, for messages.
        arrangement: The one by which the toolkit is recognised.
        find: Returns the result files among the files below a folder.
    """

    layout: str
    arrangement: Arrangement
    find: Find


def _find_pysot(root: Path, files: list[str]) -> list[ResultFile]:
    return max((flat(root, files), nested(root, files), experiments(root, files)), key=len)


def _find_pytracking(root: Path, files: list[str]) -> list[ResultFile]:
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
    paths = list_files(folder)
    if form == AUTO:
        arranged = {name: kit.arrangement(folder, paths) for name, kit in TOOLKITS.items()}
        form = max(arranged, key=lambda name: len(arranged[name]))
        files = arranged[form]
    else:
        files = TOOLKITS[form].find(folder, paths)
    if not files:
        layouts = "; ".join(f"{name}: {kit.layout}" for name, kit in TOOLKITS.items())
        raise LockonError(f"{folder} holds no result files ({len(paths)} other files); expected one of {layouts}")
    return ResultFolder(folder, form, tuple(files))


def _dataset_folder(root: Path, dataset: str) -> Path:
    """Return the folder below `root` with the dataset's name, where there is one."""
    if not dataset or not root.is_dir():
        return root
    same = [child for child in sorted(root.iterdir()) if child.is_dir() and dataset in (child.name, resolve(child.name))]
    return same[0] if len(same) == 1 else root


__all__ = ["AUTO", "DEFAULT", "TOOLKITS", "ResultFile", "ResultFolder", "find_results"]
