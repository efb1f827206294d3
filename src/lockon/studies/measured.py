"""What a run was measured by, sequence by sequence, in a file that appears when it is complete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockon._files import read_json_object, write_bytes
from lockon.errors import LockonError
from lockon.studies.metrics import Name


def refinement_file(out: Path, label: str) -> Path:
    """Return where the measurement of a refiner of the study in `out` lies: beside its weights."""
    return out / "runs" / label / "refinement.json"


def measured_runs(out: Path) -> list[str]:
    """Return the labels of the refiners of a study that have been measured, in alphabetical order."""
    return sorted(path.parent.name for path in (out / "runs").glob("*/refinement.json"))


def write_measured(path: Path, content: Mapping[str, Any]) -> None:
    """Keep a measurement; NaN may not be in it.

    Args:
        path: Of the file.
        content: JSON values; "sequences" holds values by sequence and name.
    """
    write_bytes(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def read_measured(path: Path, names: Mapping[Name, str]) -> dict[str, dict[Name, float]]:
    """Read the metrics of each sequence that has been measured, NaN where it has none; nothing without a measurement.

    Args:
        path: Of the file.
        names: The metrics, and how they are named in it.

    Raises:
        LockonError: A damaged file.
    """
    if not path.is_file():
        return {}
    content = read_json_object(path, "remove it and give the same command again without --report")
    found: dict[str, dict[Name, float]] = {}
    try:
        for sequence, values in content["sequences"].items():
            found[sequence] = {name: _number(values[key]) for name, key in names.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise LockonError(f"{path} lacks metrics of the run ({error!r}); remove it and give the same command again") from None
    return found


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


__all__ = ["measured_runs", "read_measured", "refinement_file", "write_measured"]
