"""Which toolkit wrote a folder of results: told from how the files lie, and said in one line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lockon.bench.formats import got10k, pysot, pytracking, tree, vot
from lockon.bench.formats.toolkit import Toolkit
from lockon.bench.formats.tree import ResultFile
from lockon.data.datasets.table import resolve
from lockon.errors import LockonError, unknown_name

TOOLKITS: dict[str, Toolkit] = {kit.name: kit for kit in (pysot.TOOLKIT, pytracking.TOOLKIT, got10k.TOOLKIT, vot.TOOLKIT)}
AUTO = "auto"
# What each arrangement of files is taken for; the first one of those that explain most files.
_SIGNS = (
    ("vot", "TRACKER/EXPERIMENT/VIDEO/VIDEO_001.txt", tree.experiments),
    ("got10k", "TRACKER/VIDEO/VIDEO_001.txt", tree.nested),
    ("pysot", "TRACKER/VIDEO.txt", tree.flat),
    ("pytracking", "TRACKER/PARAMETERS/VIDEO.txt", tree.runs),
)


@dataclass(frozen=True, slots=True)
class RecognisedFormat:
    """The results in a folder.

    Attributes:
        root: the folder, perhaps a sub-folder of the one asked for. format: a name of `TOOLKITS`.
        layout: how the files lie. files: the results.
    """

    root: Path
    format: str
    layout: str
    files: tuple[ResultFile, ...]

    def summary(self) -> str:
        """What was recognised, for people."""
        trackers = {one.tracker for one in self.files}
        return (
            f"{self.format} ({self.layout}): {len(trackers)} tracker{'s' if len(trackers) != 1 else ''}, "
            f"{len(self.files)} result files in {self.root}"
        )


def find_results(root: str | Path, form: str = AUTO, dataset: str = "") -> RecognisedFormat:
    """The result files below a folder.

    Args:
        root: folder of the results, of one tracker, or one above with a folder called like the dataset.
        form: a name of `TOOLKITS`, or "auto".
        dataset: name of the dataset, to step into its folder.

    Raises:
        LockonError: unknown format, no such folder, or no result files that the format can have.
    """
    if form != AUTO and form not in TOOLKITS:
        raise unknown_name("format", form, [AUTO, *TOOLKITS])
    folder = _dataset_folder(Path(root).expanduser(), dataset)
    parts = tree.list_parts(folder)
    if form == AUTO:
        counted = [(name, layout, find(folder, parts)) for name, layout, find in _SIGNS]
        name, layout, files = max(counted, key=lambda one: len(one[2]))
        if name == "pytracking":
            files = TOOLKITS[name].find(folder, parts)
    else:
        name, layout, files = form, TOOLKITS[form].layout, TOOLKITS[form].find(folder, parts)
    if not files:
        layouts = "; ".join(f"{kit.name}: {kit.layout}" for kit in TOOLKITS.values())
        raise LockonError(f"{folder} holds no result files ({len(parts)} other files); expected one of {layouts}")
    return RecognisedFormat(folder, name, layout, tuple(files))


def _dataset_folder(root: Path, dataset: str) -> Path:
    """The folder below `root` with the dataset's name, where there is one."""
    if not dataset or not root.is_dir():
        return root
    same = [child for child in sorted(root.iterdir()) if child.is_dir() and dataset in (child.name, resolve(child.name))]
    return same[0] if len(same) == 1 else root


__all__ = ["AUTO", "TOOLKITS", "RecognisedFormat", "find_results"]
