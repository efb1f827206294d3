from __future__ import annotations

from array import array
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from lockon.errors import LockonError
from lockon.ops.arrays import as_array, brief

NUMBERS = [30.0, 31.0, 28.0, 22.0]


class Exchanged:
    """Memory of another library, with one of the ways to hand it over."""

    def __init__(self, numbers: np.ndarray, way: str) -> None:
        self._numbers = numbers
        for name in {"dlpack": ("__dlpack__", "__dlpack_device__"), "interface": ("__array_interface__",)}[way]:
            setattr(type(self), name, property(lambda self, name=name: getattr(self._numbers, name)))


class Unwilling:
    """An object of another library that cannot be converted, and has no text."""

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        raise RuntimeError("of two\nlines")

    def __repr__(self) -> str:
        raise RuntimeError


class OnGpu:
    """Memory of a GPU."""

    __cuda_array_interface__ = {"shape": (4,)}  # noqa: RUF012


KINDS: dict[str, Callable[[], Any]] = {
    "tuple": lambda: tuple(NUMBERS),
    "decimals": lambda: [Decimal(int(number)) for number in NUMBERS],
    "objects": lambda: np.array(NUMBERS, object),
    "read-only": lambda: np.frombuffer(np.array(NUMBERS).tobytes()),
    "strided": lambda: np.repeat(NUMBERS, 2)[::2],
    "other byte order": lambda: np.array(NUMBERS, ">f4"),
    "masked nowhere": lambda: np.ma.masked_array(NUMBERS),
    "array of the standard library": lambda: array("d", NUMBERS),
    "memory": lambda: memoryview(np.array(NUMBERS)),  # type: ignore[arg-type]
    "DLPack": lambda: type("A", (Exchanged,), {})(np.array(NUMBERS), "dlpack"),
    "array interface": lambda: type("B", (Exchanged,), {})(np.array(NUMBERS), "interface"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_any_kind_are_taken(kind: str) -> None:
    assert as_array(KINDS[kind](), "box", "give four numbers").tolist() == NUMBERS


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing": (lambda: None, "box None is no array of real numbers; give four numbers"),
    "400 digits": (lambda: [1, 2, 3, 10**400], "too large"),
    "5000 digits": (lambda: [1, 2, 3, 10**5000], "too large"),
    "ragged": (lambda: [[1, 2], [3]], "inhomogeneous"),
    "masked": (lambda: np.ma.masked_array(NUMBERS, [1, 0, 0, 0]), "are masked; fill them"),
    "complex": (lambda: [1j, 2, 3, 4], "complex128"),
    "complex objects": (lambda: np.array([1j, 2, 3, 4], object), "object"),
    "dates": (lambda: np.zeros(4, "M8[D]"), "datetime64"),
    "records": (lambda: np.zeros(4, [("x", float)]), "no array of real numbers"),
    "a dictionary": (lambda: {"x": 1}, "dict"),
    "a generator": (lambda: iter(NUMBERS), "iterator"),
    "bytes": (lambda: b"1,2,3,4", "b'1,2,3,4'"),
    "unwilling": (Unwilling, "of two lines"),
    "unwilling ones": (lambda: [Unwilling()], "of two lines"),
    "on a GPU": (OnGpu, "copy it to the CPU"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_array_is_refused_in_one_line(kind: str) -> None:
    make, message = REFUSED[kind]
    with pytest.raises(LockonError, match=message) as caught:
        as_array(make(), "box", "give four numbers")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 300


def test_an_array_is_not_copied() -> None:
    numbers = np.zeros(4)
    assert as_array(numbers, "box", "") is numbers


def test_tensors_with_a_gradient_and_of_types_that_numpy_lacks_are_taken() -> None:
    torch = pytest.importorskip("torch")
    for tensor in (
        torch.tensor(NUMBERS, requires_grad=True),
        torch.tensor(NUMBERS).bfloat16(),
        torch.tensor(NUMBERS).half(),
        [torch.tensor(number, requires_grad=True) for number in NUMBERS],
    ):
        assert as_array(tensor, "box", "").tolist() == NUMBERS
    for tensor in (torch.tensor(NUMBERS).to_sparse(), torch.empty(4, device="meta"), torch.tensor([1j])):
        with pytest.raises(LockonError, match="box"):
            as_array(tensor, "box", "")


def test_values_are_shown_in_a_few_characters_of_one_line() -> None:
    assert brief("a\n" * 100).count("\n") == 0
    assert len(brief(np.zeros((50, 50)))) <= 60
    assert brief(Unwilling()) == "a Unwilling"
