"""Presets of the trackers that descend from PySOT."""

from __future__ import annotations

import pytest

from lockon.config import apply_overrides
from lockon.localizers.boxes import Best, MeanRanked
from lockon.localizers.place import Argmax, CoarseToFine
from lockon.localizers.score import SigmoidScore, StretchedScore
from lockon.ops.borders import MeanColor
from lockon.ops.crop_rules import ContextRule, PysotRule
from lockon.start_rules import ClippedStart, UnclippedStart
from lockon.zoo.loading import inference_config
from lockon.zoo.registry import TRACKERS, card

SIAMCAR = ("siamcar-r50", "siamla-r50")
FAMILY = [name for name in TRACKERS if card(name).search_by_size and not name.startswith("duml")]
EVERY = [(name, preset) for name in FAMILY for preset in card(name).presets]


def test_the_family() -> None:
    assert len(FAMILY) == 10
    assert list(card("siamban-r50").presets) == ["default", "official", "otb100", "vot2018", "vot2019"]


# penalty_k, window_influence, lr of the official configuration files
@pytest.mark.parametrize(
    ("name", "preset", "numbers"),
    [
        ("siamrpn-alexnet", "official", (0.16, 0.40, 0.30)),
        ("siamrpnpp-r50", "official", (0.05, 0.42, 0.38)),
        ("siamrpnpp-r50", "vot2018", (0.05, 0.42, 0.38)),
        ("siamrpnpp-r50", "otb100", (0.24, 0.5, 0.25)),
        ("siamban-r50", "official", (0.08513642556896711, 0.4632532824922313, 0.44418184746462425)),
        ("siamban-r50", "vot2019", (0.0012159181005195463, 0.334450048565355, 0.46386814967815493)),
        ("siamrpnpp-r50-rbo", "nfs30", (0.0267, 0.0428, 0.8365)),
        ("siampw-r50-rbo", "official", (0.002, 0.441, 0.487)),
        ("siampw-r50-rbo", "got10k", (0.04, 0.1, 0.94)),
        ("siammask-r50", "official", (0.10, 0.41, 0.32)),
        ("siamrpnpp-r50", "default", (0.04, 0.44, 0.4)),
        ("siamban-r50", "default", (0.14, 0.45, 0.30)),
        ("siamcar-r50", "default", (0.04, 0.44, 0.33)),
        ("siamcar-r50", "official", (0.04, 0.44, 0.33)),
        ("siamcar-r50", "otb100", (0.2, 0.45, 0.35)),
        ("siamcar-r50", "got10k", (0.06, 0.1, 0.7)),
        ("siamcar-r50", "uav123", (0.2, 0.3, 0.4)),
        ("siamcar-r50", "lasot", (0.04, 0.3, 0.33)),
        ("siamla-r50", "default", (0.04, 0.44, 0.33)),
        ("siamla-r50", "siamcar", (0.04, 0.44, 0.33)),
    ],
)
def test_numbers(name: str, preset: str, numbers: tuple[float, float, float]) -> None:
    found = inference_config(card(name), preset).localizer
    assert (found.rank.penalty_k, found.rank.window_influence, found.size_lr) == numbers


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_what_all_presets_share(name: str, preset: str) -> None:
    config = inference_config(card(name), preset, size_ratio=287 / 127)
    rule = ContextRule if preset == "default" else PysotRule
    assert config.template_crop == rule(factor=1.0, context=0.5, pixel_centers=True, border=MeanColor())
    assert config.search_crop == rule(factor=287 / 127, context=0.5, pixel_centers=True, border=MeanColor())
    assert config.localizer.rank.zero_border
    assert config.localizer.anchors == (5 if "rpn" in name or "mask" in name else 1)
    assert (config.states.absent_score, config.states.search_growth) == (0.0, 1.0), "nothing hangs on scores that are not calibrated"
    assert (config.mask is not None) == (name == "siammask-r50")


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_only_the_default_is_continuous(name: str, preset: str) -> None:
    config = inference_config(card(name), preset)
    least = 0.0 if name in SIAMCAR else 10.0
    official = UnclippedStart(shift=-0.5), least
    expected = {"default": (ClippedStart(), 3.0), "official": official, "siamcar": official}
    assert (config.start, config.states.min_size) == expected.get(preset, (UnclippedStart(shift=0.0), least))


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_only_siamcars_own_inference_has_its_oddities(name: str, preset: str) -> None:
    localizer = inference_config(card(name), preset).localizer
    if (name == "siamcar-r50" and preset != "default") or preset == "siamcar":
        assert (localizer.score, localizer.boxes) == (StretchedScore(quality=1.0), Best())
        bounds = {"nearest": int(0.1 * 127), "farthest": int(0.44 * 127)}
        oddities = {"origin": 31.0, "half_pixel": True, "stretched": True, "mixed_units": True}
        assert localizer.place == CoarseToFine(stride=8, first=32.0, **bounds, **oddities)
    else:
        assert (localizer.place, localizer.score) == (Argmax(), SigmoidScore(quality=1.0))
        assert localizer.boxes == (MeanRanked(top=3) if name == "siamla-r50" else Best())


@pytest.mark.parametrize(
    "stored",
    [
        {"localizer.place": "coarse-to-fine", "localizer.place.stretched": False, "localizer.place.origin": 30.0},
        {"localizer.place": "argmax", "localizer.boxes": "mean-near", "localizer.boxes.top": 5},
    ],
)
def test_parameters_of_a_weight_file_do_not_outlast_the_preset(stored: dict[str, object]) -> None:
    """A file that was exported with other oddities still tracks as the official code when asked to."""
    found = inference_config(card("siamcar-r50"), "official", header={"tracker": stored})
    assert found == inference_config(card("siamcar-r50"), "official")
    changed = apply_overrides(found, {"localizer.place.mixed_units": "false"})
    assert not changed.localizer.place.mixed_units
    assert changed.localizer.place.stretched
