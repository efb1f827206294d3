"""Training runs of DuML's networks."""

from __future__ import annotations

from lockon.zoo.recipe_config import RecipeConfig


def duml_experiments(model) -> dict[str, RecipeConfig]:
    """WIP."""
    raise NotImplementedError


def compact_duml_experiments() -> dict[str, RecipeConfig]:
    """WIP."""
    raise NotImplementedError
