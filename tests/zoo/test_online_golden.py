"""Official features, first filters, box scores and ascents of DiMP, SuperDiMP and ATOM with made-up weights."""

from __future__ import annotations

import numpy as np
import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

import golden_online  # noqa: E402
from golden_online import corners, difference, network, stored  # noqa: E402
from lockon.export.torch_online import TorchOnline  # noqa: E402
from lockon.online.ascent import BackAfterFall, BoxAscent, RelativeSpace  # noqa: E402

SLOW = pytest.mark.slow  # a ResNet-50 at full size: seconds
NETWORKS = ["dimp18", "atom", pytest.param("dimp50", marks=SLOW), pytest.param("super_dimp", marks=SLOW)]
DIMPS = ["dimp18", pytest.param("dimp50", marks=SLOW), pytest.param("super_dimp", marks=SLOW)]
ASCENTS = {
    "default": BoxAscent(),
    "relative": BoxAscent(steps=10, length=(2.5e-3, 2.5e-3), space=RelativeSpace()),
    "default_decay": BoxAscent(steps=6, length=(2.0, 2.0), decay=BackAfterFall(factor=0.5)),
}


@pytest.mark.parametrize("golden", NETWORKS)
def test_features_equal_the_official_ones(golden: str) -> None:
    model = network(golden)
    pictures = ("photo", "test", "smooth") if golden != "atom" else ("photo", "test")
    images = torch.from_numpy(np.stack([golden_online.crop(golden, which) for which in pictures])).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        taps = model.taps(images)
        features = model.iou.features(taps[:2])
    values = {
        "layer2": taps.low,
        "layer3": taps.high,
        "normalized" if golden == "atom" else "clf_feat": taps.classification,
        "iou_feat0": features[0],
        "iou_feat1": features[1],
    }
    found = {
        f"{which}.{key}": difference(golden, f"{which}.{key}", value[number : number + 1])
        for number, which in enumerate(pictures)
        for key, value in values.items()
    }
    assert max(found.values()) <= golden_data.FEATURE_LIMIT, found


@pytest.mark.parametrize("golden", NETWORKS)
def test_modulation_scores_gradients_and_ascents_equal_the_official_ones(golden: str) -> None:
    model, values = TorchOnline(network(golden)), stored(golden)
    modulation = model.modulation(golden_online.crop(golden, "photo")[None], corners(values["photo.box"])[None])
    features = model.box_features(golden_online.crop(golden, "test")[None])
    proposals = values["proposals"]
    scores, slopes = model.overlap(features, modulation, corners(proposals)[None])
    by_xywh = np.concatenate([slopes[0, :, :2] + slopes[0, :, 2:], slopes[0, :, 2:]], axis=-1)
    found = {f"modulation{level}": difference(golden, f"modulation{level}", vector[0]) for level, vector in enumerate(modulation)}
    found |= {"iou": difference(golden, "iou", scores[0]), "iou_box_gradient": difference(golden, "iou_box_gradient", by_xywh)}
    assert max(found.values()) <= golden_data.FEATURE_LIMIT, found
    kinds = [kind for kind in ASCENTS if f"ascent.{kind}.boxes" in values]
    assert len(kinds) == (3 if golden == "atom" else 2)
    for kind in kinds:
        result = ASCENTS[kind](lambda boxes: model.overlap(features, modulation, boxes), proposals[None])
        trail = np.concatenate([result.trail[:, 0], result.boxes])
        assert np.abs(trail - values[f"ascent.{kind}.boxes"]).max() <= golden_data.BOX_LIMIT, kind
        np.testing.assert_allclose(result.trail_scores[:, 0], values[f"ascent.{kind}.iou"], atol=1e-3)


@pytest.mark.parametrize("golden", DIMPS)
def test_first_filters_equal_the_official_ones(golden: str) -> None:
    model, values = TorchOnline(network(golden)), stored(golden)
    features = [model.features(image[None]).classification for image in golden_online.train_crops(golden, 15)]
    found = {f"train.clf_feat{number}": difference(golden, f"train.clf_feat{number}", one[0]) for number, one in enumerate(features)}
    filters = model.initial(torch.cat(features), corners(values["train.boxes"]))  # (15, C, 4, 4)
    found["all15"] = difference(golden, "initial.all15", filters.mean(0))
    found["first3"] = difference(golden, "initial.first3", filters[:3].mean(0).flatten()[::8])
    found["one"] = difference(golden, "initial.one", filters[0].flatten()[::8])
    assert max(found.values()) <= golden_data.FEATURE_LIMIT, found


@pytest.mark.parametrize(
    ("golden", "ours"), [("dimp18", 19_645_911), ("dimp50", 43_097_303), ("super_dimp", 43_097_303), ("atom", 17_285_033)]
)
def test_networks_have_the_official_number_of_parameters(golden: str, ours: int) -> None:
    """The official count includes the end of the ImageNet classifier, which is not built here."""
    unused = sum(
        int(np.prod(entry["shape"], dtype=np.int64))
        for entry in golden_data.manifest(golden)["entries"]
        if entry["name"].startswith(("feature_extractor.layer4.", "feature_extractor.fc."))
        and not entry["name"].endswith(("running_mean", "running_var", "num_batches_tracked"))
    )
    with torch.device("meta"):
        model = golden_online.build(golden)
    assert sum(parameter.numel() for parameter in model.parameters()) + unused == ours
