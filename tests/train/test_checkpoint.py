"""Weight files and checkpoint folders: round trips, strictness, damage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from lockon._weights import METADATA_KEY
from lockon.errors import LockonError
from lockon.train.checkpoint import (
    Checkpoints,
    RunState,
    load_weights,
    random_state,
    read_weights,
    save_weights,
    set_random_state,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_weights(nn.Linear(3, 2), path, {"architecture": "linear", "metrics": {"AO": 0.5}})
    return path


def test_weights_and_header_come_back(file: Path) -> None:
    module = nn.Linear(3, 2)
    assert load_weights(module, file) == {"architecture": "linear", "metrics": {"AO": 0.5}}
    assert torch.equal(module.weight, read_weights(file)[0]["weight"])
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_equal_weights_are_equal_files(file: Path, tmp_path: Path) -> None:
    tensors, header = read_weights(file)
    for number in range(8):  # in some of which the library would have the metadata the other way round
        save_weights(tensors, tmp_path / f"{number}.safetensors", header)
        assert (tmp_path / f"{number}.safetensors").read_bytes() == file.read_bytes()


def test_tied_weights_can_be_saved(tmp_path: Path) -> None:
    shared = torch.arange(4.0)
    save_weights({"a": shared, "b": shared}, tmp_path / "tied.safetensors")
    tensors, header = read_weights(tmp_path / "tied.safetensors")
    assert torch.equal(tensors["a"], tensors["b"])
    assert header == {}


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Linear(4, 2), r"weight is \(2, 3\), not \(2, 4\) of another shape"),
        (nn.Linear(3, 2, bias=False), "bias unexpected"),
        (nn.Sequential(nn.Linear(3, 2)), "0.weight, 0.bias missing; bias, weight unexpected"),
        (nn.Sequential(*(nn.Linear(3, 2) for _ in range(3))), "0.weight, 0.bias, 1.weight and 3 more missing"),
    ],
)
def test_weights_of_another_architecture_are_refused(file: Path, module: nn.Module, message: str) -> None:
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(LockonError, match=rf"architecture 'linear'\) does not fit {type(module).__name__}: .*{message}") as caught:
        load_weights(module, file)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("size", [0, 5, 60, -1])
def test_a_truncated_file_is_refused(file: Path, size: int) -> None:
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(LockonError, match=r"is not a whole safetensors file|weights are damaged"):
        load_weights(nn.Linear(3, 2), file)


def test_every_flipped_byte_is_refused_or_changes_nothing(file: Path) -> None:
    content, whole = file.read_bytes(), read_weights(file)
    places = np.random.default_rng(3).choice(len(content), 60, replace=False)
    refused = 0
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 0x21
        file.write_bytes(damaged)
        try:
            tensors, header = read_weights(file)
        except LockonError:
            refused += 1
        else:
            assert header == whole[1]
            assert all(torch.equal(tensor, whole[0][name]) for name, tensor in tensors.items())
    assert refused > 50


def test_damaged_weights_are_called_damaged(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-4:] = b"\x00\x00\xc0\x7f"  # NaN
    file.write_bytes(content)
    with pytest.raises(LockonError, match=r"weights\.safetensors: weights are damaged"):
        read_weights(file)


def test_files_of_other_programs_have_no_hash(tmp_path: Path) -> None:
    save_file({"value": torch.ones(2)}, tmp_path / "other.safetensors")
    tensors, header = read_weights(tmp_path / "other.safetensors")
    assert (tensors["value"].tolist(), header) == ([1, 1], {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "no JSON object"),
        ("{", "damaged lockon header"),
        ("[" * 100_000, "damaged lockon header"),
        ('{"config": "text"}', "config is 'text', expected an object"),
        ('{"config": {"model": 5}}', r"config\.model is 5, expected an object"),
        ('{"tracker": [1]}', r"tracker is \[1\], expected an object"),
        ('{"architecture": {}}', "architecture is {}, expected text"),
    ],
)
def test_headers_of_other_types_are_one_line(tmp_path: Path, text: str, message: str) -> None:
    save_file({"value": torch.ones(2)}, tmp_path / "odd.safetensors", {METADATA_KEY: text})
    with pytest.raises(LockonError, match=message) as caught:
        read_weights(tmp_path / "odd.safetensors")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LockonError, match=r"no weights at .*none.safetensors"):
        read_weights(tmp_path / "none.safetensors")


def test_an_unwritable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LockonError, match=r"cannot write .*choose a folder that you may write to"):
        save_weights(nn.Linear(1, 1), tmp_path / "file" / "weights.safetensors")


def make(checkpoints: Checkpoints, *steps: int, best: int | None = None) -> None:
    for step in steps:
        folder = checkpoints.begin(step)
        save_weights({"value": torch.tensor(float(step))}, folder / "model.safetensors")
        checkpoints.commit(folder, RunState(step=step, best_step=best))


def test_the_newest_and_the_best_stay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    assert checkpoints.steps() == []
    make(checkpoints, 5, 10, 15, 20, best=10)
    assert checkpoints.steps() == [10, 15, 20]
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {"step-000010", "step-000015", "step-000020"}
    assert checkpoints.read(20) == RunState(step=20, best_step=10)


def test_half_written_checkpoints_are_not_seen_and_are_cleared_away(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    make(checkpoints, 5)
    checkpoints.begin(10)  # killed here
    assert checkpoints.steps() == [5]
    make(checkpoints, 10)
    assert checkpoints.steps() == [5, 10]
    assert all(not path.name.startswith(".") for path in (tmp_path / "checkpoints").iterdir())


def test_leftovers_go_also_where_nothing_is_left_to_save(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    make(checkpoints, 5)
    (tmp_path / "checkpoints" / ".step-000000.old.tmp").mkdir()  # killed while an old one was removed
    checkpoints.sweep()
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-000005"]


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    make(checkpoints, 5)
    make(checkpoints, 5, best=5)
    assert checkpoints.read(5).best_step == 5


def test_steps_beyond_six_digits_are_in_order(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=3)
    make(checkpoints, 999_999, 1_000_000)
    assert checkpoints.steps() == [999_999, 1_000_000]


@pytest.mark.parametrize("text", ["", "{", json.dumps({"stage": 3})])
def test_a_damaged_state_says_which_folder_to_remove(tmp_path: Path, text: str) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    make(checkpoints, 5)
    (checkpoints.path(5) / "state.json").write_text(text)
    with pytest.raises(LockonError, match="remove that folder to resume from the checkpoint before it"):
        checkpoints.read(5)


def test_random_state_comes_back(tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    save_weights(random_state(cpu), tmp_path / "rng.safetensors")
    expected = torch.rand(3)
    set_random_state(read_weights(tmp_path / "rng.safetensors")[0], cpu)
    assert torch.equal(torch.rand(3), expected)
