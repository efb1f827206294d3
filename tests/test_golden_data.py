"""The rebuilt inputs of the reference values are the very ones that the official trackers saw."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest

import golden_data
from golden.procedural import fill


def test_the_video() -> None:
    frames = golden_data.frames()
    assert (len(frames), frames[0].shape, frames[0].dtype) == (21, (360, 480, 3), np.uint8)
    digest = hashlib.sha256(b"".join(frame.tobytes() for frame in frames)).hexdigest()
    assert digest == "1431a9776f338aaf105083ce2460a90d5b610af3b6d3d7d0319ac99abf3f806d"
    assert golden_data.boxes()[0].tolist() == [134, 120, 72, 60]


@pytest.mark.parametrize(("name", "pair"), [*itertools.product(golden_data.NAMES, golden_data.PAIRS)])
def test_crops_of_the_pairs(name: str, pair: str) -> None:
    template, search = golden_data.crop_pair(name, pair)
    side = 287 if name == "siamrpn_alex" else 255
    assert (template.shape, search.shape, template.dtype) == ((127, 127, 3), (side, side, 3), np.uint8)
    assert golden_data.forward(name)[f"{pair}.cls"].shape[0] == 1


def test_weights_follow_their_names() -> None:
    """The first values as the official run had them; the kinds of entries are told apart by name and shape."""
    assert fill("conv1.weight", (4, 3, 3, 3), "salt").mean(axis=(1, 2, 3)) == pytest.approx(np.zeros(4), abs=1e-7)
    assert fill("bn1.weight", (1000,)).mean() == pytest.approx(1, abs=0.02)
    assert fill("bn1.running_var", (1000,)).min() >= 1
    assert fill("bn1.bias", (1000,), gain=2, offset=3).mean() == pytest.approx(3, abs=0.03)
    assert fill("bn1.num_batches_tracked", ()).dtype == np.int64
    state = golden_data.official_state("siamrpn_alex")
    digest = hashlib.sha256(b"".join(value.tobytes() for value in state.values())).hexdigest()
    assert digest == "9614b2ffd1362126dcc72c690039368295fb7a53247ff3ae08be5c6abd40c711"


@pytest.mark.parametrize(("name", "run"), [*itertools.product(golden_data.NAMES, golden_data.RUNS)])
def test_tracks(name: str, run: str) -> None:
    track = golden_data.track(name, run)
    assert track.boxes.shape == track.crop_args.shape == (21, 4)
    assert track.boxes[0].tolist() == golden_data.boxes()[0].tolist()
    assert 13 <= track.strict_through <= 20
    assert track.crop_args[1, 2] == track.settings["INSTANCE_SIZE"]
    template, search = golden_data.track_crops(name)
    assert (template.shape[0], search.shape[0]) == (127, golden_data.track(name, "default").settings["INSTANCE_SIZE"])
    if run == "default":
        assert search.mean() == pytest.approx(track.crop_mean[1], abs=1e-6)
