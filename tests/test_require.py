from __future__ import annotations

import math

import pytest

from lockon import _require
from lockon._require import missing_extra, require
from lockon.errors import LockonError


def test_an_installed_module_is_returned() -> None:
    assert require("math") is math


def test_a_missing_extra_names_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_require.EXTRAS, "no_such_module_at_all", "train")
    with pytest.raises(LockonError, match=r'pip install "lockon\[train\]"'):
        require("no_such_module_at_all.part")
    with pytest.raises(LockonError, match=r'pip install "lockon\[app\]"'):
        require("no_such_module_at_all", "app")


def test_a_module_that_no_extra_brings_keeps_its_own_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        require("no_such_module_at_all")
    assert missing_extra("no_such_module_at_all") is None
