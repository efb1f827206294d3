from pathlib import Path

import pytest
from tiny_layouts import make_otb, make_uav123, make_vot

from lockon.data.paths import find, find_root, read_config
from lockon.errors import LockonError


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LOCKON_DATA", raising=False)
    monkeypatch.delenv("LOCKON_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    make_otb(root / "OTB100", "Car", 2)
    make_vot(root / "VOT2018", "book", ["0,0,5,5"] * 2)
    make_uav123(root / "UAV123", "bike1", ["1,1,2,2"] * 2)
    return root


def write_config(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_given_root_may_hold_the_dataset_or_be_it(data: Path) -> None:
    assert find_root("OTB100", data) == data / "OTB100"
    assert find_root("OTB100", data / "OTB100") == data / "OTB100"
    assert find_root("pool", data) == data


def test_order_given_environment_file(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_otb(tmp_path / "env" / "OTB100", "Car", 2)
    make_otb(tmp_path / "toml" / "mine", "Car", 2)
    write_config(tmp_path / "home" / ".config" / "lockon" / "data.toml", f'[roots]\nOTB100 = "{tmp_path / "toml" / "mine"}"\n')
    assert find_root("OTB100") == tmp_path / "toml" / "mine"
    monkeypatch.setenv("LOCKON_DATA", str(tmp_path / "env"))
    assert find("OTB100")[1] == "LOCKON_DATA"
    assert find_root("OTB100") == tmp_path / "env" / "OTB100"
    assert find_root("OTB100", data) == data / "OTB100"
    monkeypatch.setenv("LOCKON_DATA", str(tmp_path / "nowhere"))
    assert find_root("OTB100") == tmp_path / "toml" / "mine"  # not there: the next way


def test_config_paths_start_at_the_file(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKON_CONFIG", str(write_config(tmp_path / "my.toml", '[roots]\nVOT2018 = "data/VOT2018"\n')))
    assert find_root("VOT2018") == data / "VOT2018"
    assert find("VOT2018")[1] == str(tmp_path / "my.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[roots", "is no TOML"),
        ("roots = 3", r"expected \[roots\]"),
        ("[roots]\nOTB100 = 3", r"expected \[roots\]"),
        ('[roots]\nOTB1000 = "x"', "unknown dataset 'OTB1000'; did you mean 'OTB100'"),
    ],
)
def test_bad_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str) -> None:
    monkeypatch.setenv("LOCKON_CONFIG", str(write_config(tmp_path / "my.toml", text)))
    with pytest.raises(LockonError, match=message):
        read_config()


def test_config_that_is_named_but_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKON_CONFIG", str(tmp_path / "absent.toml"))
    with pytest.raises(LockonError, match="does not exist"):
        find_root("OTB100")


def test_error_names_all_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LockonError) as caught:
        find_root("OTB100")
    for way in ("--data-root", "LOCKON_DATA", str(tmp_path / "home" / ".config" / "lockon" / "data.toml")):
        assert way in str(caught.value)
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("LOCKON_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(LockonError, match="nowhere does not exist"):
        find_root("OTB100")


@pytest.mark.parametrize(
    ("name", "root", "message"),
    [
        ("OTB100", "OTB100/Car", "one level too deep for OTB100; give .*OTB100"),
        ("OTB100", "OTB100/Car/img", "2 levels too deep for OTB100; give .*OTB100"),
        ("UAV123", "UAV123/data_seq", "one level too deep for UAV123; give .*UAV123"),
        ("VOT2018", "..", "one level too high for VOT2018; give .*data"),
        ("pool", "..", "one level too high for pool; give .*data"),
        ("pool", "VOT2018", "one level too deep for pool; give .*data"),
        ("DAVIS2016", "OTB100", "does not look like DAVIS2016; expected JPEGImages"),
        ("OTB100", "absent", "absent does not exist"),
    ],
)
def test_root_off_by_a_level(data: Path, name: str, root: str, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        find_root(name, data / root)


def test_a_dataset_is_not_mistaken_for_another_of_the_same_layout(data: Path) -> None:
    for root in (data, data / "OTB100"):
        with pytest.raises(LockonError, match="does not look like TinyTLP"):
            find_root("TinyTLP", root)


def test_unknown_name() -> None:
    with pytest.raises(LockonError, match="unknown dataset 'OTB10'; did you mean 'OTB100'"):
        find_root("OTB10")
