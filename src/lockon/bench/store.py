"""Results on disk: one JSON file per tracker and run, with all that a report needs.

    DIR/TRACKER/tracker.json                      which tracker this is: name, preset, overrides, sha256 of the weights, seed; its size
    DIR/TRACKER/DATASET/SEQUENCE.json             boxes, scores, states, times, ground truth, versions, machine
    DIR/TRACKER/DATASET/SEQUENCE#2.json           the second repetition, and so on
    DIR/TRACKER/DATASET.reset/SEQUENCE.json       the reset protocol; DATASET.realtime/ the real-time one
    DIR/TRACKER/DATASET.anchors/SEQUENCE@50.json  the run that was started on frame 50, from 0
    DIR/TRACKER/DATASET/SEQUENCE.error.txt        traceback of the last attempt, where it failed

Files appear only when they are complete, so a run can be stopped at any moment and continued. Boxes are x, y, w, h in
frame pixels, 0-based, and belong to no metric's convention.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lockon._documents import MALFORMED
from lockon._files import write_bytes
from lockon._names import quoted, shortened
from lockon.bench.protocols.table import PROTOCOLS
from lockon.bench.record import FORMAT, Record, RunKey, load_record, read_result, record_bytes
from lockon.config import differences
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError, LockonWarning, unknown_name

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_STEM = 200  # bytes of a file's name, besides anchor, repetition and suffix
_MOST = 2**63  # bytes that any file has
FIRST = RunKey()


class Store:
    """A folder of results.

    Args:
        folder: Made when the first result is written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def trackers(self) -> list[str]:
        """Return the labels of the trackers with results, in alphabetical order.

        Raises:
            LockonError: The folder does not exist or holds no results.
        """
        labels = sorted(path.parent.name for path in self.folder.glob("*/tracker.json"))
        if not labels:
            state = "holds no results" if self.folder.is_dir() else "does not exist"
            raise LockonError(
                f"{self.folder} {state}; make some with: lockon bench run --trackers NAME --data NAME:ROOT --out {self.folder}"
            )
        return labels

    def protocols(self, label: str) -> list[str]:
        """Return the protocols that a tracker has results of, in the order of `PROTOCOLS`."""
        found = {_protocol_of(path.parent.name) for path in (self.folder / label).glob("*/*.json")}
        return [name for name in PROTOCOLS if name in found]

    def describe(self, label: str) -> dict[str, Any]:
        """Return the content of tracker.json: ``configuration`` and ``size`` (bytes of the weight files).

        Raises:
            LockonError: The file is missing or broken.
        """
        path = self.folder / label / "tracker.json"
        content = read_result(path)
        if not isinstance(content.get("configuration"), dict):
            raise LockonError(f"{path} has no configuration; remove the folder {path.parent} and run it again")
        return content

    def size(self, label: str) -> int:
        """Return the bytes of a tracker's weight files; 0, with a warning, where tracker.json does not say."""
        try:
            size = int(self.describe(label).get("size", 0))
            if not 0 <= size < _MOST:
                raise ValueError("no number of bytes")
            return size
        except MALFORMED as error:  # a LockonError is a ValueError
            warnings.warn(f"the size of {label} is not known: {error}", LockonWarning, stacklevel=2)
            return 0

    def claim(self, label: str, configuration: Mapping[str, Any], size: int, *, overwrite: bool = False) -> None:
        """Write tracker.json, or check that it says the same.

        Args:
            label: Folder name of the tracker.
            configuration: JSON values that decide the results.
            size: Bytes of the weight files.
            overwrite: Drop the results of another configuration instead of refusing.

        Raises:
            LockonError: A label that is no folder name, or results of another configuration.
        """
        if not _LABEL.fullmatch(label):
            raise LockonError(f"tracker label {quoted(label)}; expected at most 100 letters, digits and ._+-, because it names a folder")
        path = self.folder / label / "tracker.json"
        if path.is_file():
            changed = differences(self.describe(label)["configuration"], dict(configuration))
            if not changed:
                return
            if not overwrite:
                shown = re.sub(r"([0-9a-f]{8})[0-9a-f]{56}", r"\1..", ", ".join(changed[:3]))  # digests are told apart by their start
                raise LockonError(
                    f"{path.parent} holds results of another configuration: {shown}; "
                    "give --overwrite, another --out, or another label (LABEL=NAME)"
                )
            for old in path.parent.glob("*/*.json"):
                old.unlink()
        content = {"format": FORMAT, "label": label, "configuration": configuration, "size": size}
        write_bytes(path, (json.dumps(content, indent=1) + "\n").encode())

    def path(self, label: str, dataset: str, sequence: str, run_key: RunKey = FIRST) -> Path:
        """Return the file of one result; characters that a file system may refuse are percent-encoded."""
        folder = _folder_name(dataset) + ("" if run_key.protocol == "one-pass" else f".{run_key.protocol}")
        anchor = "" if run_key.anchor is None else f"@{run_key.anchor}"
        repetition = "" if run_key.repetition == 1 else f"#{run_key.repetition}"
        return self.folder / label / folder / f"{_stem(sequence)}{anchor}{repetition}.json"

    def save(self, label: str, record: Record) -> None:
        """Write one result atomically; the note of an earlier failure goes."""
        path = self.path(label, record.dataset, record.sequence, record.run_key)
        write_bytes(path, record_bytes(record))
        _error_file(path).unlink(missing_ok=True)

    def save_error(self, label: str, sequence: VideoSequence, text: str, run_key: RunKey = FIRST) -> None:
        """Keep the traceback of a failed attempt beside where the result would be."""
        write_bytes(_error_file(self.path(label, sequence.dataset, sequence.name, run_key)), text.encode())

    def remove(self, label: str, sequence: VideoSequence, protocol: str = "one-pass") -> None:
        """Drop all results of a tracker on a sequence under one protocol."""
        first = self.path(label, sequence.dataset, sequence.name, RunKey(protocol))
        for path in first.parent.glob("*.json"):
            if re.fullmatch(re.escape(first.stem) + r"(@\d+)?(#\d+)?", path.stem):
                path.unlink()

    def find(self, label: str, sequence: VideoSequence, run_key: RunKey = FIRST, rules: Mapping[str, Any] | None = None) -> Record | None:
        """Return the usable result for this sequence, if there is one. A broken file is reported and counts as none.

        Args:
            label: Of the tracker.
            sequence: That it was run on.
            run_key: Which of the runs on it.
            rules: Settings of the protocol that it has to have been run with; None for any.

        Raises:
            LockonError: The result was made with other ground truth or other settings of the protocol.
        """
        path = self.path(label, sequence.dataset, sequence.name, run_key)
        if not path.exists():
            return None
        try:
            record = load_record(path)
        except LockonError as error:
            warnings.warn(f"{error}; running it again", LockonWarning, stacklevel=2)
            return None
        if not record.fits(sequence):
            raise LockonError(f"{path} was made with other ground truth of {sequence.name}; give --overwrite or another --out")
        changed = [] if rules is None else differences(dict(record.rules), dict(rules))
        if changed:
            raise LockonError(f"{path} was made under other rules: {', '.join(changed)}; give --overwrite or another --out")
        return record

    def records(self, label: str, protocol: str = "one-pass") -> list[Record]:
        """Return all results of a tracker under one protocol by dataset, sequence, anchor and repetition.

        Broken files are left out, with a warning each.

        Raises:
            LockonError: Unknown protocol.
        """
        if protocol not in PROTOCOLS:
            raise unknown_name("protocol", protocol, PROTOCOLS)
        found = []
        for path in (self.folder / label).glob("*/*.json"):
            if _protocol_of(path.parent.name) != protocol:
                continue
            try:
                found.append(load_record(path))
            except LockonError as error:
                warnings.warn(f"{error}; left out of the report", LockonWarning, stacklevel=2)
        return sorted(found, key=lambda one: (one.dataset, one.sequence, -1 if one.anchor is None else one.anchor, one.repetition))


def _protocol_of(folder: str) -> str:
    """Return the protocol of a folder DATASET or DATASET.PROTOCOL."""
    for name in PROTOCOLS[1:]:
        if folder.endswith(f".{name}"):
            return name
    return "one-pass"


def _folder_name(dataset: str) -> str:
    """Return a dataset whose own name ends like the folder of a protocol keeps its dot encoded."""
    name = _file_name(dataset)
    head, dot, tail = name.rpartition(".")
    return f"{head}%2E{tail}" if dot and tail in PROTOCOLS else name


def _stem(sequence: str) -> str:
    """Return a sequence whose own name ends like that of an anchor's run keeps its @ encoded."""
    return re.sub(r"@(?=\d+$)", "%40", _file_name(sequence))


def _error_file(path: Path) -> Path:
    return path.with_name(f"{path.name.removesuffix('.json')}.error.txt")


def _file_name(name: str) -> str:
    text = quote(name, safe=" +,=@()", errors="surrogatepass")
    text = f"%2E{text[1:]}" if text.startswith(".") else text
    return shortened(text, _STEM) if len(text) > _STEM else text


__all__ = ["FIRST", "Record", "RunKey", "Store", "load_record"]
