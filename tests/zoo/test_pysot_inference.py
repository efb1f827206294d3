"""Presets of the trackers that descend from PySOT."""

from __future__ import annotations

import pytest

from lockon.config import apply_overrides
from lockon.zoo.loading import inference_config
from lockon.zoo.registry import TRACKERS, card

SIAMCAR = ("siamcar-r50", "siamla-r50")
FAMILY = [name for name in TRACKERS if card(name).search_by_size]
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
    assert (found.penalty, found.window, found.smoothing) == numbers


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_what_all_presets_share(name: str, preset: str) -> None:
    config = inference_config(card(name), preset, size_ratio=287 / 127)
    assert (config.context, config.template_factor, config.search_factor) == (0.5, 1.0, 287 / 127)
    assert config.pixel_centers
    assert config.localizer.zero_border
    assert config.localizer.anchors == (5 if "rpn" in name or "mask" in name else 1)
    assert (config.hold, config.grow) == (0.0, 1.0), "nothing hangs on scores that are not calibrated"
    assert (config.mask is not None) == (name == "siammask-r50")


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_only_the_default_is_continuous(name: str, preset: str) -> None:
    config = inference_config(card(name), preset)
    least = 0.0 if name in SIAMCAR else 10.0
    expected = {"default": ("continuous", 3.0), "official": ("pysot", least), "siamcar": ("pysot", least)}
    assert (config.conventions, config.min_size) == expected.get(preset, ("pysot-bench", least))


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_only_siamcars_own_inference_has_its_oddities(name: str, preset: str) -> None:
    localizer = inference_config(card(name), preset).localizer
    oddities = (localizer.refine.origin, localizer.refine.half_pixel, localizer.refine.stretched, localizer.refine.mixed_units)
    if (name == "siamcar-r50" and preset != "default") or preset == "siamcar":
        assert (localizer.location, localizer.quality_scale, localizer.top) == ("coarse-to-fine", "minmax", 1)
        assert oddities == (31.0, True, True, True)
        assert (localizer.refine.stride, localizer.refine.first) == (8, 32.0)
        assert (localizer.refine.nearest, localizer.refine.farthest) == (int(0.1 * 127), int(0.44 * 127))
    else:
        assert (localizer.location, localizer.quality_scale) == ("candidate", "sigmoid")
        assert oddities == (None, False, False, False)
        assert (localizer.top, localizer.top_rule) == ((3, "ranked") if name == "siamla-r50" else (1, "near"))


def test_parameters_of_a_weight_file_do_not_outlast_the_preset() -> None:
    """A file that was exported with other oddities still tracks as the official code when asked to."""
    stored = {"localizer.refine.stretched": False, "localizer.refine.origin": 30.0, "localizer.location": "candidate"}
    found = inference_config(card("siamcar-r50"), "official", header={"tracker": stored})
    assert found == inference_config(card("siamcar-r50"), "official")
    changed = apply_overrides(found, {"localizer.refine.mixed_units": "false"})
    assert not changed.localizer.refine.mixed_units
    assert changed.localizer.refine.stretched
