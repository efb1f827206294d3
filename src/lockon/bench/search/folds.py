"""What is left of a search's gain on sequences that it did not choose on: cross-validation over the sequences of stored trials.

The best of many trials is partly the luckiest. So the sequences are dealt into K folds; for each, the trial that is best on the others
is chosen and looked at on the fold. Nothing is run again. (G. C. Cawley and N. L. C. Talbot, On Over-fitting in Model Selection and
Subsequent Selection Bias in Performance Evaluation, JMLR 2010.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lockon.bench.report.model import SequenceScore
from lockon.bench.search.engine import BestTrial
from lockon.bench.search.objective import Objective
from lockon.bench.search.trials import Trial
from lockon.errors import LockonError


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold.

    Attributes:
        sequences: its names. chosen: number of the trial that is best on the others.
        seen_gain: what that trial has more than trial 0 on the others, where it was chosen. gain: what it has more on the fold.
    """

    sequences: tuple[str, ...]
    chosen: int
    seen_gain: float
    gain: float


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """All folds.

    Attributes:
        folds: in the order in which they were dealt. default: the figure of trial 0 on all sequences.
        value: the figure over all sequences, each with the trial that was chosen without its fold.
    """

    folds: tuple[Fold, ...]
    default: float
    value: float

    @property
    def gain(self) -> float:
        """What is to be expected of the search on other sequences of this kind; about 0, or below, where it found nothing."""
        return self.value - self.default


def cross_validate(found: BestTrial, folds: int) -> CrossValidation:
    """Deal the sequences into folds, in the order of the trials' logs, which the seed has shuffled.

    Only complete trials can be chosen; of equal ones the first.

    Raises:
        LockonError: fewer than two folds, or more than sequences.
    """
    names, count = list(found.default.scores), len(found.default.scores)
    if not 2 <= folds <= count:
        raise LockonError(f"--folds {folds} with {count} sequences; expected 2 to {count}")
    complete = [trial for trial in found.trials if trial.state == "complete"]
    objective, rows = found.objective, []
    held_out: dict[str, SequenceScore] = {}
    for fold in range(folds):
        inside = names[fold::folds]
        outside = [name for name in names if name not in inside]
        best = max(complete, key=lambda trial: _value(objective, trial, outside))
        held_out |= {name: best.scores[name] for name in inside}
        gains = [_value(objective, best, part) - _value(objective, found.default, part) for part in (outside, inside)]
        rows.append(Fold(tuple(inside), best.number, *gains))
    value = objective.value([held_out[name] for name in names])
    return CrossValidation(tuple(rows), found.default.value, value)


def _value(objective: Objective, trial: Trial, names: Sequence[str]) -> float:
    return objective.value([trial.scores[name] for name in names])


__all__ = ["CrossValidation", "Fold", "cross_validate"]
