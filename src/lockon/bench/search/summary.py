"""What a search ends with: what is left of its gain on other sequences, the best parameters as files and options, metrics for programs.

The best of many trials is partly the luckiest. So the sequences are dealt into K folds; for each, the trial that is best on the others
is chosen and evaluated on the fold. Nothing is run again. (G. C. Cawley and N. L. C. Talbot, On Over-fitting in Model Selection and
Subsequent Selection Bias in Performance Evaluation, JMLR 2010; importances: PED-ANOVA, S. Watanabe et al., IJCAI 2023.)
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockon import __version__
from lockon._files import write_bytes
from lockon._require import require
from lockon.bench.report.model import SequenceScore
from lockon.bench.search.objective import Objective
from lockon.bench.search.study import frozen_trial, quiet
from lockon.bench.search.trials import SearchResult, Trial
from lockon.config import apply_overrides, as_json
from lockon.errors import LockonError

ENOUGH = 10  # complete trials before importances mean anything


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold of a cross-validation.

    Attributes:
        sequences: Names of the sequences in it.
        chosen: Number of the trial that is best on the others.
        seen_gain: How much higher that trial's metric is than trial 0's on the others, where it was chosen.
        gain: How much higher it is on the fold.
    """

    sequences: tuple[str, ...]
    chosen: int
    seen_gain: float
    gain: float


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """All folds of a cross-validation.

    Attributes:
        folds: In the order in which they were dealt.
        default: The metric of trial 0 on all sequences.
        value: The metric over all sequences, each with the trial that was chosen without its fold.
    """

    folds: tuple[Fold, ...]
    default: float
    value: float

    @property
    def gain(self) -> float:
        """What is to be expected of the search on other sequences of this kind; about 0, or below, where it found nothing."""
        return self.value - self.default


def cross_validate(result: SearchResult, folds: int) -> CrossValidation:
    """Deal the sequences into folds, and choose for each on the others.

    Sequences are dealt in the order of the trials' scores, which the seed has shuffled. Only complete trials can be chosen; of equal
    ones the first.

    Args:
        result: A finished search.
        folds: Number of folds.

    Raises:
        LockonError: There are fewer than two folds, or more than sequences.
    """
    names, count = list(result.default.scores), len(result.default.scores)
    if not 2 <= folds <= count:
        raise LockonError(f"--folds {folds} with {count} sequences; expected 2 to {count}")
    objective, rows = result.objective, []
    held_out: dict[str, SequenceScore] = {}
    for fold in range(folds):
        inside = names[fold::folds]
        outside = [name for name in names if name not in inside]
        best = max(result.complete, key=lambda trial: _value(objective, trial, outside))
        held_out |= {name: best.scores[name] for name in inside}
        gains = [_value(objective, best, part) - _value(objective, result.default, part) for part in (outside, inside)]
        rows.append(Fold(tuple(inside), best.number, *gains))
    value = objective.value([held_out[name] for name in names])
    return CrossValidation(tuple(rows), result.default.value, value)


def _value(objective: Objective, trial: Trial, names: Sequence[str]) -> float:
    return objective.value([trial.scores[name] for name in names])


def importances(result: SearchResult) -> dict[str, float]:
    """Compute how much each parameter decides whether a trial is among the best (PED-ANOVA).

    Returns:
        Parts of 1 by name, the largest first; empty with fewer than `ENOUGH` complete trials, or fewer than two parameters.

    Raises:
        LockonError: Optuna is not installed.
    """
    optuna = require("optuna")
    complete = [trial for trial in result.complete if trial.number]
    if len(complete) < ENOUGH or len(result.space) < 2 or len({trial.value for trial in complete}) < 2:
        return {}
    with quiet():
        study = optuna.create_study(direction="maximize")
        for trial in complete:
            study.add_trial(frozen_trial(result.space, trial, ()))
        parts: dict[str, float] = optuna.importance.get_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())
    return {name: float(value) for name, value in parts.items()}


@dataclass(frozen=True, slots=True)
class SearchSummary:
    """A finished search, for reports.

    Attributes:
        result: All trials.
        fixed: Parameters that were the same in all of them.
        importances: Part of each parameter, empty where there are too few trials.
        folds: Cross-validation, if it was asked for.
        data: What is known of the data, as JSON values.
    """

    result: SearchResult
    fixed: Mapping[str, Any] = field(default_factory=dict)
    importances: Mapping[str, float] = field(default_factory=dict)
    folds: CrossValidation | None = None
    data: tuple[Mapping[str, Any], ...] = ()

    @property
    def overrides(self) -> dict[str, Any]:
        """The best parameters as overrides of `lockon.load`; only what differs from the tracker's own."""
        return {**self.fixed, **self.result.best.parameters}

    @property
    def options(self) -> str:
        """The best parameters as ``--set NAME=VALUE`` options for a shell; empty where they are the tracker's own."""
        return " ".join(f"--set {shlex.quote(f'{name}={value}')}" for name, value in self.overrides.items())

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        result, best = self.result, self.result.best
        return {
            "lockon": __version__,
            "metric": result.objective.metric,
            "convention": result.objective.scoring().convention,
            "data": list(self.data),
            "sequences": len(result.default.scores),
            "trials": dict(Counter(trial.state for trial in result.trials)),
            "default": result.default.value,
            "best": {"trial": best.number, "value": best.value, "parameters": dict(best.parameters)},
            "fixed": as_json(self.fixed),
            "gain": result.gain,
            "folds": None if self.folds is None else {**as_json(self.folds), "gain": self.folds.gain},
            "importances": dict(self.importances),
            "options": self.options,
        }

    def write(self, folder: Path, config: object | None) -> list[Path]:
        """Write summary.json, and best.json in the form that ``lockon export --tracker`` takes.

        Args:
            folder: For the files.
            config: The tracker's own parameters with the fixed ones, to which the best are added; None where it has no config.

        Raises:
            LockonError: A file cannot be written.
        """
        best = _nested(self.overrides) if config is None else as_json(apply_overrides(config, self.overrides))
        paths = [folder / "best.json", folder / "summary.json"]
        for path, content in zip(paths, (best, self.as_json()), strict=True):
            write_bytes(path, (json.dumps(content, indent=1) + "\n").encode())
        return paths


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return {"a.b": 1} as {"a": {"b": 1}}."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, leaf = name.split(".")
        place = nested
        for group in groups:
            place = place.setdefault(group, {})
        place[leaf] = value
    return as_json(nested)  # type: ignore[no-any-return]  # a mapping stays one


__all__ = ["CrossValidation", "Fold", "SearchSummary", "cross_validate", "importances"]
