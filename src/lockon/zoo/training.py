"""Training runs by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from lockon.errors import unknown_name
from lockon.train.recipe import Recipe, TrainSources
from lockon.zoo.recipe_settings import SETTINGS

RECIPES = {
    "lockon-s": "lockon_s_recipe",
    **dict.fromkeys(SETTINGS, "recipes"),
    **{f"compact-{head}": "compact_recipe" for head in ("ban", "rpn", "pw", "car")},
    "refine-s": "refine_s_recipe",
    **{f"alpha-refine-r{depth}": "alpha_refine_recipe" for depth in (18, 34, 50)},
}


def recipe(sources: TrainSources, overrides: Mapping[str, Any], name: str) -> Recipe:
    """Return the training run of a name on the given data.

    Raises:
        LockonError: a name that nothing trains; an unknown or ill-typed override, or missing data.
    """
    if name not in RECIPES:
        raise unknown_name("training recipe", name, RECIPES)
    made: Recipe = importlib.import_module(f"lockon.zoo.{RECIPES[name]}").recipe(sources, overrides, name)
    return made
