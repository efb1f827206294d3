from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from candidates import ranked

from lockon.localizers.boxes import Best
from lockon.localizers.dense import DenseLocalizer, LocalizerConfig
from lockon.localizers.place import Argmax
from lockon.localizers.ranked import Placed, Ranked
from lockon.localizers.verdict import AlwaysNormal, Verdict
from lockon.ops.crop import Crop
from lockon.types import Prediction


@pytest.mark.parametrize("count", [1, 3])
def test_always_normal(count: int) -> None:
    given = ranked(np.ones((count, 4, 4)), np.zeros((count, 4)))
    assert AlwaysNormal()(given, Argmax()(given, Best())) == ("normal",) * count


def test_a_verdict_sees_the_candidates_and_the_choice() -> None:
    """One that trusts a target where its best score is above a half, whatever its rank."""

    class Doubting:
        def __call__(self, ranked: Ranked, placed: Placed) -> tuple[Verdict, ...]:
            scores = ranked.scores[np.arange(len(placed.best)), placed.best]
            assert placed.boxes.shape == (2, 4)
            return tuple("normal" if score > 0.5 else "not_found" for score in scores)

    part: Any = Doubting()
    logits = np.full((2, 9), -9.0)
    logits[0, 4], logits[1, 4] = 1.0, -1.0
    crops = Crop(np.full((2, 2), 50.0), np.full(2, 100.0), 100)
    last = np.tile([50.0, 50, 20, 20], (2, 1))
    localizer = DenseLocalizer(LocalizerConfig(verdict=part))
    prediction = Prediction(logits, np.tile([40.0, 40, 60, 60], (2, 9, 1)))
    assert localizer(prediction, crops, last).verdicts == ("normal", "not_found")
