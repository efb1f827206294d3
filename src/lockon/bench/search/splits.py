"""Which data a search may see: parameters that were chosen on a test set make every later figure on it worthless.

What a folder is called counts most: a cut of a benchmark in a folder `val` is validation data, whatever it was cut from. Then the
names of benchmarks that are there for reporting only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lockon.data.datasets.registry import split_spec
from lockon.data.datasets.table import FOLDER, POOL, canonical_name, members, pool_members, resolve
from lockon.data.paths import find_root
from lockon.errors import LockonError

Split = Literal["validation", "test", "unknown"]

# Benchmarks that papers report on and that have no part to choose on; the others have parts, or are somebody's own data.
TEST_SETS = frozenset(
    {
        *("OTB100", "OTB50", "TC128", "NFS30", "NFS240", "DTB70", "TNL2K", "TLP", "TinyTLP"),
        *("UAV123", "UAV123_10fps", "UAV20L", "UAVDT"),
        *("VOT2016", "VOT2017", "VOT2018", "VOT2019", "VOT2020"),
        *("GOT10k_test", "LaSOT", "TrackingNet"),
    }
)
OTHER_SETS = frozenset({"GOT10k_val", "GOT10k_train", "LaSOT_train", "TrackingNet_train", "DAVIS2016", "DAVIS2017", "AntiUAV", FOLDER})

_TEST = re.compile(r"(.*[-_. ])?test(s|ing|set)?|test[-_. ]?(dev|set|split|data|videos|images|challenge)", re.IGNORECASE)
_VALIDATION = re.compile(r"(.*[-_. ])?(val|valid|validation)([-_. ]?(set|split|data|videos))?", re.IGNORECASE)
_SPLIT_LINE = re.compile(r"^\W*(split|subset|use)\W{1,6}(test[\w-]*|val[\w-]*)\W*$", re.IGNORECASE | re.MULTILINE)
_LEVELS = 3  # folders from the data upward whose names are read
_MANIFEST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one dataset.

    Attributes:
        data: NAME:ROOT as given. split: what it is. reason: half a line. note: what a user should know although it is accepted.
    """

    data: str
    split: Split
    reason: str
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """JSON values for the log."""
        return {"data": self.data, "split": self.split, "reason": self.reason}


def check_splits(specs: Iterable[str], *, force: bool = False) -> list[Verdict]:
    """What each of the datasets NAME or NAME:ROOT is.

    Args:
        specs: as for `lockon.data.datasets.registry.load_dataset`. force: take test sets too.

    Raises:
        LockonError: a test set without `force`; unknown names, or folders that do not exist.
    """
    verdicts = [judge(spec) for spec in specs]
    for verdict in verdicts:
        if verdict.split == "test" and not force:
            raise LockonError(
                f"{verdict.data} is test data: {verdict.reason}. Parameters chosen on it make every later figure on it worthless; "
                "give validation data, for example --data GOT10k_val:ROOT or pool:DIR/val, or insist with --force"
            )
    return verdicts


def judge(spec: str) -> Verdict:
    """What one dataset is, by the names of its folders, a MANIFEST beside it, and the name of the benchmark.

    Raises:
        LockonError: an unknown name, or no such folder.
    """
    given, root = split_spec(spec)
    name = canonical_name(given)
    parts = pool_members(name) or (name,)
    folders = [find_root(part, root) for part in parts]
    if root is not None:
        folders.append(root)
    found = [verdict for folder in folders for verdict in _of_folder(spec, folder)]
    tests = _test_sets(name, parts, folders)
    for verdict in found:
        if verdict.split == "test":
            return verdict
    if found:
        note = f"{spec} is taken as validation data ({found[0].reason}); report on no sequence of {_listed(tests)} that is in it"
        return Verdict(spec, "validation", found[0].reason, note if tests else "")
    if tests:
        return Verdict(spec, "test", f"{_listed(tests)} is there to report on")
    if name.endswith("_train"):
        note = f"{spec} is training data: use it only if the tracker was not trained on it"
        return Verdict(spec, "unknown", "training data", note)
    known = name == "GOT10k_val"
    return Verdict(spec, "validation" if known else "unknown", "its name" if known else "nothing says that it is test data")


def _of_folder(spec: str, folder: Path) -> Iterator[Verdict]:
    """What the names of a folder and of those above it say, and where a link leads; the nearest name that says anything counts."""
    for path in dict.fromkeys((folder.absolute(), folder.resolve())):
        for level, place in enumerate((path, *path.parents)[:_LEVELS]):
            split = _from_manifest(place) if level < 2 else None
            if split is not None:
                yield Verdict(spec, split, f"the manifest in {place} says so")
                break
            if _TEST.fullmatch(place.name):
                yield Verdict(spec, "test", f"it lies in a folder named {place.name!r}")
                break
            if level < 2 and _VALIDATION.fullmatch(place.name):  # further up it may be anything, such as a user's name
                yield Verdict(spec, "validation", f"it lies in a folder named {place.name!r}")
                break


def _from_manifest(folder: Path) -> Literal["test", "validation"] | None:
    """The split that a MANIFEST file names, in a line such as ``split: test`` or in a column ``split``."""
    try:
        files = sorted(path for path in folder.glob("MANIFEST*") if path.is_file())
        texts = [path.read_bytes()[:_MANIFEST_BYTES].decode("utf-8", "replace") for path in files]
    except OSError:
        return None
    for text in texts:
        words = [match[2].lower() for match in _SPLIT_LINE.finditer(text)] + _column(text)
        for word in words:
            if word.startswith("test"):
                return "test"
        if any(word.startswith("val") for word in words):
            return "validation"
    return None


def _column(text: str) -> list[str]:
    """Values of the column ``split`` of a table with tabs or commas."""
    lines = text.splitlines()
    for separator in ("\t", ","):
        head = [one.strip().lower() for one in lines[0].split(separator)] if lines else []
        if len(head) > 1 and "split" in head:
            place = head.index("split")
            rows = (line.split(separator) for line in lines[1:])
            return [row[place].strip().lower() for row in rows if len(row) > place]
    return []


def _test_sets(name: str, parts: Iterable[str], folders: Iterable[Path]) -> list[str]:
    """Benchmarks for reporting among the data: by name, in a pool, or under another name in the benchmark's own folder."""
    if name == POOL:
        names = [member for folder in folders for member in members(folder)]
    elif name == FOLDER:
        places = [place for folder in folders for place in (folder.absolute(), folder.resolve())]
        names = [one for place in places for one in map(resolve, (place.name, place.parent.name)) if one is not None]
    else:
        names = list(parts)
    return sorted({one for one in names if one in TEST_SETS})


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


__all__ = ["OTHER_SETS", "TEST_SETS", "Split", "Verdict", "check_splits", "judge"]
