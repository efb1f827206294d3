"""OSTrack's official features, heads, kept tokens and tracks with made-up weights."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

import golden_data
import golden_ostrack

torch = pytest.importorskip("torch", reason="needs the torch extra")

from golden_networks import official_tensors  # noqa: E402
from lockon.config import apply_overrides  # noqa: E402
from lockon.export.torch_model import TorchModel  # noqa: E402
from lockon.models.one_stream import OneStreamModel  # noqa: E402
from lockon.tracker import NetworkTracker  # noqa: E402
from lockon.zoo.convert import from_official  # noqa: E402
from lockon.zoo.loading import inference_config  # noqa: E402
from lockon.zoo.networks import build  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402
from remembering_model import RememberingModel  # noqa: E402

pytestmark = pytest.mark.slow  # ViT-B: a second per forward pass


@lru_cache(maxsize=1)
def _network(golden: str) -> OneStreamModel:
    name = golden_ostrack.NAMES[golden]
    module: OneStreamModel = build(name)
    module.load_state_dict(from_official(name, official_tensors(golden)))
    return module.eval()


@pytest.mark.parametrize("pair", golden_data.PAIRS)
@pytest.mark.parametrize("golden", golden_ostrack.NAMES)
def test_features_heads_and_kept_tokens_equal_the_official_ones(golden: str, pair: str) -> None:
    model = _network(golden)
    z, x = (torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() for crop in golden_data.joint_pair(pair))
    blocks: dict[int, torch.Tensor] = {}
    with torch.no_grad():
        template = model.encode(z).features[0]
        seen = _listen(model, blocks)
        joint = model.encoder.joint_tokens(template, model.backbone(x))
        seen()
        features = model.encoder(template, model.backbone(x))
        score, offset, size = model.head.maps(features)
    whole = torch.cat([joint.template, features.flatten(2).transpose(1, 2)], dim=1)
    values = {
        "block3": blocks[3],
        "block11": blocks[11],
        "backbone_feat": whole,
        "score_map": score.sigmoid(),
        "offset_map": offset,
        "size_map": size,
    }
    found = {key: golden_data.relative_difference(golden, f"{pair}.{key}", value.numpy()) for key, value in values.items()}
    assert max(found.values()) <= golden_data.FEATURE_LIMIT, found
    stored = golden_data.forward(golden)
    gone = [set(stored[f"{pair}.removed{i}"][0].tolist()) for i in range(3) if f"{pair}.removed{i}" in stored]
    assert [len(each) for each in gone] == ([76, 54, 37] if golden.endswith("_ce") else [])
    for number in range(len(gone) + 1):
        kept = joint.kept if number == len(gone) else _kept(model, template, x, number)
        assert set(kept[0].tolist()) == set(range(256)) - set().union(*gone[:number]), f"after {number} eliminations"


def _kept(model: OneStreamModel, template: torch.Tensor, search: torch.Tensor, eliminations: int) -> torch.Tensor:
    """Return the (1, K) numbers of the tokens that are left after the first few eliminations."""
    whole = model.encoder.elimination
    model.encoder.elimination = replace(whole, blocks=whole.blocks[:eliminations])
    with torch.no_grad():
        joint = model.encoder.joint_tokens(template, model.backbone(search))
    model.encoder.elimination = whole
    return joint.kept


def _listen(model: OneStreamModel, blocks: dict[int, torch.Tensor]):
    """Keep what blocks 3 and 11 give; return what ends it."""
    originals = {}
    for number in (3, 11):
        block = model.encoder.blocks[number]
        originals[number] = block.transform

        def transform(tokens, number=number, original=block.transform):
            blocks[number] = original(tokens)
            return blocks[number]

        block.transform = transform

    def end() -> None:
        for number in originals:
            del model.encoder.blocks[number].transform

    return end


@lru_cache(maxsize=1)
def _tracker(golden: str, run: str) -> NetworkTracker:
    one = card(golden_ostrack.NAMES[golden])
    template, search = golden_ostrack.run(golden, run).factors
    factors = {"template_crop.factor": template, "search_crop.factor": search}
    config = apply_overrides(inference_config(one, "official"), factors)
    return NetworkTracker(RememberingModel(TorchModel(_network(golden))), config)


@pytest.mark.parametrize(("golden", "run"), golden_ostrack.RUNS)
def test_a_whole_run_and_its_single_steps(golden: str, run: str) -> None:
    """The whole run goes up to where a rounding in the crop could fall either way; a step begins at the official box before."""
    tracker, official, frames = _tracker(golden, run), golden_ostrack.run(golden, run), golden_data.frames()
    tracker.init(frames[0], official.boxes[0])
    for number in range(1, official.strict_through + 1):
        result = tracker.track(frames[number])
        np.testing.assert_allclose(result.box, official.boxes[number], atol=golden_data.BOX_LIMIT, rtol=0, err_msg=f"frame {number}")
        assert float(result.score) == pytest.approx(official.scores[number], abs=golden_data.SCORE_LIMIT)
    (start,) = tracker.start(frames[0], official.boxes[0])
    for first in range(1, len(frames), 5):
        numbers = range(first, min(first + 5, len(frames)))
        before = [np.concatenate([box[:2] + box[2:] / 2, box[2:]]) for box in official.boxes[numbers.start - 1 : numbers.stop - 1]]
        after = tracker.step([frames[number] for number in numbers], [replace(start, box=box) for box in before])
        boxes = [np.concatenate([target.box[:2] - target.box[2:] / 2, target.box[2:]]) for target in after]
        np.testing.assert_allclose(boxes, official.boxes[numbers], atol=golden_data.BOX_LIMIT, rtol=0)
        np.testing.assert_allclose([target.score for target in after], official.scores[numbers], atol=golden_data.SCORE_LIMIT)
