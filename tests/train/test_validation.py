from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lockon.data.sequence import LazyList, VideoSequence
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.train.validation import overlap_metrics, track_batched
from lockon.types import Prediction, Template


class Drifting:
    """A model whose boxes depend on the template and the search crop alone."""

    template_size, search_size = 32, 64

    def encode(self, images):
        return Template((images.mean(axis=(1, 2, 3), keepdims=True, dtype=np.float32)[:, 0, 0],))

    def __call__(self, template, images):
        logits = np.tile(np.linspace(-1, 1, 16, dtype=np.float32), (len(images), 1))
        shift = images.mean(axis=(1, 2, 3), dtype=np.float32) / 50 + template.features[0][:, 0] / 100
        boxes = np.tile(np.array([22.0, 22, 42, 42], np.float32), (len(images), 16, 1)) + shift[:, None, None]
        return Prediction(logits, boxes)


def sequence(name: str, boxes, size=(120, 100)) -> VideoSequence:
    def read(path: Path):
        return np.random.default_rng(int(path.name)).integers(0, 200, (size[1], size[0], 3), dtype=np.uint8)

    return VideoSequence(name, "made", LazyList([Path(str(i)) for i in range(len(boxes))], read), np.asarray(boxes, dtype=np.float64))


def test_a_batch_equals_one_by_one() -> None:
    sequences = [sequence("a", [[30, 30, 20, 20]] * 5), sequence("b", [[60, 20, 30, 10]] * 9, (200, 80)), sequence("c", [[5, 5, 9, 9]])]
    tracker = NetworkTracker(Drifting(), TrackerConfig())
    together = track_batched(tracker, sequences)
    assert [boxes.shape for boxes in together] == [(5, 4), (9, 4), (1, 4)]
    for boxes, one in zip(together, sequences, strict=True):
        tracker.init(one.frames[0], one.boxes[0])
        alone = [one.boxes[0], *(tracker.track(one.frames[i]).box for i in range(1, len(one)))]
        np.testing.assert_allclose(boxes, np.stack(alone), atol=1e-4)
        assert boxes[0].tolist() == one.boxes[0].tolist()


def test_a_target_that_comes_later_is_tracked_from_there() -> None:
    late = sequence("late", [[np.nan] * 4, [np.nan] * 4, *[[30, 30, 20, 20]] * 4])
    (boxes,) = track_batched(NetworkTracker(Drifting(), TrackerConfig()), [late])
    assert np.isnan(boxes[:2]).all()
    assert boxes[2].tolist() == [30, 30, 20, 20]
    assert np.isfinite(boxes[3:]).all()
    whole = sequence("whole", late.boxes[2:])
    assert overlap_metrics([boxes], [late]) == overlap_metrics([boxes[2:]], [whole])


def test_metrics_by_hand() -> None:
    """Overlaps 1, 1/3 and unknown in the first sequence, 0.6 in the second; the first frame never counts."""
    truth = [[0, 0, 10, 10], [0, 0, 10, 10], [5, 0, 10, 10], [np.nan] * 4]
    found = [np.tile([0.0, 0, 10, 10], (4, 1)), np.array([[50.0, 50, 1, 1], [0, 0, 10, 6]])]
    metrics = overlap_metrics(found, [sequence("a", truth), sequence("b", [[0, 0, 10, 10]] * 2)])
    assert metrics["AO"] == pytest.approx(((1 + 1 / 3) / 2 + 0.6) / 2)
    assert metrics["SR50"] == pytest.approx((0.5 + 1) / 2)
    assert metrics["SR75"] == pytest.approx((0.5 + 0) / 2)
