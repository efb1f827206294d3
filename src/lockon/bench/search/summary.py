"""What a search ends with: the parameters as files and as options of other commands, and figures for people and programs."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockon import __version__
from lockon._files import write_bytes
from lockon.bench.search.engine import BestTrial
from lockon.bench.search.folds import CrossValidation
from lockon.bench.search.suggest import importances
from lockon.config import apply_overrides, as_json


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """A finished search, for reports.

    Attributes:
        found: all trials. fixed: parameters that were the same in all of them.
        importances: part of each parameter, empty where there are too few trials. folds: cross-validation, if it was asked for.
        data: what is known of the data, as JSON values.
    """

    found: BestTrial
    fixed: Mapping[str, Any] = field(default_factory=dict)
    importances: Mapping[str, float] = field(default_factory=dict)
    folds: CrossValidation | None = None
    data: tuple[Mapping[str, Any], ...] = ()

    @property
    def overrides(self) -> dict[str, Any]:
        """The best parameters as overrides of `lockon.load`; only what differs from the tracker's own."""
        return {**self.fixed, **self.found.best.parameters}

    @property
    def options(self) -> str:
        """The best parameters as ``--set NAME=VALUE`` options for a shell; empty where they are the tracker's own."""
        return " ".join(f"--set {shlex.quote(f'{name}={value}')}" for name, value in self.overrides.items())

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        found, best = self.found, self.found.best
        return {
            "lockon": __version__,
            "metric": found.objective.metric,
            "convention": found.objective.scoring().convention,
            "data": list(self.data),
            "sequences": len(found.default.scores),
            "trials": dict(Counter(trial.state for trial in found.trials)),
            "default": found.default.value,
            "best": {"trial": best.number, "value": best.value, "parameters": dict(best.parameters)},
            "fixed": as_json(self.fixed),
            "gain": found.gain,
            "folds": None if self.folds is None else {**as_json(self.folds), "gain": self.folds.gain},
            "importances": dict(self.importances),
            "options": self.options,
        }


def summarise(
    found: BestTrial, fixed: Mapping[str, Any], folds: CrossValidation | None, data: tuple[Mapping[str, Any], ...] = ()
) -> SearchSummary:
    """The summary with importances."""
    return SearchSummary(found, fixed, importances(found.space, found.trials), folds, data)


def write_summary(summary: SearchSummary, folder: Path, config: object | None) -> list[Path]:
    """Write summary.json, and best.json in the form that ``lockon export --tracker`` takes.

    Args:
        summary: of the search. folder: for the files.
        config: the tracker's own parameters with the fixed ones, to which the best are added; None where it has no config.

    Raises:
        LockonError: a file cannot be written.
    """
    best = _nested(summary.overrides) if config is None else as_json(apply_overrides(config, summary.overrides))
    paths = [folder / "best.json", folder / "summary.json"]
    for path, content in zip(paths, (best, summary.as_json()), strict=True):
        write_bytes(path, (json.dumps(content, indent=1) + "\n").encode())
    return paths


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{"a.b": 1} to {"a": {"b": 1}}."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, leaf = name.split(".")
        place = nested
        for group in groups:
            place = place.setdefault(group, {})
        place[leaf] = value
    return as_json(nested)  # type: ignore[no-any-return]  # a mapping stays one


__all__ = ["SearchSummary", "summarise", "write_summary"]
