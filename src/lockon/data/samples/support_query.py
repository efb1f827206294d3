"""Support and query frames for networks that match a template and learn a filter (Zhou et al., DuML, 2021, Sec. 4).

A support frame gives two crops: a template, and a search crop to learn the filter on. A query frame gives a search crop to find the target
in. There are no negative samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from lockon._config_values import check_range
from lockon.data.samples.frames import TEST, TRAIN, SupportQuery, WithTemplates
from lockon.data.samples.pipeline import Draft, RoleArrays, SampleStep
from lockon.data.samples.score_labels import AnchorLabel, GaussianLabel
from lockon.data.samples.views import SEARCH, TEMPLATE

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceFrames:
    """Samples of several frames in place of pairs.

    They have `template` (N, h, w, 3), `train` (N, H, W, 3) of the same frames, `train_box` (N, 4) counted from the corner of the crop,
    `test` (T, H, W, 3), `test_box` (T, 4) counted as those of pairs, and where there is a label, `label` (T, S, S) or (T, A, S, S).

    Attributes:
        support: N, frames to learn from.
        query: T, frames to find the target in.
        label: What a filter that is learnt on the support frames should give in the query frames; None where none is learnt.

    Raises:
        LockonError: No frame.
    """

    support: int = 3
    query: int = 2
    label: GaussianLabel | AnchorLabel | None = field(default_factory=lambda: GaussianLabel(sigma=2.0, odd=True, stride=8.0, first=31.5))

    def __post_init__(self) -> None:
        for name in ("support", "query"):
            check_range(name, getattr(self, name), 1, 100)

    def rule(self, gap: int) -> WithTemplates:
        """Return which frames of a track make a sample: all at most `gap` from the first support frame."""
        return WithTemplates(SupportQuery(self.support, self.query, max(gap, 1)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what samples teach beside boxes."""
        return ("label",) if self.label is not None else ()

    @property
    def arrays(self) -> tuple[RoleArrays, ...]:
        """What a sample has of each role."""
        boxes = {TEMPLATE: "", TRAIN: f"{TRAIN}_box", TEST: f"{TEST}_box"}
        return tuple(RoleArrays(role, box=box, stacked=True) for role, box in boxes.items())

    @property
    def last_steps(self) -> tuple[SampleStep, ...]:
        """The steps that finish samples whose crops are made."""
        return (partial(_teach, label=self.label),)


def by_role(template: T, search: T) -> Mapping[str, T]:
    """Return what all roles have, of pairs and of sequences: what templates have, and what search crops have."""
    return {TEMPLATE: template, SEARCH: search, TRAIN: search, TEST: search}


def _teach(rng: Generator, draft: Draft, *, label: GaussianLabel | AnchorLabel | None) -> Draft:
    """Count the boxes of train crops from the corner, and add the labels of the test crops."""
    train = tuple(replace(crop, box=crop.box + 0.5 * crop.indices, indices=False) for crop in draft.crops[TRAIN])
    draft = replace(draft, crops={**draft.crops, TRAIN: train})
    if label is None:
        return draft
    boxes = np.stack([crop.box + 0.5 * crop.indices for crop in draft.crops[TEST]])  # (T, 4)
    maps = label(boxes, draft.crops[TEST][0].pixels.shape[1]).astype(np.float32)
    return replace(draft, more={**draft.more, "label": maps})


__all__ = ["SequenceFrames", "by_role"]
