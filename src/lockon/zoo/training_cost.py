"""Operations of a training run, update by update: which backbone stages learn and which tokens stay changes while it goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from lockon.config import apply_overrides, flatten
from lockon.errors import LockonError
from lockon.zoo.network_cost import PairCost, count_pair
from lockon.zoo.recipe_config import RecipeConfig, base_config
from lockon.zoo.registry import network_card

GROUPS = ("train", "model", "keep")  # what decides the operations


class TrainingCost:
    """Operations of a run's updates.

    Args:
        name: Of the network.
        settings: Of the run, as its state.json has them.

    Raises:
        LockonError: An unknown name, or settings of another version.
    """

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        self.name, self.config = name, _config(name, settings)
        self.pairs = self.config.train.batch_size * self.config.train.gradients.accumulate * int(settings.get("processes", 1))
        self.model = flatten(settings.get("model", {}))
        self._known: dict[tuple[float | None, int | None], PairCost] = {}

    def pair(self, keep: float | None = None, stages: int | None = None) -> PairCost:
        """Return what one pair costs, for a share of tokens that stays and a number of stages that learn; counted once."""
        if (keep, stages) not in self._known:
            self._known[keep, stages] = count_pair(self.name, keep=keep, stages=stages, **self.model)
        return self._known[keep, stages]

    def forward(self) -> int:
        """Return the operations of the output for one pair, with all tokens."""
        return self.pair(None if self.config.keep is None else 1.0).forward

    def until(self, step: int) -> int:
        """Return the operations of the first `step` updates; shares of tokens are rounded to hundredths."""
        train, keep = self.config.train.resolved(), self.config.keep
        share = None if keep is None else partial(keep.ratio, steps=train.steps, epochs=train.epochs)
        kinds = Counter(
            (None if share is None else round(share(update), 2), train.stages_at(update) if train.unfreeze else None)
            for update in range(step)
        )
        return sum(count * self.pairs * self.pair(*kind).training for kind, count in kinds.items())


def _config(name: str, settings: Mapping[str, Any]) -> RecipeConfig:
    """Return the run's settings as far as operations depend on them."""
    one = network_card(name)
    if one.experiments is None:
        raise LockonError(f"{name} has no training run; give a run of a network that `lockon train` trains")
    base = base_config(one, {"experiment": settings.get("experiment", "default")})
    chosen = {group: settings[group] for group in GROUPS if group in settings}
    return apply_overrides(base, flatten(chosen))


__all__ = ["TrainingCost"]
