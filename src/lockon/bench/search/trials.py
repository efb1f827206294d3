"""`Trial`: one set of parameters and how it fared; and the log of all of them, one JSON line each, which a search goes on from."""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from lockon._files import write_bytes
from lockon.bench.report.model import SequenceScore
from lockon.bench.search.objective import score_from_json, score_json
from lockon.bench.search.space import Value
from lockon.config import differences
from lockon.errors import LockonError, LockonWarning

State = Literal["complete", "pruned", "failed"]
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One set of parameters.

    Attributes:
        number: from 0; trial 0 is the tracker's own parameters.
        parameters: what differs from them, by dotted name.
        state: "complete", "pruned" (given up after some of the sequences) or "failed".
        value: the figure over the sequences in `scores`; NaN for a failed trial.
        scores: per sequence that was run, in the order in which they count for pruning.
        seconds: that it took. error: why it failed. same_as: number of an earlier trial with equal parameters, which was not run again.
    """

    number: int
    parameters: Mapping[str, Value]
    state: State
    value: float
    scores: Mapping[str, SequenceScore] = field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    same_as: int | None = None


class Log:
    """The folder of a search: search.json says what is searched, trials.jsonl what was found.

    Args:
        folder: made when the first file is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "trials.jsonl"

    def claim(self, content: Mapping[str, Any], about: Mapping[str, Any] | None = None) -> None:
        """Write search.json, or check that it says the same.

        Args:
            content: what decides the trials. about: what else is to be kept beside it; not compared.

        Raises:
            LockonError: the folder holds another search, or cannot be written to.
        """
        path = self.folder / "search.json"
        wanted = json.loads(json.dumps({"format": FORMAT, **content}))
        if path.exists():
            known = {key: value for key, value in self._described(path).items() if key != "about"}
            changed = differences(known, wanted)
            if changed:
                raise LockonError(f"{self.folder} holds another search: {', '.join(changed[:3])}; give another --out, or the same options")
            return
        if self.path.exists():
            raise LockonError(f"{self.folder} has {self.path.name} but no search.json that says what it is; give another --out")
        write_bytes(path, (json.dumps({**wanted, "about": dict(about or {})}, indent=1) + "\n").encode())

    @staticmethod
    def _described(path: Path) -> dict[str, Any]:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            content = None
        if not isinstance(content, dict):
            raise LockonError(f"{path} is no readable JSON object; give another --out, or remove that folder")
        return content

    def read(self) -> list[Trial]:
        """All finished trials, by number. A last line that was cut off is dropped, with a warning.

        Raises:
            LockonError: another line that is no trial, or numbers out of order.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        trials: list[Trial] = []
        for number, line in enumerate(lines):
            try:
                trial = trial_from_json(json.loads(line))
                whole = trial.number == number and line.endswith("\n")
            except (KeyError, TypeError, ValueError):
                whole = False
            if not whole:
                if number + 1 < len(lines):
                    raise LockonError(
                        f"{self.path}, line {number + 1} is not trial {number}; remove the lines from there on, or give another --out"
                    )
                warnings.warn(f"{self.path}: the last line was cut off; trial {number} is run again", LockonWarning, stacklevel=2)
                write_bytes(self.path, "".join(lines[:-1]).encode())
                break
            trials.append(trial)
        return trials

    def append(self, trial: Trial) -> None:
        """Add one trial; it is on the disk when this returns.

        Raises:
            LockonError: the file cannot be written.
        """
        text = json.dumps(trial_json(trial), separators=(",", ":"), allow_nan=False) + "\n"
        try:
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise LockonError(f"cannot write {self.path}: {error.strerror}") from None


def trial_json(trial: Trial) -> dict[str, Any]:
    """A trial as JSON values; NaN is null, and keys of what it does not have are left out."""
    content = {
        "number": trial.number,
        "state": trial.state,
        "parameters": dict(trial.parameters),
        "value": trial.value if math.isfinite(trial.value) else None,
        "seconds": round(trial.seconds, 3),
        "sequences": {name: score_json(score) for name, score in trial.scores.items()},
    }
    optional = {"error": trial.error or None, "same_as": trial.same_as}
    return {**content, **{key: value for key, value in optional.items() if value is not None}}


def trial_from_json(content: Mapping[str, Any]) -> Trial:
    """What `trial_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: something else.
    """
    if content["state"] not in get_args(State):
        raise ValueError("state")
    same_as = content.get("same_as")
    return Trial(
        number=int(content["number"]),
        parameters=dict(content["parameters"]),
        state=content["state"],
        value=math.nan if content["value"] is None else float(content["value"]),
        scores={name: score_from_json(name, part) for name, part in content["sequences"].items()},
        seconds=float(content["seconds"]),
        error=str(content.get("error", "")),
        same_as=None if same_as is None else int(same_as),
    )


__all__ = ["Log", "State", "Trial", "trial_from_json", "trial_json"]
