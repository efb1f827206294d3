from __future__ import annotations

import json
import math
from importlib import metadata

import pytest

from lockon import _require
from lockon._require import missing_extra, require
from lockon.errors import LockonError


def test_an_installed_module_is_returned() -> None:
    assert require("math") is math


def test_a_missing_extra_names_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_require.EXTRAS, "no_such_module_at_all", "train")
    with pytest.raises(LockonError, match=r"pip install .*\[train\]"):
        require("no_such_module_at_all.part")
    with pytest.raises(LockonError, match=r"pip install .*\[app\]"):
        require("no_such_module_at_all", "app")


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, 'pip install "lockon[train]"'),
        ({"url": "file:///src/lockon", "dir_info": {"editable": True}}, 'pip install -e "/src/lockon[train]"'),
        ({"url": "file:///my%20src/lockon", "dir_info": {}}, 'pip install "/my src/lockon[train]"'),
        ({"url": "file:///dl/lockon-1.whl", "archive_info": {}}, 'pip install "lockon[train] @ file:///dl/lockon-1.whl"'),
        (metadata.PackageNotFoundError(), "pip install lightning lightning-fabric pycocotools tensorboard"),
    ],
)
def test_the_command_is_the_one_that_works_for_how_lockon_was_installed(
    origin: object, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        def read_text(self, _: str) -> str | None:
            return None if origin is None else json.dumps(origin)

    def distribution(_: str) -> Installed:
        if isinstance(origin, Exception):
            raise origin
        return Installed()

    monkeypatch.setattr(metadata, "distribution", distribution)
    assert _require.install_command.__wrapped__("train") == command


def test_a_module_that_no_extra_brings_keeps_its_own_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        require("no_such_module_at_all")
    assert missing_extra("no_such_module_at_all") is None
