from __future__ import annotations

import io
import os
import pickle
import sys
import types
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("safetensors", reason="needs the torch extra")

from safetensors.torch import save_file  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.zoo import restricted_pickle  # noqa: E402
from lockon.zoo.external_weights import read_external  # noqa: E402

STATE = {"conv.weight": torch.arange(6.0).view(2, 3), "bn.num_batches_tracked": torch.tensor(3)}


class Hostile:
    """Runs a command when it is unpickled: makes a folder, which shows whether it did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("name", ["a.pth", "a.pt", "a.tar", "a.pth.tar", "a.model"])
@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 20, "optimizer": {"lr": 0.1, "names": ["a"]}},
        lambda state: {"model": state},
        lambda state: {f"module.{key}": value for key, value in state.items()},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
    ],
)
def test_what_can_be_read(tmp_path: Path, name: str, legacy: bool, wrap) -> None:
    torch.save(wrap(STATE), tmp_path / name, _use_new_zipfile_serialization=not legacy)
    found = read_external(tmp_path / name)
    assert list(found) == list(STATE)
    assert all(torch.equal(found[key], value) for key, value in STATE.items())


def test_safetensors(tmp_path: Path) -> None:
    save_file({"module.a": torch.ones(2)}, tmp_path / "a.safetensors")
    assert torch.equal(read_external(str(tmp_path / "a.safetensors"))["a"], torch.ones(2))


def test_only_one_prefix_is_taken_off(tmp_path: Path) -> None:
    torch.save({"module.module.a": torch.ones(1)}, tmp_path / "a.pth")
    assert list(read_external(tmp_path / "a.pth")) == ["module.a"]


@pytest.mark.parametrize("kind", ["zip", "legacy", "plain pickle", "inside a state_dict", "renamed to safetensors"])
def test_a_hostile_file_is_refused_and_nothing_in_it_runs(tmp_path: Path, kind: str) -> None:
    planted = Hostile(tmp_path / "it_ran")
    path = tmp_path / ("model.safetensors" if kind == "renamed to safetensors" else "model.pth")
    if kind in {"plain pickle", "renamed to safetensors"}:
        path.write_bytes(pickle.dumps(planted))
    else:
        content = {"state_dict": {**STATE, "evil": planted}} if kind == "inside a state_dict" else planted
        torch.save(content, path, _use_new_zipfile_serialization=kind != "legacy")
    with pytest.raises(LockonError) as caught:
        read_external(path)
    assert not planted.folder.exists()
    assert "\n" not in str(caught.value)
    if kind in ("zip", "legacy", "inside a state_dict"):
        assert f"asks for {os.mkdir.__module__}.mkdir to be called on loading, which is refused" in str(caught.value)
    pickle.loads(pickle.dumps(planted))
    assert planted.folder.is_dir(), "the planted pickle must be able to run"


class Settings:
    """As the training code of other projects keeps them beside the weights."""

    def __init__(self) -> None:
        self.folder, self.parts = Path("a"), defaultdict(list, {"a": [1]})


class Registry(dict):
    """A container of its own kind, as configurations often are."""


class History(list):
    """Likewise."""


def _snapshot(folder: Path) -> dict[str, object]:
    """What Alpha-Refine's and DiMP's trainer writes, and an entry that would run a command."""
    return {
        "epoch": 40,
        "net_type": "SEcmnet",
        "net": OrderedDict(STATE),
        "net_info": None,
        "constructor": Settings(),
        "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "stats": OrderedDict(train=OrderedDict(loss=History([Settings(), 1])), scores=Registry(a=1, b=Settings()), best=np.float64(1)),
        "settings": Settings(),
        "planted": Hostile(folder),
    }


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_beside_objects_of_another_project(tmp_path: Path, legacy: bool) -> None:
    """Their classes need not exist, and nothing is called: what is found after a hostile entry is still read."""
    planted = tmp_path / "it_ran"
    snapshot = _snapshot(planted)
    for content in (snapshot, dict(reversed(snapshot.items()))):
        torch.save(content, tmp_path / "a.pth.tar", _use_new_zipfile_serialization=not legacy)
        found = read_external(tmp_path / "a.pth.tar")
        assert list(found) == list(STATE)
        assert all(torch.equal(found[key], value) for key, value in STATE.items())
        assert not planted.exists()


def test_nothing_of_a_file_is_imported(tmp_path: Path, monkeypatch) -> None:
    """A class whose module would do something when it is loaded."""
    (tmp_path / "planted_module.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    planted = type("Planted", (), {"__module__": "planted_module"})
    monkeypatch.setitem(sys.modules, "planted_module", types.SimpleNamespace(Planted=planted))
    torch.save({"net": STATE, "settings": planted()}, tmp_path / "a.pth")
    monkeypatch.delitem(sys.modules, "planted_module")
    assert list(read_external(tmp_path / "a.pth")) == list(STATE)
    assert "planted_module" not in sys.modules


@pytest.mark.parametrize(
    "opcodes", [b"cposix\nsystem\n(S'exit 3'\ntR.", b"cbuiltins\neval\n(S'1/0'\ntR.", b"(S'exit 3'\niposix\nsystem\n."]
)
def test_opcodes_that_call(opcodes: bytes) -> None:
    assert isinstance(restricted_pickle.load(io.BytesIO(opcodes)), restricted_pickle.StubObject)


@pytest.mark.parametrize(
    "name", ["collections\nOrderedDict.fromkeys", "torch._utils\n_import_dotted_name", "torch\nload", "torch\nSize.__new__"]
)
def test_names_next_to_the_allowed_ones(name: str) -> None:
    made = restricted_pickle.load(io.BytesIO(b"c" + name.encode() + b"\n."))
    assert issubclass(made, restricted_pickle.StubObject)


def test_a_file_cannot_change_the_functions_it_may_call() -> None:
    """Setting attributes of a global, as pickles can, must not reach torch."""
    before = dict(vars(torch._utils._rebuild_tensor_v2))
    restricted_pickle.load(io.BytesIO(b"ctorch._utils\n_rebuild_tensor_v2\n(dS'dump_patches'\nI01\nsb."))
    assert vars(torch._utils._rebuild_tensor_v2) == before


def test_attributes_of_a_dictionary_do_not_hide_its_entries(tmp_path: Path) -> None:
    state = OrderedDict(STATE)
    state.get = state.keys = Settings()  # type: ignore[method-assign]
    torch.save({"state_dict": state}, tmp_path / "a.pth")
    assert list(read_external(tmp_path / "a.pth")) == list(STATE)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pth", b"", "is not a readable weight file"),
        ("a.pth", b"nothing of that kind", "is not a readable weight file"),
        ("a.safetensors", b"nothing of that kind", "is not a readable weight file"),
        ("a.pth", {}, "holds nothing, expected tensors by name"),
        ("a.pth", [torch.ones(1)], "holds a list, expected tensors by name"),
        ("a.pth", {"a": torch.ones(1), "b": 3}, "holds 1 entries that are no named tensors, first 'b'"),
        ("a.pth", {"a": torch.ones(1), "module.a": torch.ones(1)}, "with and without 'module.'"),
    ],
)
def test_unreadable_weight_files_are_refused_in_one_line(tmp_path: Path, name: str, content, message: str) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(LockonError, match=message) as caught:
        read_external(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("keep", [1, 20, 200, 400])
def test_truncated_files(tmp_path: Path, keep: int) -> None:
    for legacy in (False, True):
        path = tmp_path / "whole.pth"
        torch.save(STATE, path, _use_new_zipfile_serialization=not legacy)
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(LockonError, match="is not a readable weight file"):
            read_external(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LockonError, match="does not exist; give the path of a weight file"):
        read_external(tmp_path / "none.pth")


def test_a_file_that_asks_for_more_memory_than_there_is_counts_as_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> object:
        raise MemoryError

    (tmp_path / "model.pth").write_bytes(b"x")
    monkeypatch.setattr("torch.load", load)
    with pytest.raises(LockonError, match="is not a readable weight file"):
        read_external(tmp_path / "model.pth")
