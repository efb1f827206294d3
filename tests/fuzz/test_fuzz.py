"""Five hundred damaged inputs of all kinds; `benchmarks/fuzz.py` reads as many as one likes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from fuzz_inputs import KINDS
from fuzzing import fuzz
from mutations import BINARY, TEXT, mutate

INPUTS = {"boxes": 110, "annotations": 90, "videos": 120, "weights": 100, "checkpoints": 40, "configurations": 40}


def test_all_kinds_are_fuzzed_and_by_five_hundred_inputs() -> None:
    assert set(INPUTS) == set(KINDS)
    assert sum(INPUTS.values()) == 500


@pytest.mark.slow
@pytest.mark.parametrize("kind", INPUTS)
def test_a_damaged_input_is_refused_in_one_line_or_read_without_harm(kind: str, tmp_path: Path) -> None:
    for package in KINDS[kind].missing:
        pytest.skip(f"needs {package}")
    findings = fuzz(kind, INPUTS[kind], 0, tmp_path)
    assert findings.inputs == INPUTS[kind]
    assert findings.endings["refused"]  # both happen, so the inputs are neither all right nor all beyond reading
    assert findings.endings["done"] or kind == "weights"  # whose hash notices every damage
    faults = [f"input {first['input']} ({count} times): {first['fault']}" for count, first in findings.faults.values()]
    assert not faults, "\n".join([f"python benchmarks/fuzz.py --kind {kind} --first NUMBER --inputs 1 repeats one of:", *faults])


def test_damage_of_a_seed_is_always_the_same_and_there_is_some() -> None:
    data = b'frame,target\n0,0,10.5,"name"\n' * 9
    for text in (True, False):
        made = [mutate(data, Random(seed), text=text) for seed in range(50)]
        assert made == [mutate(data, Random(seed), text=text) for seed in range(50)]
        assert sum(one != data for one in made) > 45


@pytest.mark.parametrize("damage", dict.fromkeys((*TEXT, *BINARY)), ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("data", [b"", b"x", b"12", b'{"a": "b"}\n'], ids=len)
def test_every_damage_can_be_done_to_short_files(damage: object, data: bytes) -> None:
    for seed in range(20):
        assert data == b"" or isinstance(damage(data, Random(seed)), bytes)  # type: ignore[operator]
