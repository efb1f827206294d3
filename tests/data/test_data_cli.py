from pathlib import Path

import pytest
from tiny_benchmarks import build
from tiny_layouts import make_otb
from typer.testing import CliRunner

from lockon.cli.data import app
from lockon.errors import LockonError

RUN = CliRunner()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LOCKON_DATA", raising=False)
    monkeypatch.setenv("LOCKON_CONFIG", str(tmp_path / "data.toml"))
    (tmp_path / "data.toml").write_text("")
    make_otb(tmp_path / "OTB100", "Car1", 3)
    return tmp_path


def test_check_all_good(root: Path) -> None:
    result = RUN.invoke(app, ["check", "OTB100", "--data-root", str(root), "--subset", "--full"])
    assert result.exit_code == 0, result.output
    assert "OTB100 in" in result.output
    assert "1 sequences, 3 frames" in result.output
    assert "all good" in result.output


def test_names_in_any_spelling_and_pooled_sets(root: Path) -> None:
    result = RUN.invoke(app, ["check", f"otb-100:{root}", "--subset"])
    assert result.exit_code == 0, result.output
    assert "1 of 100 sequences, 1 cut, by the list of the complete benchmark" in result.output
    make_otb(root / "TinyTLP", "Drone", 2)
    result = RUN.invoke(app, ["check", "OTB100+tiny-tlp", "--data-root", str(root), "--subset"])
    assert result.exit_code == 0, result.output
    assert "TinyTLP in" in result.output


def test_check_finds_a_problem(root: Path) -> None:
    (root / "OTB100" / "Car1" / "img" / "0002.jpg").unlink()
    result = RUN.invoke(app, ["check", f"OTB100:{root / 'OTB100'}", "--subset"])
    assert result.exit_code == 1
    assert "Car1: missing frames: 2 (1 of 3)" in result.output
    assert "1 problem found" in result.output


@pytest.mark.parametrize(
    "arguments",
    [["OTB1"], ["OTB100"], ["OTB100:"], ["OTB100+LaSO"], ["OTB100:/x", "--data-root", "/y"], ["OTB100", "--data-root", "/nowhere"]],
)
def test_check_wrong_usage_is_left_to_the_one_handler(root: Path, arguments: list[str]) -> None:
    result = RUN.invoke(app, ["check", *arguments])
    assert isinstance(result.exception, LockonError)
    assert "\n" not in str(result.exception)


def test_list(root: Path) -> None:
    result = RUN.invoke(app, ["list", "--data-root", str(root)])
    assert result.exit_code == 0
    lines = {line.split()[0]: line.split()[1:] for line in result.output.splitlines()}
    assert lines["OTB100"][:2] == ["otb", str(root / "OTB100")]
    assert lines["DAVIS2016"] == ["davis", "-"]
    assert lines["pool"][1] == str(root)
    assert lines["NUO323"] == ["pooled", "-"]
    assert lines["GOT10k_val"] == ["got10k", "-"]
    for name in ("NFS30", "UAV123"):
        build(name, root / name)
    result = RUN.invoke(app, ["list", "--data-root", str(root)])
    assert "NUO323              pooled       NFS30, UAV123, OTB100" in result.output


def test_list_with_a_broken_file_says_so(root: Path) -> None:
    (root / "data.toml").write_text("[roots")
    assert isinstance(RUN.invoke(app, ["list"]).exception, LockonError)
