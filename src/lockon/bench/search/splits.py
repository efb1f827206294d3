"""Which data a search may see: parameters that were chosen on a test set make every later number on it worthless.

The names of folders count most: a cut of a benchmark in a folder `val` is validation data, whatever it was cut from. Then the role that
each dataset has in its file of `lockon.data.datasets`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lockon.data.datasets.registry import split_spec
from lockon.data.datasets.table import FOLDER, POOL, canonical_name, known_datasets, members, pool_members, resolve
from lockon.data.paths import find_root
from lockon.errors import LockonError

Split = Literal["validation", "test", "unknown"]

_TEST = re.compile(r"(.*[-_. ])?test(s|ing|set)?|test[-_. ]?(dev|set|split|data|videos|images|challenge)", re.IGNORECASE)
_VALIDATION = re.compile(r"(.*[-_. ])?(val|valid|validation)([-_. ]?(set|split|data|videos))?", re.IGNORECASE)
_SPLIT_LINE = re.compile(r"^\W*(split|subset|use)\W{1,6}(test[\w-]*|val[\w-]*)\W*$", re.IGNORECASE | re.MULTILINE)
_LEVELS = 3  # folders from the data upward whose names are read
_MANIFEST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one dataset.

    Attributes:
        data: NAME:ROOT, as it was typed.
        split: What the data are.
        reason: Why, as half a line.
        note: What a user should know although the data are accepted; empty if nothing.
    """

    data: str
    split: Split
    reason: str
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return JSON values for the journal."""
        return {"data": self.data, "split": self.split, "reason": self.reason}


def check_splits(specs: Iterable[str], *, force: bool = False) -> list[Verdict]:
    """Return the judge datasets, and refuse test sets.

    Args:
        specs: NAME or NAME:ROOT of each, as for `lockon.data.datasets.registry.load_dataset`.
        force: Take test sets too.

    Returns:
        A verdict for each.

    Raises:
        LockonError: A test set without `force`, an unknown name, or a folder that does not exist.
    """
    verdicts = [judge(spec) for spec in specs]
    for verdict in verdicts:
        if verdict.split == "test" and not force:
            raise LockonError(
                f"{verdict.data} is test data: {verdict.reason}. Parameters chosen on it make every later number on it worthless; "
                "give validation data, for example --data GOT10k_val:ROOT or pool:DIR/val, or insist with --force"
            )
    return verdicts


def judge(spec: str) -> Verdict:
    """Return the judge one dataset by the names of its folders, a MANIFEST beside it, and its role.

    Raises:
        LockonError: The name is unknown, or there is no such folder.
    """
    spelled, root = split_spec(spec)
    name = canonical_name(spelled)
    parts = pool_members(name) or (name,)
    folders = [*(find_root(part, root) for part in parts), *([] if root is None else [root])]
    by_folder = [verdict for folder in folders for verdict in _judge_folder(spec, folder)]
    tests = _test_sets(name, parts, folders)
    for verdict in by_folder:
        if verdict.split == "test":
            return verdict
    if by_folder:
        reason = by_folder[0].reason
        note = f"{spec} is taken as validation data ({reason}); report on no sequence of {_listed(tests)} that is in it"
        return Verdict(spec, "validation", reason, note if tests else "")
    if tests:
        return Verdict(spec, "test", f"{_listed(tests)} is there to report on")
    roles = {known_datasets()[part].role for part in parts if part in known_datasets()}
    if "train" in roles:
        note = f"{spec} is training data: use it only if the tracker was not trained on it"
        return Verdict(spec, "unknown", "training data", note)
    if roles == {"validation"}:
        return Verdict(spec, "validation", "its name")
    return Verdict(spec, "unknown", "nothing says that it is test data")


def _judge_folder(spec: str, folder: Path) -> Iterator[Verdict]:
    """Yield what the names of a folder and of those above it say, and where a link leads; the nearest name that says anything counts."""
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
    """Return the split that a MANIFEST file names, in a line such as ``split: test`` or in a column ``split``."""
    try:
        files = [path for path in sorted(folder.glob("MANIFEST*")) if path.is_file()]
        texts = [path.read_bytes()[:_MANIFEST_BYTES].decode("utf-8", "replace") for path in files]
    except OSError:
        return None
    for text in texts:
        words = [match[2].lower() for match in _SPLIT_LINE.finditer(text)] + _column(text)
        if any(word.startswith("test") for word in words):
            return "test"
        if any(word.startswith("val") for word in words):
            return "validation"
    return None


def _column(text: str) -> list[str]:
    """Return the values of the column ``split`` of a table with tabs or commas."""
    for separator in ("\t", ","):
        head, *rows = [[cell.strip().lower() for cell in line.split(separator)] for line in text.splitlines()] or [[]]
        if len(head) > 1 and "split" in head:
            place = head.index("split")
            return [row[place] for row in rows if len(row) > place]
    return []


def _test_sets(name: str, parts: Iterable[str], folders: Iterable[Path]) -> list[str]:
    """Return the test sets among the data: by name, in a pool, or under another name in the benchmark's own folder."""
    if name == POOL:
        names = [member for folder in folders for member in members(folder)]
    elif name == FOLDER:
        places = [place for folder in folders for place in (folder.absolute(), folder.resolve())]
        names = [known for place in places for known in map(resolve, (place.name, place.parent.name)) if known is not None]
    else:
        names = list(parts)
    known = known_datasets()
    return sorted({member for member in names if member in known and known[member].role == "test"})


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


__all__ = ["Split", "Verdict", "check_splits", "judge"]
