"""RTrack: sets of points on a one-stream vision transformer, learnt from several candidates per target, for short training.

Zeng et al., RTrack: Accelerating Convergence for Visual Object Tracking via Pseudo-Boxes Exploration. There is no code
of the authors: what the paper leaves open is a setting, see docs/guides/rtrack.md. The network is OSTrack's but for the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from lockon.config import apply_overrides
from lockon.models.choices import CandidateElimination
from lockon.zoo.card import Card
from lockon.zoo.ostrack import OSTrackConfig, PointBoxes, build, tracker_config

if TYPE_CHECKING:
    from lockon.zoo.recipe_config import RecipeConfig

PAPER = "Zeng et al., RTrack: Accelerating Convergence for Visual Object Tracking via Pseudo-Boxes Exploration"


@dataclass(frozen=True, kw_only=True, slots=True)
class RTrackConfig(OSTrackConfig):
    """The network; the defaults are ViT-B with sparse tokens in tracking.

    In training `RecipeConfig.keep` decides which tokens stay. In tracking `elimination` does: with `elimination.keep` 1 all of them, with
    the same weights.
    """

    elimination: CandidateElimination | None = CandidateElimination()
    head: PointBoxes = PointBoxes()  # type: ignore[assignment]  # the other heads have cards of their own


class Epochs(NamedTuple):
    """Epochs of the published runs: with all data, and on GOT-10k alone."""

    all: int
    got10k: int


def experiments(model: RTrackConfig, epochs: Epochs) -> dict[str, RecipeConfig]:
    """Return the run with all data, and that for GOT-10k's one-shot protocol.

    AdamW at 0.00015, a tenth of it for all that MAE trained before, and a tenth of both in the last fifth of the epochs; 64 pairs. The
    paper says nothing of the slower encoder, of the clipping of gradients and of the crops: these are OSTrack's.
    """
    from lockon.train.keep_schedules import AlternateKeep
    from lockon.zoo.one_stream_training import one_stream_experiments
    from lockon.zoo.track_points_losses import TRACK_POINTS

    def shortened(run: RecipeConfig, count: int) -> RecipeConfig:
        changes = {"batch_size": 64, "gradients.accumulate": 1, "optimizer.learning_rate": 1.5e-4, "epochs": count}
        train = apply_overrides(run.train, {**changes, "schedule.decay_epochs": count * 4 // 5})
        return replace(run, train=train, data=replace(run.data, clip=True))

    runs = one_stream_experiments(model, TRACK_POINTS, AlternateKeep(), AlternateKeep())
    return {"default": shortened(runs["default"], epochs.all), "got10k": shortened(runs["got10k"], epochs.got10k)}


# Nothing but the highest score decides where the target is, for an ablation: the paper does not say whether it has a window.
NO_WINDOW = {"localizer.rank": "blend", "localizer.rank.window_influence": 0.0, "localizer.rank.penalty_k": 0.0}
PRESETS: Mapping[str, Mapping[str, Any]] = {"default": {}, "no-window": NO_WINDOW}


def _card(model: RTrackConfig, epochs: Epochs, search_factor: float) -> Card:
    """Return the card of one of the two trackers of the paper."""
    return Card(
        name=f"rtrack{model.search_size}",
        summary=f"RTrack: sets of points on ViT-B over template and search crop at once, {model.search_size} pixels",
        paper=PAPER,
        model=model,
        build=build,
        config=tracker_config(search_factor),
        presets=PRESETS,
        experiments=partial(experiments, model, epochs),
    )


CARDS = (
    _card(RTrackConfig(), Epochs(100, 35), 4.0),
    _card(RTrackConfig(template_size=192, search_size=384), Epochs(300, 60), 5.0),
)
