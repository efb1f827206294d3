"""Official checkpoints of DiMP and ATOM: every weight has one place, also in snapshots that name classes of their project."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from fake_cards import register  # noqa: E402
from golden_networks import blank  # noqa: E402
from golden_online import CARDS  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.zoo import atom, dimp  # noqa: E402
from lockon.zoo.card import Card  # noqa: E402
from lockon.zoo.convert import COUNTER, from_official  # noqa: E402
from lockon.zoo.external_weights import read_external  # noqa: E402
from lockon.zoo.registry import TRACKERS  # noqa: E402


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cards of the networks, where the zoo has none by these names."""
    for family in (dimp, atom):
        for name, config in family.NETWORKS.items():
            if name not in TRACKERS:
                register(monkeypatch, Card(name=name, summary="a network", model=config, build=family.build, official=family.OFFICIAL))


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize("golden", CARDS)
def test_every_official_weight_has_one_place(golden: str) -> None:
    official = blank(golden)
    converted = from_official(CARDS[golden], official)
    used = [value for key, value in official.items() if not re.match(r"feature_extractor\.(layer4|fc)\.", key)]
    found = sorted(float(value.flatten()[0]) for value in converted.values())
    assert found == [float(value.flatten()[0]) for value in used], "each of them once"
    for key, value in official.items():
        if key.startswith("feature_extractor.") and not re.match(r"feature_extractor\.(layer4|fc)\.", key):
            assert converted[key.replace("feature_extractor.", "backbone.")].flatten()[0] == value.flatten()[0]


@pytest.mark.usefixtures("cards")
def test_prdimp_is_dimp_without_the_three_maps() -> None:
    maps = re.compile(r"classifier\.filter_optimizer\.(label_map|target_mask|spatial_weight)_predictor")
    official = {key: value for key, value in blank("super_dimp").items() if not maps.match(key)}
    converted = from_official("prdimp50", official)
    assert {"optimizer.log_step_length", "optimizer.filter_reg"} == {key for key in converted if key.startswith("optimizer.")}
    with pytest.raises(LockonError, match="label_map_predictor"):
        from_official("prdimp50", blank("super_dimp"))


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize("package", ["ltr.admin", "dlframework.common"])
def test_a_snapshot_that_names_classes_of_its_project_is_read(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Old files name the package `dlframework`; nothing of either is imported."""
    parts = package.split(".")
    for end in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), types.ModuleType(".".join(parts[:end])))
    named = f"{package}.settings"
    module = types.ModuleType(named)
    settings = type("NetConstructor", (), {"__module__": named})
    module.NetConstructor = settings  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, named, module)
    official = {key: value for key, value in blank("atom").items() if not re.match(r"feature_extractor\.(layer4|fc)\.", key)}
    snapshot = {
        **{"epoch": 50, "actor_type": "AtomActor", "net_type": "ATOMnet", "net": official, "net_info": None},
        **{"constructor": settings(), "optimizer": {"state": {}}, "stats": {"loss": settings()}, "settings": settings()},
    }
    torch.save(snapshot, tmp_path / "atom.pth")
    monkeypatch.delitem(sys.modules, named)
    tensors = read_external(tmp_path / "atom.pth")
    assert tensors.keys() == official.keys()
    converted = from_official("atom", tensors)
    assert sum(not key.endswith(COUNTER) for key in converted) == sum(not key.endswith(COUNTER) for key in official)
    assert named not in sys.modules


@pytest.mark.parametrize("wrong", [{"search_size": 250}, {"search_size": 2080}, {"search_factor": 0.0}, {"depth": 34}])
def test_numbers_that_no_network_can_have_name_themselves(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(LockonError, match=f"{name}=.* given, expected"):
        dimp.DiMPConfig(**wrong)  # type: ignore[arg-type]
