"""The refiner `iou-net` from the weights of trackers with a box network, and what it says of others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lockon
from colored_scenes import RED, scene
from lockon.errors import LockonError
from lockon.online.ascent import RelativeSpace
from lockon.refiners.iou_net import IoUNetRefiner, LogDensity, Overlap

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.config import as_json  # noqa: E402
from lockon.train.checkpoint import save_weights  # noqa: E402
from lockon.zoo import atom, compact_dimp, dimp  # noqa: E402
from lockon.zoo.networks import embedded_path  # noqa: E402

BOX = np.array([[60.0, 50, 20, 16], [30, 60, 24, 20]])


def _saved(folder: Path, name: str) -> Path:
    """Random weights of a network with small crops."""
    torch.manual_seed(0)
    networks: dict[str, Any] = {**atom.NETWORKS, **dimp.NETWORKS, "compact-dimp": compact_dimp.CompactDiMPConfig()}
    small = {"search_size": 96} if name == "compact-dimp" else {"search_size": 96, "depth": 18}
    config = type(networks[name])(**{**as_json(networks[name]), **small})
    module = {"atom": atom, "compact-dimp": compact_dimp}.get(name, dimp).build(config)  # type: ignore[attr-defined]
    path = folder / f"{name}.safetensors"
    save_weights(module.state_dict(), path, {"architecture": name, "config": {"model": as_json(config)}})
    return path


@pytest.mark.parametrize(
    ("name", "space", "confidence", "factor"),
    [("atom", None, Overlap, 5.0), ("compact-dimp", None, Overlap, 5.0), ("superdimp", RelativeSpace, LogDensity, 6.0)],
)
def test_weights_of_a_tracker_refine_as_its_own_tracker_does(
    name: str, space: type | None, confidence: type, factor: float, tmp_path: Path
) -> None:
    refiner = lockon.load_refiner("iou-net", _saved(tmp_path, name), **{"starts.count": 3})
    assert isinstance(refiner, IoUNetRefiner)
    assert refiner.network.search_size == 96
    assert isinstance(refiner.config.ascent.space, space or object)
    assert isinstance(refiner.config.confidence, confidence)
    assert (refiner.config.crop.factor, refiner.config.starts.count) == (factor, 3)
    frames = [scene((60, 50, 20, 16, RED)), scene((64, 52, 20, 16, RED))]
    refiner.init(frames[0], BOX)
    result = refiner.refine(frames[1], BOX + 1)
    assert result.box.shape == (2, 4)
    assert np.isfinite(result.box).all()
    assert (np.asarray(result.score) > 0).all()
    references = refiner.start(frames[0], BOX)
    for number in range(2):
        (alone,) = refiner.refine_batch(frames[1:], references[number : number + 1], BOX[number : number + 1] + 1)
        np.testing.assert_allclose(alone.box, result.box[number], atol=0.05)  # the rounding of a batch, over some steps


def test_behind_a_tracker(tmp_path: Path) -> None:
    refiner = lockon.load_refiner("iou-net", _saved(tmp_path, "dimp18"))
    results = list(lockon.track([scene((60 + step, 50, 20, 16, RED)) for step in range(3)], BOX[0], "lockon-s", refiner=refiner))
    assert len(results) == 3
    assert all(np.isfinite(result.box).all() for result in results)


def test_weights_without_a_box_network_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LockonError, match="iou-net needs the weights of a tracker with a box network"):
        lockon.load_refiner("iou-net")
    path = tmp_path / "other.safetensors"
    save_weights({"a": torch.zeros(1)}, path, {"architecture": "siamban-r50"})
    with pytest.raises(LockonError, match="holds weights of 'siamban-r50', which has no box network"):
        lockon.load_refiner("iou-net", path)
    with pytest.raises(LockonError, match="holds weights of 'lockon-s', which has no box network"):
        lockon.load_refiner("iou-net", embedded_path("lockon-s"))
    with pytest.raises(LockonError, match="use device='cpu'"):
        lockon.load_refiner("iou-net", _saved(tmp_path, "atom"), device="cuda:99")
